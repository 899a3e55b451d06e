"""Values at their places in the files that trainings write: under a dotted key of JSON, or in a column of a table."""

import csv
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from ...metric_patterns import number_in

LINE_BYTES = 1 << 20
_DELIMITERS = ",\t;|"
_SHOWN = 8


class NotThere(Exception):
    """Why a file has no value, as a clause."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a table's value stands in each row, and its step (None: nowhere)."""

    delimiter: str
    value: int
    step: int | None
    names: tuple[str, ...]

    def rows(self, lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
        """The value and the step of each row whose value is not empty, as written; some loggers leave cells empty.

        Raises NotThere for what is no table.
        """
        texts = (line.replace(b"\0", b"").decode(errors="replace") for line in lines)
        try:
            for row in csv.reader(texts, delimiter=self.delimiter):
                value = row[self.value] if self.value < len(row) else ""
                if value.strip() and value != self.names[self.value]:
                    yield value, row[self.step] if self.step is not None and self.step < len(row) else ""
        except csv.Error as error:
            raise NotThere(f"is no table: {error}") from None


def columns_of(header: bytes, column: str, step: str = "") -> Columns:
    """The columns that a table's first line names; raises NotThere where one is not among them."""
    text = header.decode("utf-8-sig", errors="replace")
    rows = [_cells(text, delimiter) for delimiter in _DELIMITERS]
    wanted = [name for name in (column, step) if name]
    for delimiter, names in zip(_DELIMITERS, rows, strict=True):
        if set(wanted) <= set(names):
            place = names.index(step) if step else None
            return Columns(delimiter, names.index(column), place, tuple(names))
    names = max(rows, key=len)
    missing = next((name for name in wanted if name not in names), column)
    there = ", ".join(name[:40] for name in names[:_SHOWN]) or "nothing"
    raise NotThere(f"has no column {missing}: its first line has {there}")


def parsed(content: bytes) -> object:
    """What JSON says; raises NotThere for what is none."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NotThere(f"is no JSON: {str(error)[:100]}") from None


def below(found: Any, key: str) -> object:  # noqa: ANN401 - whatever JSON has
    """The value at a dotted key; raises NotThere. A part may be the number of an entry of a list; a key that has dots
    itself counts."""
    at, rest = found, key
    while rest:
        parts = rest.split(".")
        if isinstance(at, dict):
            taken = next((".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in at), None)
            if taken is None:
                there = ", ".join(str(name)[:40] for name in list(at)[:_SHOWN]) or "nothing"
                raise NotThere(f"has no {key}: where {parts[0]} is looked for stands {there}")
            at, rest = at[taken], rest[len(taken) + 1 :]
        elif isinstance(at, list) and parts[0].lstrip("-").isdecimal() and -len(at) <= int(parts[0][:9]) < len(at):
            at, rest = at[int(parts[0][:9])], rest[len(parts[0]) + 1 :]
        else:
            kind = f"a list of {len(at)}" if isinstance(at, list) else repr(at)[:40]
            raise NotThere(f"has no {key}: where {parts[0]} is looked for stands {kind}")
    return at


def lines_of(file: BinaryIO, start: int) -> Iterator[bytes]:
    """The lines of a file from a place on; what is longer than a line may be comes in pieces."""
    file.seek(start)
    while line := file.readline(LINE_BYTES):
        yield line


def value_in(found: object) -> float | None:
    """The number that a cell or a JSON value is, NaN for null; None for what is none."""
    if found is None:
        return math.nan
    if isinstance(found, str):
        return number_in(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return float(found)
    except OverflowError:
        return math.inf


def step_in(found: object) -> float | None:
    """The step that a cell or a JSON value is; None for what is none."""
    step = value_in(found)
    return step if step is not None and math.isfinite(step) and step >= 0 else None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])]
    except csv.Error:
        return []
