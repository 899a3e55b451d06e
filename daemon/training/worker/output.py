"""What a leg prints: its log, cut to a size, and the report lines in it."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from ...foreign_files import create_plain
from ...masking import Mask, masked

HEAD_BYTES, TAIL_BYTES = 64 << 10, 256 << 10  # what output.log keeps
LINE_BYTES = 256 << 10  # a longer line of output is no report
NEAR_BYTES = 4096  # what is kept of a line that looks like one
_METRICS = re.compile(rb"""["']metrics\\?["']|m\0e\0t\0r\0i\0c\0s""")
_BARE = re.compile(r"(?<=[:\s])[+-]?(?:nan|inf|infinity)(?=\s*[,}])", re.IGNORECASE)  # as C prints them


class OutputLog:
    """output.log: the first 64 KiB and the last 256 KiB of what a leg prints, whatever it prints in between."""

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(create_plain(path), "wb", buffering=0)
        self._head = 0
        self._tail = bytearray()
        self._left_out = 0
        self._is_written = True

    def write(self, data: bytes) -> None:
        """Take in what was printed."""
        room = HEAD_BYTES - self._head
        if room > 0:
            self._file.write(data[:room])
            self._head += min(room, len(data))
            data = data[room:]
        if data:
            self._tail += data
            self._is_written = False
        if len(self._tail) > 2 * TAIL_BYTES:
            self._trim()

    def flush(self) -> None:
        """Write the tail to the disk, in place of the previous one."""
        if self._is_written:
            return
        self._trim()
        mark = b"\n[... %d bytes left out ...]\n" % self._left_out if self._left_out else b""
        self._file.seek(HEAD_BYTES)
        self._file.truncate()
        self._file.write(mark + self._tail)
        self._is_written = True

    def close(self) -> None:
        """Write what is left and close the file."""
        self.flush()
        self._file.close()

    def _trim(self) -> None:
        surplus = len(self._tail) - TAIL_BYTES
        if surplus > 0:
            del self._tail[:surplus]
            self._left_out += surplus


class ReportFilter:
    """Picks the report lines out of a command's stdout and hands them on to be kept.

    `near`: a line behind the last report that looks like a further one, for exit.json; one that speaks of "metrics"
    rather than one that has only the `metric`'s name.
    """

    def __init__(self, keep: Callable[[bytes], None], metric: str = "", mask: Mask = masked) -> None:
        self.near: dict[str, object] = {}
        self._keep = keep
        self._mask = mask
        self._metric = metric.encode()
        self._line = b""
        self._number = 1  # of the line in hand, as an editor counts them
        self._is_too_long = False

    def write(self, data: bytes) -> None:
        """Take in a piece of output, of whole lines or not."""
        data = self._line + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1  # a progress bar ends its lines with the latter
        if end:
            if _METRICS.search(data, 0, end) or (self._metric and data.find(self._metric, 0, end) >= 0):
                self._take(data[:end].splitlines(keepends=True))
            self._number += data.count(b"\n", 0, end)
            self._is_too_long = False
        self._line = data[end:]
        if len(self._line) > LINE_BYTES:
            if not self._is_too_long and self._line.lstrip().startswith(b"{") and _METRICS.search(self._line):
                self._note(self._line, self._number, is_long=True)
            self._line, self._is_too_long = b"", True

    def close(self) -> None:
        """Take the last line, which may have no end."""
        if self._line and not self._is_too_long:
            self._take([self._line])

    def _take(self, lines: list[bytes]) -> None:
        reports, number = [], self._number
        for index, line in enumerate(lines):
            if index or not self._is_too_long:
                if b'"metrics"' in line and is_report(line):
                    reports.append(line.strip() + b"\n")
                    self.near = {}
                else:
                    self._note(line, number)
            number += line.endswith(b"\n")
        if reports:
            self._keep(b"".join(reports))

    def _note(self, line: bytes, number: int, *, is_long: bool = False) -> None:
        is_clear = _METRICS.search(line) is not None
        if not is_clear and (self.near or not self._metric or b"{" not in line or self._metric not in line):
            return
        if not self.near or (is_clear and not _METRICS.search(str(self.near["near_text"]).encode())):
            text = self._mask(line.strip()[: 2 * NEAR_BYTES].decode(errors="replace"))[:NEAR_BYTES]
            self.near = {"near_line": number, "near_text": text, "near_is_long": is_long}


def is_report(line: bytes) -> bool:
    """Whether a line of output is a JSON object with a step and metrics; whether they are good is judged later."""
    text = line.decode(errors="replace").strip().lstrip("\ufeff").lstrip()
    if not text.startswith("{"):
        return False
    for content in (text, _BARE.sub("NaN", text)):
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            continue
        return isinstance(found, dict) and "step" in found and "metrics" in found
    return False
