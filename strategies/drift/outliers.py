"""What is usual in a column of the data, and which few of its values lie absurdly far outside that.

One glitch in the data can make good settings look stale. A glitch is a few values far from all the rest of their
column and from what the column held when the settings were adopted. A column that moved as a whole is not a glitch
but drift, which a re-evaluation exists to find. Standard library only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Self

KEPT_CELLS = 128  # on each side of a column
MOST_SHOWN = 3
_FEW = 3
_FEW_SHARE = 0.005  # of the rows; more than that is drift, not a glitch
_LEAST_NUMBERS = 60  # with fewer, nothing is known about a column's range
_LEAST_NUMERIC = 0.9  # share of numbers among the cells that are not empty, in a column of numbers
_LEAST_TAIL = 16  # values needed to estimate how heavy a tail is
_MOST_TAIL = 64
# A tail like x^-1/h exceeds a value by the factor exp(9 h) once in 8,000 times.
_RARE = 9.0
_LEAST_HEAVY = 0.25
_MOST_TEXT = 24
_OF_NOTHING = 1000.0  # how far from 0 a value must lie in a column of zeros
_MISSING_EXPECTED = 3.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the data: its file and line (counted from 1), its text, and its value where it is a number."""

    file: str
    line: int
    text: str
    value: float = math.nan


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it was read: how many cells are numbers, missing, or `bad` (text, or numbers that are not finite).

    `sample` holds values in ascending order, all of them unless there are too many. `lowest` and `highest` are the
    most extreme cells, the farthest first, up to KEPT_CELLS each; `bad_cells` and `missing_cells` are the first ones.
    """

    name: str
    numbers: int
    missing: int
    bad: int
    sample: Sequence[float]
    lowest: tuple[Cell, ...] = ()
    highest: tuple[Cell, ...] = ()
    bad_cells: tuple[Cell, ...] = ()
    missing_cells: tuple[Cell, ...] = ()

    @property
    def is_numeric(self) -> bool:
        """Whether enough cells are numbers to speak of a range."""
        return self.numbers >= _LEAST_NUMBERS and self.numbers >= _LEAST_NUMERIC * (self.numbers + self.bad)

    def quantile(self, share: float) -> float:
        """The value below which that share of the sample lies."""
        return self.sample[min(len(self.sample) - 1, int(share * len(self.sample)))]


@dataclass(frozen=True, slots=True)
class ColumnRange:
    """What is usual in a column, in the short form that is stored. `low` and `high` leave glitches out."""

    name: str
    numbers: int
    missing: int
    bad: int
    low: float
    q05: float
    q25: float
    median: float
    q75: float
    q95: float
    high: float
    extremes: tuple[tuple[str, int, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The range as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The range that `to_json` gave."""
        extremes = tuple((file, line, text) for file, line, text in fields["extremes"])
        return cls(**{**fields, "extremes": extremes})


@dataclass(frozen=True, slots=True)
class DataRanges:
    """What is usual in the columns of a data set, by key, and why some of it was not looked into."""

    columns: Mapping[str, ColumnRange]
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The ranges as values that JSON can hold."""
        return {"columns": {key: column.to_json() for key, column in self.columns.items()}, "note": self.note}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The ranges that `to_json` gave."""
        columns = {key: ColumnRange.from_json(column) for key, column in fields["columns"].items()}
        return cls(columns, fields.get("note", ""))


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Some cells that the owner should look at: the first of them, how many there are, and what is usual instead."""

    column: str
    cells: tuple[Cell, ...]
    count: int
    usual: str
    side: int = 0
    """1 for values too high, -1 for values too low, 0 for cells that are not numbers."""

    @property
    def sentence(self) -> str:
        """'column temp, line 1,204: 9e9 (usual range -12 to 41)'."""
        shown = self.cells[:MOST_SHOWN]
        places = ", ".join(f"{_place(cell)}: {_written(cell)}" for cell in shown)
        more = f" and {self.count - len(shown):,} more" if self.count > len(shown) else ""
        return f"column {self.column}, {places}{more} ({self.usual})"


def suspect(column: Column, before: ColumnRange | None) -> tuple[Suspicion, ...]:
    """What is absurd in a column, compared with its own bulk and with what it held before; usually nothing.

    `before` None: nothing is known about the past, so its own bulk decides alone, by wider limits.
    """
    if not column.is_numeric:
        return ()
    low, high = (_farthest_apart(column, before, side) for side in (-1, 1))
    ends = [*_ends(column, low, high), *(() if before is None else (before.low, before.high))]
    usual = f"usual range {min(ends):.4g} to {max(ends):.4g}"
    groups = ((-1, column.lowest[:low]), (1, column.highest[:high]))
    far = [Suspicion(column.name, cells, _count(column, cells, side), usual, side) for side, cells in groups if cells]
    return (*far, *_not_numbers(column, before))


def usual_range(column: Column, suspicions: Sequence[Suspicion] = ()) -> ColumnRange:
    """The range of a numeric column to store; suspicious values do not widen it."""
    skipped = {suspicion.side: len(suspicion.cells) for suspicion in suspicions}
    low, high = _ends(column, skipped.get(-1, 0), skipped.get(1, 0))
    shares = (0.05, 0.25, 0.5, 0.75, 0.95)
    q05, q25, median, q75, q95 = (min(max(column.quantile(share), low), high) for share in shares)
    extremes = (*column.lowest[:MOST_SHOWN], *column.highest[:MOST_SHOWN])
    return ColumnRange(
        name=column.name, numbers=column.numbers, missing=column.missing, bad=column.bad,
        low=low, q05=q05, q25=q25, median=median, q75=q75, q95=q95, high=high,
        extremes=tuple((cell.file, cell.line, cell.text) for cell in extremes),
    )  # fmt: skip


def _farthest_apart(column: Column, before: ColumnRange | None, side: int) -> int:
    """How many of the farthest cells on one side a gap separates from the rest: the most that count as few, or 0."""
    tail = column.highest if side > 0 else column.lowest
    middle = column.quantile(0.5)
    away = [side * (cell.value - middle) for cell in tail]
    few = max(_FEW, int(_FEW_SHARE * column.numbers))
    most = len(tail) if few >= len(tail) >= KEPT_CELLS else min(few, len(tail) - 1)
    return next((count for count in range(most, 0, -1) if _is_apart(column, before, side, away, count)), 0)


def _is_apart(column: Column, before: ColumnRange | None, side: int, away: Sequence[float], count: int) -> bool:
    """Whether the `count` farthest lie absurdly far from the rest of the column, and from its range before."""
    middle, width = column.quantile(0.5), (column.quantile(0.95) - column.quantile(0.05)) / 2
    rest, beyond = away[count : count + _MOST_TAIL], 1
    if len(rest) < _LEAST_TAIL and len(column.sample) > len(away):
        rest, beyond = _rest_of_sample(column, side), count
    nearest, farthest_other = away[count - 1], rest[0] if rest else 0.0
    if _breaks_sign(before, middle - nearest, middle - farthest_other, side):
        ratio = 5.0 if before is None else 3.0
    else:
        least, most = (15.0, 90.0) if before is None else (10.0, 50.0)
        ratio = min(max(least, math.exp((_RARE + math.log(beyond)) * _heaviness(rest))), most)
    if not _exceeds(nearest, max(farthest_other, width), ratio, middle, count):
        return False
    if before is None:
        return True
    reach = before.high - before.median if side > 0 else before.median - before.low
    distance = nearest + side * (middle - before.median)
    return _exceeds(distance, max(reach, (before.q95 - before.q05) / 2), min(ratio, 10.0), before.median, count)


def _exceeds(distance: float, scale: float, ratio: float, middle: float, count: int) -> bool:
    """Whether the distance is absurd on that scale; a column of a single value is measured by that value."""
    if scale > 0:
        return distance > ratio * scale
    if middle != 0:
        return distance > ratio * abs(middle)
    return distance > _OF_NOTHING and count <= _FEW  # mostly zeros, so that a few other values are its very content


def _breaks_sign(before: ColumnRange | None, value: float, lowest_other: float, side: int) -> bool:
    """Whether a value is negative in a column that has no other negative one, and had none."""
    return side < 0 and value < 0 <= lowest_other and (before is None or before.low >= 0)


def _rest_of_sample(column: Column, side: int) -> list[float]:
    """Distances from the middle just inside the share of rows that may be a glitch, the farthest first."""
    middle, size = column.quantile(0.5), len(column.sample)
    first = max(_FEW, int(_FEW_SHARE * size)) + 1
    ranks = range(first, min(first + _MOST_TAIL, size))
    return [side * (column.sample[size - 1 - rank if side > 0 else rank] - middle) for rank in ranks]


def _heaviness(rest: Sequence[float]) -> float:
    """How heavy a tail is: 1/a for one like x^-a. Source: B. M. Hill, Annals of Statistics 3 (1975)."""
    logs = [math.log(distance) for distance in rest if distance > 0]
    if len(logs) < _LEAST_TAIL:
        return _LEAST_HEAVY
    return max(_LEAST_HEAVY, fmean(logs) - logs[-1])


def _ends(column: Column, low: int, high: int) -> tuple[float, float]:
    """The lowest and the highest value, leaving out that many on either side."""
    cells = column.lowest[low:], column.highest[high:]
    shares = (_FEW_SHARE, 1 - _FEW_SHARE)
    least, most = (c[0].value if c else column.quantile(share) for c, share in zip(cells, shares, strict=True))
    return least, most


def _count(column: Column, cells: Sequence[Cell], side: int) -> int:
    """How many cells a group has; an estimate where it has more than were kept."""
    if len(cells) < KEPT_CELLS:
        return len(cells)
    beyond = sum(side * (value - cells[-1].value) >= 0 for value in column.sample)
    return max(len(cells), round(beyond * column.numbers / len(column.sample)))


def _not_numbers(column: Column, before: ColumnRange | None) -> tuple[Suspicion, ...]:
    """Cells that are not numbers, or missing, in a column that had none of them.

    Gaps are reported only where so many cannot be chance: most training code can handle an empty cell.
    """
    suspicions = []
    if column.bad and (column.bad <= _FEW if before is None else before.bad == 0):
        suspicions.append(Suspicion(column.name, column.bad_cells, column.bad, "usually a number"))
    if column.missing and before is not None and before.missing == 0:
        share = column.missing / (column.numbers + column.missing + column.bad)
        if share * (before.numbers + before.bad) >= _MISSING_EXPECTED:
            suspicions.append(Suspicion(column.name, column.missing_cells, column.missing, "usually without gaps"))
    return tuple(suspicions)


def _place(cell: Cell) -> str:
    return f"{cell.file} line {cell.line:,}" if cell.file else f"line {cell.line:,}"


def _written(cell: Cell) -> str:
    """A cell as text: numbers as they are written in the file, anything else in quotes."""
    text = cell.text.strip()
    short = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."
    return short if math.isfinite(cell.value) else repr(short) if short else "empty"
