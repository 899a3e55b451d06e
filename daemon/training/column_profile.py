"""What the columns of a campaign's data hold, read from its CSV and TSV files, and what in them looks like a glitch.

Other formats are not looked into. Files are read row by row, once; what is kept of a column does not grow with them.
"""

import contextlib
import csv
import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress, islice
from pathlib import Path

from ...strategies.drift.broken_data import broken_data
from ...strategies.drift.outliers import KEPT_CELLS, Cell, Column, ColumnRange, DataRanges, suspect, usual_range
from ...strategies.words import readable
from .fingerprints import files_below

LIMIT_BYTES = 256 << 20
MOST_COLUMNS = 200
_SAMPLED_CELLS = 4_000_000
_MOST_SAMPLED = 100_000
_MOST_SENTENCES = 5
_FIRST_CELLS = 8
_PIECE_ROWS = 2048
_CELLS_OF_TEXT = 10_000  # a column that begins with so many is text to its end
_SEPARATORS = {".csv": "", ".tsv": "\t", ".tab": "\t"}
_MISSING = frozenset(  # as pandas, R, SQL and spreadsheets write a missing value, in lower case
    {
        "",
        "na",
        "n/a",
        "<na>",
        "#n/a",
        "nan",
        "-nan",
        "nat",
        "null",
        "nil",
        "none",
        "missing",
        "-",
        "--",
        ".",
        "?",
        "\\n",
    }
)


@dataclass(frozen=True, slots=True)
class Profile:
    """The columns of a data set by key, and why some of it was not looked into. No columns: nothing was."""

    columns: Mapping[str, Column]
    note: str = ""


def check_data(
    data: Path,
    before: DataRanges | None,
    limit_bytes: int = LIMIT_BYTES,
    *,
    show_progress: Callable[[], None] = lambda: None,
) -> tuple[DataRanges, tuple[str, ...]]:
    """What is usual in the data, to be kept, and sentences about what the owner should look at.

    `before` are the ranges kept when the settings were adopted; None where there is none.
    """
    profile = read_profile(data, limit_bytes, show_progress=show_progress)
    earlier: Mapping[str, ColumnRange] = {} if before is None else before.columns
    ranges: dict[str, ColumnRange] = {}
    sentences = list(broken_data(profile.columns, earlier)) if profile.columns or not profile.note else []
    for key, column in profile.columns.items():
        suspicions = suspect(column, earlier.get(key))
        sentences += [suspicion.sentence for suspicion in suspicions]
        if column.is_numeric:
            ranges[key] = usual_range(column, suspicions)
    more = len(sentences) - _MOST_SENTENCES
    shown = sentences if more <= 0 else [*sentences[:_MOST_SENTENCES], f"{more} more such findings in other columns"]
    return DataRanges(ranges, profile.note), tuple(shown)


def read_profile(
    data: Path,
    limit_bytes: int = LIMIT_BYTES,
    most_sampled: int = _MOST_SAMPLED,
    show_progress: Callable[[], None] = lambda: None,
) -> Profile:
    """The columns of all CSV and TSV files at or below a path; tables with the same header are taken together."""
    files = sorted(file for file in files_below(data, show_progress) if file.suffix.lower() in _SEPARATORS)
    if not files:
        return Profile({}, "the data has no CSV or TSV file, so its values were not looked at")
    if sum(file.stat().st_size for file in files) > limit_bytes:
        return Profile({}, f"the data is over {limit_bytes >> 20} MiB, so its values were not looked at")
    tables: dict[tuple[str, ...], _Table] = {}
    notes = []
    for file in files:
        show_progress()
        try:
            _read(file, "" if file == data else readable(str(file.relative_to(data))), tables, most_sampled)
        except (OSError, csv.Error) as error:
            notes.append(f"{readable(file.name)} could not be read to its end: {error}")
    notes += [f"only the first {MOST_COLUMNS} columns were looked at" for table in tables.values() if table.is_cut]
    return Profile(_columns(tables), "; ".join(notes))


class _Table:
    """The rows of all files with one header, as far as they are kept."""

    def __init__(self, header: Sequence[str], most_sampled: int) -> None:
        self.columns = [_Tally(name) for name in header[:MOST_COLUMNS]]
        self.is_cut = len(header) > MOST_COLUMNS
        self._width = len(self.columns)
        self._most = max(1, min(most_sampled, _SAMPLED_CELLS // self._width))
        self._generator = random.Random(0)  # rows of a period, such as days of hours, must not be sampled in step
        self._share = 1.0
        self._sampled = 0

    def add(self, file: str, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> None:
        """Take some rows into account; cells that a row lacks are missing."""
        is_sampled = [self._share == 1.0 or self._generator.random() < self._share for _ in rows]
        self._sampled += sum(is_sampled)
        whole = (row if len(row) == self._width else [*row, *[""] * self._width][: self._width] for row in rows)
        for tally, texts in zip(self.columns, zip(*whole, strict=True), strict=True):
            tally.add(file, lines, texts, is_sampled)
        while self._sampled > self._most:
            self._share /= 2
            self._sampled //= 2
            for tally in self.columns:
                tally.sample = [value for value in tally.sample if self._generator.random() < 0.5]


@dataclass(slots=True)
class _Tally:
    """One column while it is read."""

    name: str
    numbers: int = 0
    missing: int = 0
    bad: int = 0
    sample: list[float] = field(default_factory=list)
    lowest: list[tuple[float, int, Cell]] = field(default_factory=list)
    highest: list[tuple[float, int, Cell]] = field(default_factory=list)
    missing_cells: list[Cell] = field(default_factory=list)
    bad_cells: list[Cell] = field(default_factory=list)

    def add(self, file: str, lines: Sequence[int], texts: Sequence[str], is_sampled: Sequence[bool]) -> None:
        """Take some cells into account."""
        if self.bad >= _CELLS_OF_TEXT and not self.numbers:
            self.bad += len(texts)
            return
        values = _numbers_of(texts)
        if values is None:
            pieces = [(line, text, value, is_in) for line, text, is_in in zip(lines, texts, is_sampled, strict=True)
                      if (value := self._number(file, line, text)) is not None]  # fmt: skip
            lines, texts, values, is_sampled = zip(*pieces, strict=True) if pieces else ((), (), (), ())
        if not values:
            return
        self.sample += compress(values, is_sampled)
        # In most pieces nothing is among the farthest so far.
        if len(self.highest) < KEPT_CELLS or max(values) > self.highest[0][0]:
            self._push(self.highest, 1, file, lines, texts, values)
        if len(self.lowest) < KEPT_CELLS or -min(values) > self.lowest[0][0]:
            self._push(self.lowest, -1, file, lines, texts, values)
        self.numbers += len(values)

    def _number(self, file: str, line: int, text: str) -> float | None:
        """The value of a cell; None for a cell without, which is counted."""
        with contextlib.suppress(ValueError):
            value = float(text)
            if math.isfinite(value):
                return value
        if not text or text.strip().lower() in _MISSING:
            self.missing += 1
            cells = self.missing_cells
        else:
            self.bad += 1
            cells = self.bad_cells
        if len(cells) < _FIRST_CELLS:
            cells.append(Cell(file, line, text))
        return None

    def _push(self, heap: list[tuple[float, int, Cell]], side: int, file: str, lines: Sequence[int],
              texts: Sequence[str], values: Sequence[float]) -> None:  # fmt: skip
        """Keep the farthest; of equal ones the earlier."""
        for number, (line, text, value) in enumerate(zip(lines, texts, values, strict=True), self.numbers):
            if len(heap) < KEPT_CELLS:
                heapq.heappush(heap, (side * value, -number, Cell(file, line, text, value)))
            elif side * value > heap[0][0]:
                heapq.heapreplace(heap, (side * value, -number, Cell(file, line, text, value)))

    def column(self) -> Column:
        """The column as it is once all of it was read."""
        return Column(
            name=self.name, numbers=self.numbers, missing=self.missing, bad=self.bad, sample=sorted(self.sample),
            lowest=_farthest_first(self.lowest), highest=_farthest_first(self.highest),
            bad_cells=tuple(self.bad_cells), missing_cells=tuple(self.missing_cells),
        )  # fmt: skip


def _numbers_of(texts: Sequence[str]) -> tuple[float, ...] | None:
    """The values of cells that are all finite numbers, else None."""
    try:
        values = tuple(map(float, texts))
    except ValueError:
        return None
    return values if all(map(math.isfinite, values)) else None


def _farthest_first(heap: Sequence[tuple[float, int, Cell]]) -> tuple[Cell, ...]:
    return tuple(cell for _, _, cell in sorted(heap, key=lambda entry: entry[:2], reverse=True))


def _read(file: Path, shown: str, tables: dict[tuple[str, ...], _Table], most_sampled: int) -> None:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        separator = _SEPARATORS[file.suffix.lower()] or _separator_of(text.readline())
        text.seek(0)
        rows = _rows(text, separator)
        line, first = next(rows, (0, []))
        if not first:
            return
        header = _header(first)
        table = tables.setdefault(header, _Table(header, most_sampled))
        for piece in _pieces(rows if not _is_data(first) else chain([(line, first)], rows)):
            table.add(shown, [number for number, _ in piece], [row for _, row in piece])


def _rows(text: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with its line number."""
    reader = csv.reader(text, delimiter=separator)
    return ((reader.line_num, row) for row in reader if row)


def _pieces(rows: Iterator[tuple[int, list[str]]]) -> Iterator[list[tuple[int, list[str]]]]:
    while piece := list(islice(rows, _PIECE_ROWS)):
        yield piece


def _separator_of(line: str) -> str:
    return max(",;\t|", key=line.count)


def _header(first: Sequence[str]) -> tuple[str, ...]:
    """A name for each column, no two alike; 'column 3' where the file gives none."""
    if _is_data(first):
        return tuple(f"column {number}" for number in range(1, len(first) + 1))
    names = [name.strip() or f"column {number}" for number, name in enumerate(first, 1)]
    return tuple(
        name if names.count(name) == 1 else f"{name} (column {number})" for number, name in enumerate(names, 1)
    )


def _is_data(first: Sequence[str]) -> bool:
    """Whether a first row is no header: everything in it is a number."""
    cells = [cell for cell in first if cell.strip()]
    return bool(cells) and _numbers_of(cells) is not None


def _columns(tables: Mapping[tuple[str, ...], _Table]) -> dict[str, Column]:
    """All columns by a key that the next snapshot has too: the name, with the header where there are more tables."""
    columns = {}
    for header, table in tables.items():
        prefix = "" if len(tables) == 1 else f"{'|'.join(header)}: "
        columns.update({prefix + tally.name: tally.column() for tally in table.columns})
    return columns
