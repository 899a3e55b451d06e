"""Cron expressions: five fields read as Unix cron reads them, on the wall clock of a time zone.

APScheduler computes the moments; what it reads otherwise than cron is put right here. It counts weekdays from Monday,
cron from Sunday. It asks for day of month *and* weekday where both are given, cron for either.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

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
_WEEKDAY_ITEM = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")
_ALLOWED = "it has five fields: minute, hour, day of month, month, weekday (0 is Sunday)"
_REMEDY = 'write for instance "0 3 1 */3 *": at 3:00 on the first day of each third month'
_FROM = datetime(2025, 1, 1, tzinfo=UTC)
_COUNTED_YEARS = 4  # a leap year is among them


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression; `rules` are its one or two triggers, of which either makes a moment."""

    text: str
    rules: tuple[CronTrigger, ...]
    a_year: float

    def next_after(self, after: datetime, zone: ZoneInfo) -> datetime:
        """The first moment later than `after`, in UTC.

        A wall time that the change to summer time leaves out counts by the hour before the change (2:30 becomes
        3:30); one that comes twice in autumn counts once, the first time. So no day is skipped and none doubled.
        """
        wall = after.astimezone(zone).replace(tzinfo=UTC)
        while True:
            wall = self._next_wall(wall)
            moment = wall.replace(tzinfo=zone).astimezone(UTC)
            if moment > after:
                return moment

    def _next_wall(self, wall: datetime) -> datetime:
        found = [rule.get_next_fire_time(None, wall + timedelta(microseconds=1)) for rule in self.rules]
        first: datetime = min(moment for moment in found if moment is not None)
        return first


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """The expression, also written as @yearly, @monthly, @weekly or @daily.

    Raises InputError for anything else, for one that never comes, and for one that comes more than once a day.
    """
    fields = _ALIASES.get(text.strip().lower(), text).lower().split()
    if len(fields) != 5:
        raise InputError(f"{text!r} is not a cron expression", _ALLOWED, _REMEDY)
    minute, hour, day, month, weekday = fields
    try:
        days = _weekdays(weekday)
        either = not day.startswith("*") and not weekday.startswith("*")
        wanted = ((day, "*"), ("*", days)) if either else ((day, days),)
        rules = tuple(
            CronTrigger(minute=minute, hour=hour, day=one, month=month, day_of_week=other, timezone=UTC)
            for one, other in wanted
        )
    except (ValueError, TypeError):
        raise InputError(f"{text!r} is not a cron expression", _ALLOWED, _REMEDY) from None
    comes = tuple(rule for rule in rules if rule.get_next_fire_time(None, _FROM) is not None)
    if not comes:
        raise InputError(f"{text!r} never comes", "a date that there is", "check day of month and month")
    return Cron(" ".join(fields), comes, _count_a_year(text, comes))


def _count_a_year(text: str, rules: tuple[CronTrigger, ...]) -> float:
    end = _FROM.replace(year=_FROM.year + _COUNTED_YEARS)
    moments = set()
    for rule in rules:
        for count, moment in enumerate(_moments(rule, end)):
            if count > 366 * _COUNTED_YEARS:
                raise InputError(f"{text!r} comes more than once a day", "once a day at most", _REMEDY)
            moments.add(moment)
    return len(moments) / _COUNTED_YEARS


def _moments(rule: CronTrigger, end: datetime) -> Iterator[datetime]:
    moment = rule.get_next_fire_time(None, _FROM)
    while moment is not None and moment < end:
        yield moment
        moment = rule.get_next_fire_time(None, moment + timedelta(microseconds=1))


def _weekdays(field: str) -> str:
    """The weekday field with names in place of cron's numbers, every day written out."""
    if field == "*":
        return "*"
    days: set[int] = set()
    for item in field.split(","):
        match = _WEEKDAY_ITEM.fullmatch(item)
        if match is None:
            raise ValueError(item)
        first, last, step = match[1], match[2], int(match[3] or 1)
        start = 0 if first == "*" else _weekday(first)
        end = 6 if first == "*" else _weekday(last) if last else 6 if match[3] else start
        end += 7 * (end < start)  # "fri-mon" goes over the end of the week
        if step < 1 or (first == "*" and last):
            raise ValueError(item)
        days |= {number % 7 for number in range(start, end + 1, step)}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _weekday(text: str) -> int:
    if text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    if not text.isdecimal() or int(text) > 7:
        raise ValueError(text)
    return int(text)
