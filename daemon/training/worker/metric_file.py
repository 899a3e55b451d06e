"""The objective's metric in a file that a training writes (JSON, JSON Lines, a table), read when it has ended."""

import contextlib
import csv
import hashlib
import json
import math
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ...foreign_files import NotPlain, open_plain, read_plain
from ...masking import Mask
from ...metric_patterns import number_in

JSON_BYTES, TABLE_BYTES = 8 << 20, 64 << 20  # the largest files that are read
TAIL_BYTES = 64 << 10  # by which a file that was appended to is known
CLOCK_S = 0.02  # two writes within one tick of a file system's clock look alike
LINE_CHARACTERS = 1 << 20
_DELIMITERS = ",\t;|"
SHOWN_CHARACTERS = 4096
_SHOWN = 8


class _NotThere(Exception):
    """Why the file has no value, as a clause."""


@dataclass(frozen=True, slots=True)
class _State:
    """What a file is known by before a training, and a digest of its end."""

    inode: int
    size: int
    changed_ns: tuple[int, int]
    tail: bytes


class FiledMetric:
    """Reads the file once the training has ended; one that was not written by it does not count."""

    def __init__(
        self, path: Path, place: tuple[str, str], metric: str, to_step: float, keep: Callable[[bytes], None], mask: Mask
    ) -> None:
        """Made before the training starts. `place`: the key and the column, one of them empty."""
        self.fault: str | None = None
        self._path, (self._key, self._column), self._mask = path, place, mask
        self._metric, self._to_step, self._keep = metric, to_step, keep
        self._before = _state_of(path)
        if self._before is not None and time.time() - self._before.changed_ns[0] / 1e9 < CLOCK_S:
            time.sleep(CLOCK_S)

    def hear(self, stream: int, data: bytes) -> None:
        """What is printed does not matter."""

    def close(self) -> dict[str, object]:
        """Write the report; what exit.json says of it."""
        try:
            found = self._value()
        except _NotThere as error:
            return {"metric_fault": f"{self._path.name} {error}"}
        except FileNotFoundError:
            return {"metric_fault": f"the training wrote no file {self._path}; a relative path counts from workdir"}
        except NotPlain as error:
            return {"metric_fault": f"the metric cannot be read: {error.strerror}"}
        except OSError as error:
            return {"metric_fault": f"{self._path} cannot be read: {error.strerror}"}
        value = math.nan if found is None else number_in(found) if isinstance(found, str) else _plain_number(found)
        if value is None:
            where = f"column {self._column}" if self._column else self._key
            shown = self._mask(repr(found)[:SHOWN_CHARACTERS])[:60]
            return {"metric_fault": f"in {self._path.name}, {where} is {shown}, which is no number"}
        self._keep(json.dumps({"step": self._to_step, "metrics": {self._metric: value}}).encode() + b"\n")
        return {}

    def _value(self) -> object:
        """What stands there: a number, a text or whatever else JSON has."""
        now, before = _state_of(self._path), self._before
        if now is not None and before is not None and (now.inode, now.size, now.changed_ns) == (
            before.inode, before.size, before.changed_ns,
        ):  # fmt: skip
            raise _NotThere("was not written by this training: it is as an earlier run left it")
        is_table = bool(self._column)
        if not is_table and self._path.suffix not in (".jsonl", ".ndjson"):
            return _below(_parsed(read_plain(self._path, JSON_BYTES)), self._key)
        with open(open_plain(self._path), "rb") as file:
            if os.fstat(file.fileno()).st_size > TABLE_BYTES:
                raise _NotThere(f"has more than {TABLE_BYTES >> 20} MiB")
            old = before.size if before is not None and _is_appended(file, before) else 0
            return _last_cell(file, old, self._column) if is_table else _last_line(file, old, self._key)


def _state_of(path: Path) -> _State | None:
    """What a regular file is known by; None for what is none."""
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        if stat.S_ISREG(status.st_mode):
            times = status.st_mtime_ns, status.st_ctime_ns
            with open(open_plain(path), "rb") as file:
                return _State(status.st_ino, status.st_size, times, _tail_digest(file, status.st_size))
    return None


def _tail_digest(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - TAIL_BYTES))
    return hashlib.blake2b(file.read(min(size, TAIL_BYTES))).digest()


def _is_appended(file: BinaryIO, before: _State) -> bool:
    """Whether the file is the one from before with lines added, so that only these are of this training."""
    status = os.fstat(file.fileno())
    is_longer = status.st_ino == before.inode and status.st_size > before.size > 0
    return is_longer and _tail_digest(file, before.size) == before.tail


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _NotThere(f"is no JSON: {str(error)[:100]}") from None


def _below(found: Any, key: str) -> object:  # noqa: ANN401 - whatever JSON has
    """The value at a dotted key. A part may be the number of an entry of a list; a key that has dots itself counts."""
    at, rest = found, key
    while rest:
        parts = rest.split(".")
        if isinstance(at, dict):
            taken = next((".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in at), None)
            if taken is None:
                there = ", ".join(str(name)[:40] for name in list(at)[:_SHOWN]) or "nothing"
                raise _NotThere(f"has no {key}: where {parts[0]} is looked for stands {there}")
            at, rest = at[taken], rest[len(taken) + 1 :]
        elif isinstance(at, list) and parts[0].lstrip("-").isdecimal() and -len(at) <= int(parts[0][:9]) < len(at):
            at, rest = at[int(parts[0][:9])], rest[len(parts[0]) + 1 :]
        else:
            kind = f"a list of {len(at)}" if isinstance(at, list) else repr(at)[:40]
            raise _NotThere(f"has no {key}: where {parts[0]} is looked for stands {kind}")
    return at


def _last_line(file: BinaryIO, start: int, key: str) -> object:
    """The value in the last line that has the key."""
    file.seek(start)
    missing: _NotThere | None = None
    value, is_found = None, False
    while line := file.readline(LINE_CHARACTERS):
        if not line.strip():
            continue
        try:
            value, is_found = _below(_parsed(line), key), True
        except _NotThere as error:
            missing = error
    if not is_found:
        raise missing or _NotThere("has no lines of this training")
    return value


def _last_cell(file: BinaryIO, start: int, column: str) -> str:
    """The column's last cell that is not empty, in the rows from `start` on; some loggers leave cells empty."""
    file.seek(0)
    header = file.readline(LINE_CHARACTERS).decode("utf-8-sig", errors="replace")
    rows = [_cells(header, delimiter) for delimiter in _DELIMITERS]
    delimiter, names = next(((d, row) for d, row in zip(_DELIMITERS, rows, strict=True) if column in row), ("", []))
    if not delimiter:
        names = max(rows, key=len)
        there = ", ".join(name[:40] for name in names[:_SHOWN]) or "nothing"
        raise _NotThere(f"has no column {column}: its first line has {there}")
    place, last = names.index(column), ""
    try:
        for row in csv.reader(_lines_from(file, start), delimiter=delimiter):
            if place < len(row) and row[place].strip() and row[place] != column:
                last = row[place]
    except csv.Error as error:
        raise _NotThere(f"is no table: {error}") from None
    if not last:
        raise _NotThere(f"has no value of this training in the column {column}")
    return last


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])]
    except csv.Error:
        return []


def _lines_from(file: BinaryIO, start: int) -> Iterator[str]:
    """The lines behind the first one, or from a place on that lies further behind."""
    file.seek(max(start, file.tell()))
    while line := file.readline(LINE_CHARACTERS):
        yield line.replace(b"\0", b"").decode(errors="replace")


def _plain_number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return float(found)
    except OverflowError:
        return math.inf
