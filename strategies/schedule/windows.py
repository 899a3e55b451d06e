"""Maintenance windows: days and hours in which campaigns may start, on the wall clock of a time zone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ..errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
WEEKS_LOOKED_AHEAD = 26  # a weekly window is lost where the clock skips its hours, so one week is not enough
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


def next_open(windows: Sequence[Window], at: datetime, zone: ZoneInfo) -> datetime:
    """`at` itself if a window is open then, else the moment in UTC when the next one opens."""
    if not windows:
        return at
    for week in range(WEEKS_LOOKED_AHEAD):
        spans = list(_spans(windows, at, zone, 7 * week - 1))
        if any(start <= at < end for start, end in spans):
            return at
        if later := [start for start, _ in spans if start > at]:
            return min(later)
    raise AssertionError(f"none of {windows} opens in {WEEKS_LOOKED_AHEAD} weeks from {at} in {zone}")


def next_outside(windows: Sequence[Window], at: datetime, zone: ZoneInfo) -> datetime:
    """`at` itself if no window is open then, else the moment in UTC when none is any more; `at` where one always is."""
    end = at
    while end - at <= timedelta(days=8):
        ends = [closes for opens, closes in _spans(windows, end, zone, -1) if opens <= end < closes]
        if not ends:
            return end
        end = max(ends)
    return at


def _spans(
    windows: Sequence[Window], at: datetime, zone: ZoneInfo, first_day: int
) -> Iterator[tuple[datetime, datetime]]:
    """The windows that begin on ten days from that one on, as moments; today is day 0."""
    today = at.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    for shift in range(first_day, first_day + 10):
        midnight = today + timedelta(days=shift)
        for window in windows:
            if midnight.weekday() in window.days:
                start, end = (
                    (midnight + timedelta(minutes=minutes)).replace(tzinfo=zone).astimezone(UTC)
                    for minutes in (window.start, window.end)
                )
                if start < end:  # else the clock skips it that day, and the next week's counts
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
