"""The running account of a model: what re-tuning has earned, in how long, and for how much compute."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..verdict.verdict_words import figure
from ..words import counted
from .gain import Gain

DAYS_A_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Measured:
    """One adoption: the metric and direction that it was judged by, and its gain; None: not measured yet."""

    metric: str
    lower_is_better: bool
    gain: Gain | None


@dataclass(frozen=True, slots=True)
class Account:
    """What adoptions have earned in score units (higher is better), each measured against the settings before it.

    `share` is the same as a share of the first settings' score, None where that is 0; `low` and `high` add up the ends
    of the intervals. Of `adoptions`, all by the present metric, `measured` have a gain.
    """

    metric: str
    adoptions: int
    measured: int
    earned: float
    low: float
    high: float
    share: float | None
    compute_s: float
    days: float

    @property
    def sentence(self) -> str:
        """The account in a sentence: "re-tuning has earned 0.31 loss (+1.9%) in 14 months for 31 compute hours"."""
        price = f"in {_time(self.days)} for {_compute(self.compute_s)}"
        if not self.measured:
            made = counted(self.adoptions, "adoption")
            return f"re-tuning: {made} {price}; whether the gain arrived is measured in the next re-evaluation"
        share = "" if self.share is None else f" ({100 * self.share:+.2g}%)"
        of = (
            ""
            if self.measured == self.adoptions
            else f"; {self.measured} of {counted(self.adoptions, 'adoption')} measured"
        )
        if self.earned >= 0:
            return f"re-tuning has earned {figure(self.earned)} {self.metric}{share} {price}{of}"
        return f"re-tuning has cost {figure(-self.earned)} {self.metric}{share} {price}{of}"


def account_of(
    adoptions: Sequence[Measured], metric: str, lower_is_better: bool, compute_s: float, days: float
) -> Account | None:
    """The account of a model from its adoptions, oldest first; None where nothing was adopted by the present metric.

    `compute_s`: seconds of training of all its campaigns, `days`: since it was registered. Gains are added: each is
    measured on the data of its own time, and one that was replaced before it was measured is missing.
    """
    ours = [made for made in adoptions if (made.metric, made.lower_is_better) == (metric, lower_is_better)]
    gains = [made.gain for made in ours if made.gain is not None]
    if not ours:
        return None
    earned = sum(gain.mean for gain in gains)
    first = gains[0].before if gains else 0.0
    return Account(
        metric=metric,
        adoptions=len(ours),
        measured=len(gains),
        earned=earned,
        low=sum(gain.low for gain in gains),
        high=sum(gain.high for gain in gains),
        share=earned / abs(first) if first else None,
        compute_s=compute_s,
        days=days,
    )


def days_between(first: datetime, last: datetime) -> float:
    """The days from one moment to a later one; 0 where the clock was set back."""
    return max(0.0, (last - first).total_seconds() / 86400)


def _time(days: float) -> str:
    months = round(days / DAYS_A_MONTH)
    return counted(months, "month") if months >= 2 else counted(round(days), "day")


def _compute(seconds: float) -> str:
    hours = seconds / 3600
    if hours >= 10:
        return f"{hours:.0f} compute hours"
    return f"{figure(float(f'{hours:.2g}'))} compute hours" if hours >= 0.1 else f"{seconds:.0f} s of compute"
