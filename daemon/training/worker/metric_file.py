"""The objective's metric in a file that a training writes (JSON, JSON Lines, a table): its last value when the training
has ended, and with steps the rows before it while the file grows."""

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ...foreign_files import NotPlain, open_plain, read_plain
from ...masking import Mask
from .metric_growth import GrowingMetric
from .metric_places import LINE_BYTES, NotThere, below, columns_of, lines_of, parsed, step_in, value_in

JSON_BYTES, TABLE_BYTES = 8 << 20, 64 << 20  # the largest files that are read
TAIL_BYTES = 64 << 10  # by which a file that was appended to is known
CLOCK_S = 0.02  # two writes within one tick of a file system's clock look alike
SHOWN_CHARACTERS = 4096


@dataclass(frozen=True, slots=True)
class _State:
    """What a file is known by before a training, and a digest of its end."""

    inode: int
    size: int
    changed_ns: tuple[int, int]
    tail: bytes

    def is_as_before(self, now: "_State") -> bool:
        return (now.inode, now.size, now.changed_ns) == (self.inode, self.size, self.changed_ns)


class FiledMetric:
    """Reads the file once the training has ended, and before that as far as it grew; a file that was not written by the
    training does not count."""

    fault: str | None = None

    def __init__(
        self,
        path: Path,
        place: tuple[str, str],
        metric: str,
        to_step: float,
        keep: Callable[[bytes], None],
        mask: Mask,
        step: str = "",
    ) -> None:
        """Made before the training starts. `place`: the key and the column, one of them empty. `step`: the key or the
        column of the step; empty where the last value stands for the whole run, which ends at `to_step`."""
        self._path, (self._key, self._column), self._step, self._mask = path, place, step, mask
        self._metric, self._to_step, self._keep = metric, to_step, keep
        self._before = _state_of(path)
        self._growing = GrowingMetric(path, place, step, self._start) if step else None
        if self._before is not None and time.time() - self._before.changed_ns[0] / 1e9 < CLOCK_S:
            time.sleep(CLOCK_S)

    def hear(self, stream: int, data: bytes) -> None:
        """What is printed does not matter."""

    def look(self) -> None:
        """Report the steps that are complete."""
        if self._growing is not None:
            self._report(self._growing.look())

    def close(self) -> dict[str, object]:
        """Write the report; what exit.json says of it."""
        try:
            found, found_step = self._value()
        except NotThere as error:
            return {"metric_fault": f"{self._path.name} {error}"}
        except FileNotFoundError:
            return {"metric_fault": f"the training wrote no file {self._path}; a relative path counts from workdir"}
        except NotPlain as error:
            return {"metric_fault": f"the metric cannot be read: {error.strerror}"}
        except OSError as error:
            return {"metric_fault": f"{self._path} cannot be read: {error.strerror}"}
        value, step = value_in(found), step_in(found_step) if self._step else self._to_step
        if value is None:
            return {"metric_fault": f"{self._said(self._column or self._key, found)}, which is no number"}
        if step is None:
            return {"metric_fault": f"{self._said(self._step, found_step)}, which is no step: a number, 0 or more"}
        if self._growing is not None:
            self._report(self._growing.rest())
        self._report([(step, value)])
        return {}

    def _report(self, found: Iterable[tuple[float, float]]) -> None:
        for step, value in found:
            self._keep(json.dumps({"step": step, "metrics": {self._metric: value}}).encode() + b"\n")

    def _said(self, place: str, found: object) -> str:
        where = f"column {place}" if self._column else place
        return f"in {self._path.name}, {where} is {self._mask(repr(found)[:SHOWN_CHARACTERS])[:60]}"

    def _value(self) -> tuple[object, object]:
        """What stands there, a number, a text or whatever else JSON has, and what stands there for the step."""
        now, before = _state_of(self._path), self._before
        if now is not None and before is not None and before.is_as_before(now):
            raise NotThere("was not written by this training: it is as an earlier run left it")
        is_table = bool(self._column)
        if not is_table and self._path.suffix not in (".jsonl", ".ndjson"):
            return below(parsed(read_plain(self._path, JSON_BYTES)), self._key), None
        with open(open_plain(self._path), "rb") as file:
            if os.fstat(file.fileno()).st_size > TABLE_BYTES:
                raise NotThere(f"has more than {TABLE_BYTES >> 20} MiB")
            old = self._size_of_the_old_part(file)
            if is_table:
                return _last_cell(file, old, self._column, self._step)
            return _last_line(file, old, self._key, self._step)

    def _size_of_the_old_part(self, file: BinaryIO) -> int:
        return self._before.size if self._before is not None and _is_appended(file, self._before) else 0

    def _start(self, file: BinaryIO) -> int | None:
        """From which byte on the file is this training's; None while it is as an earlier one left it."""
        now = _state_of(self._path)
        if now is None or (self._before is not None and self._before.is_as_before(now)):
            return None
        return self._size_of_the_old_part(file)


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


def _last_line(file: BinaryIO, start: int, key: str, step: str) -> tuple[object, object]:
    """The value, and the step, in the last line that has the key."""
    missing: NotThere | None = None
    found: tuple[object, object] | None = None
    for line in lines_of(file, start):
        if not line.strip():
            continue
        try:
            entry = parsed(line)
            found = below(entry, key), below(entry, step) if step else None
        except NotThere as error:
            missing = error
    if found is None:
        raise missing or NotThere("has no lines of this training")
    return found


def _last_cell(file: BinaryIO, start: int, column: str, step: str) -> tuple[str, str]:
    """The column's last cell that is not empty, and the step beside it, in the rows from `start` on."""
    file.seek(0)
    columns = columns_of(file.readline(LINE_BYTES), column, step)
    last = None
    for last in columns.rows(lines_of(file, max(start, file.tell()))):  # noqa: B007 - the last one counts
        pass
    if last is None:
        raise NotThere(f"has no value of this training in the column {column}")
    return last
