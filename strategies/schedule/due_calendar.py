"""When a model is due: its interval or cron expression, time zone, windows and jitter in one value."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from . import due
from .cron import Cron
from .due import Every
from .windows import Window, next_open

UTC_ZONE = ZoneInfo("UTC")
FIRST_DAYS = 91
"""The interval that adapts, to begin with."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The rule for a model's due dates. Exactly one of `every` and `cron` is given; `offset` is the model's own jitter.

    `shortest` is the lower bound of an interval that adapts; None where it does not.
    """

    every: Every | None = None
    cron: Cron | None = None
    zone: ZoneInfo = UTC_ZONE
    windows: tuple[Window, ...] = ()
    offset: timedelta = timedelta()
    shortest: Every | None = None

    def next_due(self, after: datetime, anchor: datetime) -> datetime | None:
        """The first due date later than `after`; `every` counts from `anchor`. None for never."""
        if self.cron is not None:
            return self.cron.next_after(after - self.offset, self.zone) + self.offset
        assert self.every is not None
        date = due.next_due(after - self.offset, self.every, anchor)
        return None if date is None else date + self.offset

    def starts_at(self, moment: datetime) -> datetime:
        """When a campaign queued at that moment may start: at once, or when the next window opens."""
        return next_open(self.windows, moment, self.zone)

    def dates(self, after: datetime, until: datetime, anchor: datetime) -> Iterator[datetime]:
        """The due dates later than `after`, up to and including `until`."""
        moment = self.next_due(after, anchor)
        while moment is not None and moment <= until:
            yield moment
            moment = self.next_due(moment, anchor)

    @property
    def campaigns_a_year(self) -> float:
        """How many due dates a year has on average; the most there can be where the interval adapts."""
        if self.cron is not None:
            return self.cron.a_year
        assert self.every is not None
        return due.campaigns_a_year(self.shortest or self.every)


def jitter_of(name: str, jitter_s: float) -> timedelta:
    """A model's share of the jitter, in whole seconds: fixed by its name, and spread evenly over names."""
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return timedelta(seconds=int(share * jitter_s))
