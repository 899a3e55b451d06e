"""Maintenance windows: days and hours in which campaigns may start, on the wall clock of a time zone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_ALLOWED = "allowed: days, hours or both"
_REMEDY = 'write for example "Mon-Fri 20:00-06:00" or "Sat Sun"'


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end` minutes after midnight on each of `days` (0 is Monday); an end beyond 24 hours is on the
    next day."""

    days: frozenset[int]
    start: int = 0
    end: int = DAY_MINUTES


def parse_window(text: str) -> Window:
    """The window from "Mon-Fri 20:00-06:00", "Sat Sun" or "22:00-4:00".

    Hours that end at or before their start continue into the next day; the days are those on which they start.
    Raises InputError for anything else.
    """
    words = text.replace(",", " ").lower().split()
    hours = words.pop() if words and ":" in words[-1] else ""
    days = frozenset(day for word in words for day in _days(word, text)) or frozenset(range(7))
    if not words and not hours:
        raise InputError(f"{text!r} is not a window", _ALLOWED, _REMEDY)
    return Window(days, *_minutes(hours, text)) if hours else Window(days)


def is_open(windows: Sequence[Window], at: datetime, zone: ZoneInfo) -> bool:
    """Whether a campaign may start at that moment; always, without windows."""
    return next_open(windows, at, zone) == at


def next_open(windows: Sequence[Window], at: datetime, zone: ZoneInfo) -> datetime:
    """`at` itself if a window is open then, else the moment in UTC when the next one opens."""
    if not windows:
        return at
    spans = list(_spans(windows, at, zone))
    if any(start <= at < end for start, end in spans):
        return at
    return min(start for start, _ in spans if start > at)


def _spans(windows: Sequence[Window], at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Start and end of the windows from the day before `at` to eight days after it, in UTC."""
    today = at.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    for shift in range(-1, 9):
        midnight = today + timedelta(days=shift)
        for window in windows:
            if midnight.weekday() in window.days:
                start, end = (
                    (midnight + timedelta(minutes=minutes)).replace(tzinfo=zone).astimezone(UTC)
                    for minutes in (window.start, window.end)
                )
                if start < end:  # else the change to summer time skips it
                    yield start, end


def _days(word: str, text: str) -> Iterator[int]:
    first, dash, last = word.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise InputError(
            f"{text!r} is not a window: {word!r} is not a day", "allowed: Mon, Tue, Wed, Thu, Fri, Sat, Sun", _REMEDY
        )
    start = DAYS.index(first)
    distance = (DAYS.index(last) - start) % 7 if dash else 0
    return (day % 7 for day in range(start, start + distance + 1))


def _minutes(hours: str, text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(hours)
    parts = [int(part) for part in match.groups()] if match else [99] * 4
    start, end = parts[0] * 60 + parts[1], parts[2] * 60 + parts[3]
    if max(parts[1], parts[3]) > 59 or start >= DAY_MINUTES or end > DAY_MINUTES or start == end:
        raise InputError(
            f"{text!r} is not a window: {hours!r} is not a range of hours", "allowed: HH:MM-HH:MM up to 24:00", _REMEDY
        )
    return start, end + DAY_MINUTES * (end < start)
