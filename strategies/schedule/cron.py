"""Cron expressions: five fields read as Unix cron reads them, on the wall clock of a time zone.

The library cronsim computes the dates. It works in UTC, as if that were the wall clock: clock changes are handled here,
because a date must be neither skipped nor doubled, and cronsim moves 2:30 to 3:00 in spring.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from ..errors import InputError

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
}
_RANGE = re.compile(r"(\w+)-(\w+)(?:/(\d+))?")
_ALLOWED = "allowed: five fields: minute, hour, day of month (L is the last), month, weekday (0 is Sunday)"
_REMEDY = 'for example "0 3 1 */3 *" means 3:00 on the first day of every third month'
_FROM = datetime(2025, 1, 1, tzinfo=UTC)
_COUNTED_YEARS = 4  # including a leap year


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that occurs at most once a day; `a_year` is how often it occurs in a year on average."""

    text: str
    a_year: float

    def next_after(self, after: datetime, zone: ZoneInfo) -> datetime:
        """The first moment later than `after`, in UTC.

        A wall time that the change to summer time skips is read on the clock before the change (2:30 becomes 3:30);
        one that occurs twice in autumn counts once, the first time. So no day is skipped and none doubled.
        """
        wall = after.astimezone(zone).replace(tzinfo=UTC)
        moments = (wall.replace(tzinfo=zone).astimezone(UTC) for wall in CronSim(self.text, wall))
        return next(moment for moment in moments if moment > after)


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """The expression as a rule; @yearly, @monthly, @weekly and @daily are allowed too.

    Raises InputError for anything else, for one that never occurs, and for one that occurs more than once a day.
    """
    fields = _ALIASES.get(text.strip().lower(), text).lower().split()
    if len(fields) != 5:
        raise InputError(f"{text!r} is not a cron expression", _ALLOWED, _REMEDY)
    *others, weekday = fields
    plain = " ".join((*others, _without_wrapped_ranges(weekday)))
    try:
        dates = CronSim(plain, _FROM)
    except CronSimError:
        if _is_readable(plain):
            raise InputError(
                f"{text!r} never occurs", "allowed: a date that exists", "check day of month and month"
            ) from None
        raise InputError(f"{text!r} is not a cron expression", _ALLOWED, _REMEDY) from None
    return Cron(plain, _count_a_year(text, dates))


def _is_readable(expression: str) -> bool:
    """Whether day and month are valid on their own, so that it is their combination that never occurs."""
    minute, hour, day, month, weekday = expression.split()
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", _FROM)
        CronSim(f"{minute} {hour} 1 {month} {weekday}", _FROM)
    except CronSimError:
        return False
    return True


def _count_a_year(text: str, dates: Iterator[datetime]) -> float:
    end, count = _FROM.replace(year=_FROM.year + _COUNTED_YEARS), 0
    for date in dates:
        if date >= end:
            break
        count += 1
        if count > 366 * _COUNTED_YEARS:
            raise InputError(f"{text!r} occurs more than once a day", "allowed: at most once a day", _REMEDY)
    return count / _COUNTED_YEARS


def _without_wrapped_ranges(weekdays: str) -> str:
    """The weekday field with ranges over the end of the week ("fri-mon"), which cronsim refuses, written as lists."""
    return ",".join(map(_listed, weekdays.split(",")))


def _listed(item: str) -> str:
    match = _RANGE.fullmatch(item)
    first, last = (_weekday(match[1]), _weekday(match[2])) if match else (None, None)
    if match is None or first is None or last is None or first <= last or match[3] == "0":
        return item
    return ",".join(str(day % 7) for day in range(first, last + 8, int(match[3] or 1)))


def _weekday(text: str) -> int | None:
    """0 to 7, both ends Sunday; None for anything else."""
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    return int(text) if text in tuple("01234567") else None
