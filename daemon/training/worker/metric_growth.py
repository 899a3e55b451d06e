"""The objective's metric in a file that grows while a training runs, with steps: each row becomes a report.

What is reported depends on the rows and their order, not on when the file was looked at, as long as no row goes away:
early stopping judges it.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...foreign_files import open_plain
from .metric_places import Columns, NotThere, below, columns_of, parsed, step_in, value_in

EVERY_S = 1.0  # between two looks
LOOK_BYTES = 1 << 20  # of one look, and more than any row has
MOST_BYTES = 64 << 20  # of all looks, with what is read again of a file that was written anew
MOST_ROWS = 100_000  # a quarter of the reports that a training may write, by their size
TAIL_BYTES = 4 << 10  # by which a file that only grew is known


class GrowingMetric:
    """Reads on in a table or in JSON Lines. The last value of a step counts, and is reported once a row has another.

    A file that no longer begins as it was read (replaced, cut off, or written anew with one more column) is read again
    from its start; of that only steps behind the last reported one count.
    """

    def __init__(
        self,
        path: Path,
        place: tuple[str, str],
        step: str,
        start: Callable[[BinaryIO], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`place`: the key and the column of the value, one of them empty; `step`: of its step. `start`: from which
        byte on the file is this training's; None while it is as an earlier one left it."""
        self._path, (self._key, self._column), self._step, self._start_of = path, place, step, start
        self._clock, self._looked_at = clock, clock()
        self._is_over = False  # of what is left, only the end counts
        self._header = b""
        self._columns: Columns | None = None
        self._first = self._offset = 0
        self._tail = b""  # what stood before the offset
        self._read_bytes = self._rows = 0
        self._least = self._reported = -1.0  # steps up to `least` were reported before the file was written anew
        self._held: tuple[float, float] | None = None  # step and value, not yet reported

    def look(self) -> Iterator[tuple[float, float]]:
        """The steps and values that are complete since the last look, unless that was a moment ago."""
        if self._clock() - self._looked_at >= EVERY_S:
            self._looked_at = self._clock()
            yield from self._read_on()

    def rest(self) -> Iterator[tuple[float, float]]:
        """All that are left once the training has ended, without the last step: its value is read from the whole."""
        offset = -1
        while not self._is_over and offset != self._offset:
            offset = self._offset
            yield from self._read_on()

    def _read_on(self) -> Iterator[tuple[float, float]]:
        if self._is_over:
            return
        try:
            with open(open_plain(self._path), "rb") as file:
                lines = self._new_lines(file)
        except OSError:  # the end says what is wrong with it
            return
        try:
            for value, step in self._found(lines):
                yield from self._take(value_in(value), step_in(step))
        except NotThere:
            self._is_over = True

    def _new_lines(self, file: BinaryIO) -> list[bytes]:
        """The finished lines behind what was read, up to a bound."""
        size = os.fstat(file.fileno()).st_size
        if not self._is_as_read(file, size):
            self._begin(file)
        self._is_over = self._is_over or max(size, self._read_bytes) > MOST_BYTES
        if self._is_over:
            return []
        file.seek(self._offset)
        piece = file.read(min(LOOK_BYTES, size - self._offset))
        whole = piece[: piece.rfind(b"\n") + 1]
        self._is_over = len(piece) == LOOK_BYTES and not whole  # no row is that long
        self._offset += len(whole)
        self._read_bytes += len(piece) + len(self._header) + len(self._tail)
        self._tail = (self._tail + whole)[-TAIL_BYTES:]
        return whole.splitlines(keepends=True)

    def _is_as_read(self, file: BinaryIO, size: int) -> bool:
        if not self._offset or size < self._offset or file.readline(LOOK_BYTES) != self._header:
            return False
        file.seek(self._offset - len(self._tail))
        return file.read(len(self._tail)) == self._tail

    def _begin(self, file: BinaryIO) -> None:
        """Read the file from where this training's part of it starts."""
        if self._first:  # what earlier trainings wrote can no longer be told apart
            self._is_over = True
            return
        start = self._start_of(file)
        file.seek(0)
        header = file.readline(LOOK_BYTES)
        if start is None or not header.endswith(b"\n"):
            self._offset = 0
            return
        self._header, self._columns = header, self._columns_of(header)
        self._first = start
        self._offset = max(start, len(header)) if self._column else start
        file.seek(max(0, self._offset - TAIL_BYTES))
        self._tail = file.read(min(self._offset, TAIL_BYTES))
        self._least, self._held = self._reported, None

    def _columns_of(self, header: bytes) -> Columns | None:
        """None for JSON Lines, and for a table that has no such columns yet: some loggers add them."""
        try:
            return columns_of(header, self._column, self._step) if self._column else None
        except NotThere:
            return None

    def _found(self, lines: list[bytes]) -> Iterator[tuple[object, object]]:
        """The values and steps of rows that have one."""
        if self._columns is not None:
            yield from self._columns.rows(lines)
        for line in () if self._column else lines:
            try:
                entry = parsed(line)
                yield below(entry, self._key), below(entry, self._step)
            except NotThere:
                continue

    def _take(self, value: float | None, step: float | None) -> Iterator[tuple[float, float]]:
        if value is None or step is None or step <= self._least:
            return
        if self._held is not None and self._held[0] != step:
            self._rows += 1
            self._is_over = self._rows >= MOST_ROWS
            self._reported = max(self._reported, self._held[0])
            yield self._held
        self._held = step, value
