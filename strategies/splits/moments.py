"""Moments in a column: numbers, dates and times, as one kind of number that can be ordered."""

import math
import re
from datetime import UTC, date, datetime

from ..errors import InputError
from ..words import readable

_DAY = 86400.0
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?((?:[ T]).+)?")
_EPOCH = date(1970, 1, 1).toordinal()


def moment_of(value: object) -> tuple[float, bool] | None:
    """The moment in a cell: a plain number as it is (False), a date or time in seconds since 1970 (True).

    A time without a zone counts as UTC. None: the cell is empty. Raises InputError for anything else.
    """
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp(), True
    if isinstance(value, date):
        return (value.toordinal() - _EPOCH) * _DAY, True
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(float(value), value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        return _of_text(value.strip())
    raise _unordered(value)


def _of_text(text: str) -> tuple[float, bool] | None:
    if text[4:5] == "-":  # the usual date, without trying whether it is a number first
        return _of_date(text), True
    try:
        number = float(text)
    except ValueError:
        return _of_date(text), True
    return _of_number(number, text)


def _of_number(number: float, value: object) -> tuple[float, bool] | None:
    if math.isinf(number):
        raise _unordered(value)
    return None if math.isnan(number) else (number, False)


def _of_date(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        match = _YEAR_FIRST.fullmatch(text)
        if match is None:
            raise _unordered(text) from None
        year, month, day, rest = match.groups()
        try:
            moment = datetime.fromisoformat(f"{year}-{int(month):02}-{int(day or 1):02}{rest or ''}")
        except ValueError:
            raise _unordered(text) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _unordered(value: object) -> InputError:
    return InputError(
        f"'{readable(str(value)[:40])}' is no moment that sorts",
        "allowed: numbers, or dates and times with the year first, such as 2026-01-31 or 2026-01-31 07:00",
        "name another column under [data.split], or write the column so in the prepare command",
    )
