"""What a leg prints: its log, cut to a size, and the report lines in it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from ...foreign_files import create_plain

HEAD_BYTES, TAIL_BYTES = 64 << 10, 256 << 10  # what output.log keeps
LINE_BYTES = 256 << 10  # a longer line of output is no report


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
    """Picks the report lines out of a command's stdout and hands them on to be kept."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep
        self._line = b""
        self._is_too_long = False

    def write(self, data: bytes) -> None:
        """Take in a piece of output, of whole lines or not."""
        data = self._line + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1  # a progress bar ends its lines with the latter
        if end and b'"metrics"' in data[:end]:
            lines = data[:end].splitlines(keepends=True)
            self._append([line for line in lines[self._is_too_long :] if is_report(line)])
        if end:
            self._is_too_long = False
        self._line = data[end:]
        if len(self._line) > LINE_BYTES:
            self._line, self._is_too_long = b"", True

    def close(self) -> None:
        """Take the last line, which may have no end."""
        if self._line and not self._is_too_long and is_report(self._line):
            self._append([self._line])

    def _append(self, lines: list[bytes]) -> None:
        if lines:
            self._keep(b"".join(line.strip() + b"\n" for line in lines))


def is_report(line: bytes) -> bool:
    """Whether a line of output is a JSON object with a step and metrics; whether they are good is judged later."""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and "step" in content and "metrics" in content
