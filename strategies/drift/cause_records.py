"""What a campaign found out about the causes of its verdict, as it is recorded.

Standard library only, so that the service and the command line can read causes without loading scipy.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Cause(StrEnum):
    """What an effect is attributed to; the values are stored."""

    DATA = "data"
    ENVIRONMENT = "environment"
    CODE = "code"
    TOGETHER = "data and environment"  # where they cannot be told apart
    SETTINGS = "settings"
    BASELINE = "birth"  # whether the challenger was already better on the data of the baseline


class Finding(StrEnum):
    """What was found out about a cause; the values are stored."""

    UNCHANGED = "unchanged"  # the cause itself did not change
    WORSE = "worse"  # it changed, and the same settings score worse because of it
    BETTER = "better"
    NO_CHANGE_SEEN = "no change seen"  # it changed, but as far as the runs can tell, the score did not
    NOT_KNOWN = "not known"
    GAIN_CONFIRMED = "gain confirmed"
    NO_GAIN_CONFIRMED = "no gain confirmed"
    RUSTED = "rusted"  # the challenger was no better on the old data
    PARTLY_RUSTED = "partly rusted"  # it was better there, but by less than half of today's improvement
    NEVER_OPTIMAL = "never optimal"  # it was about as much better there as today
    UNSETTLED = "unsettled"


@dataclass(frozen=True, slots=True)
class Effect:
    """A cause and what was found out about it.

    `mean` is the change in score (higher is better) that `of` describes, `low` and `high` its interval; None where it
    was not measured. The interval covers 90%; that of SETTINGS is the verdict's, that of BASELINE has an error rate of
    10% on each side.
    """

    cause: Cause
    finding: Finding
    of: str
    words: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The effect as values that JSON can hold."""
        return asdict(self) | {"cause": self.cause.value, "finding": self.finding.value}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The effect that `to_json` gave."""
        return cls(**{**fields, "cause": Cause(fields["cause"]), "finding": Finding(fields["finding"])})


@dataclass(frozen=True, slots=True)
class Causes:
    """All effects and the sentence about them for the owner; `skipped` says why some wanted runs were not made.

    `level` is that of the intervals of data, environment and code.
    """

    effects: tuple[Effect, ...]
    sentence: str
    summary: str
    skipped: str
    level: float

    def to_json(self) -> dict[str, Any]:
        """The causes as values that JSON can hold."""
        return asdict(self) | {"effects": [effect.to_json() for effect in self.effects]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The causes that `to_json` gave."""
        return cls(**{**fields, "effects": tuple(Effect.from_json(effect) for effect in fields["effects"])})
