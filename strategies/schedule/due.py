"""Calendar arithmetic: when a model is due again, and how often in a year. All times are UTC."""

import calendar
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import InputError

DAYS_A_YEAR = 365.2425
LONGEST_YEARS = 100

_EVERY = re.compile(r"(?:every\s+)?(?:(\d{1,6})\s*)?(day|week|month|year)s?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)(?=[\s\d]|$)\s*")
_BARE = r"\d+(?:\.\d+)?"
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Every:
    """The time between due dates: calendar months or days, exactly one of them above 0; both 0 means never."""

    months: int = 0
    days: int = 0

    @property
    def is_never(self) -> bool:
        """Whether nothing is ever due."""
        return self.months == 0 and self.days == 0


def parse_every(text: str) -> Every:
    """The time between due dates from "3 months", "2 weeks", "10 days", "1 year", "month" or "never".

    Raises InputError for anything else, for 0, and for more than 100 years.
    """
    words = " ".join(text.lower().split())
    if words == "never":
        return Every()
    match = _EVERY.fullmatch(words)
    count = int(match[1] or 1) if match else 0
    if match is None or count == 0:
        allowed = "allowed: a number of days, weeks, months or years, or never"
        raise InputError(f"{text!r} is not an interval", allowed, 'write for example "3 months"')
    unit = match[2]
    every = Every(months=count * (12 if unit == "year" else 1)) if unit in ("month", "year") else Every(days=count)
    if unit == "week":
        every = Every(days=7 * count)
    if every.months > 12 * LONGEST_YEARS or every.days > DAYS_A_YEAR * LONGEST_YEARS:
        raise InputError(f"{text!r} is too long", f"the longest is {LONGEST_YEARS} years", 'write "never" instead')
    return every


def next_due(after: datetime, every: Every, anchor: datetime) -> datetime | None:
    """The first due date later than `after`, of anchor + 1, 2, 3... times `every`; None for never.

    Months are counted from the anchor and clamped to the end of the month, so that the day of the month does not
    drift: 30 November, 28 February, 30 May.
    """
    if every.is_never:
        return None
    after, anchor = _utc(after), _utc(anchor)
    count = max(1, _whole_distances(anchor, after, every))
    while (due := _shifted(anchor, every, count)) <= after:
        count += 1
    return due


def campaigns_a_year(every: Every) -> float:
    """How many due dates a year has on average; 0.0 for never."""
    if every.is_never:
        return 0.0
    return 12.0 / every.months if every.months else DAYS_A_YEAR / every.days


def parse_duration_s(text: str | float) -> float:
    """The seconds in "30m", "2h", "90s", "1d", "1h 30m" or "45 minutes"; a number that is no text is of seconds.

    Raises InputError for anything else: for a negative or infinite number, and for a text without a unit, which says
    "5" and may mean seconds, minutes or hours. "0" needs none.
    """
    has_no_unit = isinstance(text, str) and re.fullmatch(_BARE, text.strip()) is not None
    refusal = InputError(
        f"{text!r} has no unit" if has_no_unit else f"{text!r} is not a duration",
        "allowed: numbers with their unit: s, m, h or d",
        _with_unit(text) if has_no_unit else "write for example 90s, 30m or 5h",
    )
    if isinstance(text, bool):
        raise refusal
    if isinstance(text, int | float):
        seconds = float(text) if -1e300 < text < 1e300 else math.inf
    else:
        seconds = _seconds_in(" ".join(text.lower().split()), refusal)
    if not 0.0 <= seconds < math.inf:
        raise refusal
    return seconds


def _seconds_in(words: str, refusal: InputError) -> float:
    if words == "0":
        return 0.0
    seconds, position = 0.0, 0
    while match := _DURATION.match(words, position):
        seconds += float(match[1]) * _SECONDS[match[2][0]]
        position = match.end()
    if not words or position < len(words):
        raise refusal
    return seconds


def _with_unit(text: object) -> str:
    number = str(text).strip()
    return f"write {number}s, {number}m or {number}h, whichever is meant"


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return moment.astimezone(UTC)


def _whole_distances(anchor: datetime, after: datetime, every: Every) -> int:
    """How many times `every` fits between anchor and `after`, or a little less: the search starts there, not at 1."""
    if every.days:
        return (after - anchor) // timedelta(days=every.days)
    months = (after.year - anchor.year) * 12 + after.month - anchor.month
    return months // every.months


def _shifted(anchor: datetime, every: Every, count: int) -> datetime:
    if every.days:
        return anchor + timedelta(days=every.days * count)
    months = anchor.year * 12 + anchor.month - 1 + every.months * count
    year, month = divmod(months, 12)
    last_day = calendar.monthrange(year, month + 1)[1]
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, last_day))
