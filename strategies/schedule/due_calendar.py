"""When a model is due: one value for its distance or cron expression, time zone, windows and jitter."""

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


@dataclass(frozen=True, slots=True)
class Calendar:
    """The rule of a model's due dates. Exactly one of `every` and `cron` is given; `offset` is the model's own jitter.

    `shortest`: with an interval that adapts, the least it may become.
    """

    every: Every | None = None
    cron: Cron | None = None
    zone: ZoneInfo = UTC_ZONE
    windows: tuple[Window, ...] = ()
    offset: timedelta = timedelta()
    shortest: Every | None = None

    def next_due(self, after: datetime, anchor: datetime) -> datetime | None:
        """The first due date later than `after`; distances are counted from `anchor`. None for never."""
        if self.cron is not None:
            return self.cron.next_after(after - self.offset, self.zone) + self.offset
        assert self.every is not None
        found = due.next_due(after - self.offset, self.every, anchor)
        return None if found is None else found + self.offset

    def starts_at(self, moment: datetime) -> datetime:
        """When a campaign that is queued then may be started: at once, or when the next window opens."""
        return next_open(self.windows, moment, self.zone)

    def dates(self, after: datetime, until: datetime, anchor: datetime) -> Iterator[datetime]:
        """The due dates after the one moment, up to and with the other."""
        moment = self.next_due(after, anchor)
        while moment is not None and moment <= until:
            yield moment
            moment = self.next_due(moment, anchor)

    @property
    def campaigns_a_year(self) -> float:
        """How many due dates a year holds on average; where the interval adapts, as many as there may come to be."""
        if self.cron is not None:
            return self.cron.a_year
        assert self.every is not None
        return due.campaigns_a_year(self.shortest or self.every)


def jitter_of(name: str, jitter_s: float) -> timedelta:
    """What of the jitter falls to a model: always the same for its name, spread evenly over names, whole seconds."""
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return timedelta(seconds=int(share * jitter_s))
