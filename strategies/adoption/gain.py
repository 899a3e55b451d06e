"""What an adoption promised, and what it brought: the new settings against those before, on later data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from ..verdict.verdict_words import figure
from ..words import counted


class Arrival(StrEnum):
    """Whether a promised gain arrived."""

    ARRIVED = "arrived"  # the new settings are better, and the promise lies within what was measured
    LESS = "less"  # they are better, or may be, but by less than promised
    LOST = "lost"  # they are worse now
    UNCLEAR = "unclear"  # the interval holds no gain as well as the promised one


@dataclass(frozen=True, slots=True)
class Promise:
    """What the verdict behind an adoption said, in score units (higher is better): the improvement on average and at
    least, and the evidence as odds. `at_least` None: it gave no bound, as where a person chose the values."""

    mean: float | None
    at_least: float | None
    e_value: float

    def to_json(self) -> dict[str, Any]:
        """The promise as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The promise that `to_json` gave."""
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class Gain:
    """The new settings' score less that of the settings before, pair by pair on the same seeds and rows.

    `low` and `high` are the ends of a 90% interval; `before` is the mean score of the settings before. Of their runs
    `failed` had no score, so that those pairs are left out.
    """

    pairs: int
    mean: float
    low: float
    high: float
    before: float
    failed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The gain as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """The gain that `to_json` gave."""
        return cls(**stored)


def arrival_of(promise: Promise | None, gain: Gain) -> Arrival:
    """Whether the gain that was promised arrived; without a promise, whether there is one."""
    promised = 0.0 if promise is None or promise.at_least is None else max(0.0, promise.at_least)
    if gain.high < 0:
        return Arrival.LOST
    if gain.high < promised:
        return Arrival.LESS
    return Arrival.ARRIVED if gain.low > 0 else Arrival.UNCLEAR


def gain_sentence(promise: Promise | None, gain: Gain, metric: str) -> str:
    """What came of an adoption, as a sentence; gains are given so that positive is better."""
    promised = (
        "" if promise is None or promise.at_least is None else f"; promised was at least {figure(promise.at_least)}"
    )
    words = {
        Arrival.ARRIVED: "the gain arrived" if promised else "the change was a gain",
        Arrival.LESS: "less than promised arrived",
        Arrival.LOST: "the new settings are worse now",
        Arrival.UNCLEAR: "the pairs cannot tell whether the gain arrived",
    }[arrival_of(promise, gain)]
    failed = f"; {counted(gain.failed, 'run')} of the settings before failed" if gain.failed else ""
    return (
        f"{words}: {metric} better by {figure(gain.mean)} on average over {counted(gain.pairs, 'pair')} with the "
        f"settings before (90% interval {figure(gain.low)} to {figure(gain.high)}{promised}{failed})"
    )
