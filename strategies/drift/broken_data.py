"""Data that is broken as a whole: nearly empty, without a column, or with numbers that are none any more.

An error page in place of a table, a file that was cut off, or decimal commas: no verdict on such data means anything.
Standard library only.
"""

from collections.abc import Mapping

from .outliers import Column, ColumnRange

LEAST_SHARE = 0.1  # of the rows that there were
LEAST_NUMBERS = 0.5  # share of a column's cells that are numbers, where nearly all were
_MOST_NAMED = 5
_MOST_TEXT = 24


def broken_data(now: Mapping[str, Column], before: Mapping[str, ColumnRange]) -> tuple[str, ...]:
    """What is wrong with the data as a whole, in sentences; nothing without numeric columns before.

    `now` are all columns as they are read, `before` the numeric ones when the settings were adopted, both by key.
    """
    if not before:
        return ()
    rows_before = max(column.numbers + column.missing + column.bad for column in before.values())
    rows = max((column.numbers + column.missing + column.bad for column in now.values()), default=0)
    if rows < LEAST_SHARE * rows_before:
        left = f"{rows:,} rows are left" if rows else "no row is left"
        return (f"{left} where there were {rows_before:,}",)
    gone = [column.name for key, column in before.items() if key not in now]
    sentences = [f"{_named(gone)} gone"] if gone else []
    silent = [now[key] for key in before if key in now and _has_lost_its_numbers(now[key])]
    sentences += [
        f"column {column.name} holds hardly any numbers now{_example(column)}" for column in silent[:_MOST_NAMED]
    ]
    if len(silent) > _MOST_NAMED:
        sentences.append(f"{len(silent) - _MOST_NAMED} more columns hold hardly any numbers now")
    return tuple(sentences)


def _has_lost_its_numbers(column: Column) -> bool:
    filled = column.numbers + column.bad
    return filled == 0 or column.numbers < LEAST_NUMBERS * filled


def _example(column: Column) -> str:
    if not column.bad_cells:
        return ""
    cell = column.bad_cells[0]
    text = cell.text.strip()
    shown = text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}..."
    comma = " (decimal commas?)" if "," in shown and shown.replace(",", "").lstrip("-+").isdigit() else ""
    return f", such as {shown!r} in line {cell.line:,}{comma}"


def _named(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"column {shown} is" if len(names) == 1 else f"columns {shown}{more} are"
