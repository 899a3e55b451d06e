"""What a campaign found out about the causes of its verdict, as it is recorded.

Standard library only, so that the daemon and the command line read causes without loading scipy.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self


class Cause(StrEnum):
    """What an effect is laid to."""

    DATA = "data"
    ENVIRONMENT = "environment"
    CODE = "code"
    TOGETHER = "data and environment"  # where they cannot be told apart
    SETTINGS = "settings"
    BIRTH = "birth"


class Finding(StrEnum):
    """What was found of a cause."""

    UNCHANGED = "unchanged"  # the thing itself is as it was
    WORSE = "worse"  # it changed, and the same settings score worse for it
    BETTER = "better"
    NO_CHANGE_SEEN = "no change seen"  # it changed, but not the score, as far as the runs can tell
    NOT_KNOWN = "not known"
    GAIN_CONFIRMED = "gain confirmed"
    NO_GAIN_CONFIRMED = "no gain confirmed"
    RUSTED = "rusted"  # the challenger was no better on the old data
    PARTLY_RUSTED = "partly rusted"  # it was better there, by less than half of today's gain
    NEVER_OPTIMAL = "never optimal"  # it was about as much better there
    UNSETTLED = "unsettled"


@dataclass(frozen=True, slots=True)
class Effect:
    """A cause and what was found of it.

    `mean` is the change in score (higher is better) that `of` describes, `low` and `high` its interval; None was not
    measured. The interval covers 90 %; that of SETTINGS is the verdict's, that of BIRTH has error rate 10 % a side.
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
    """All effects, and the owner's sentence made of them; `skipped` says why some of the runs wanted were not
    made. `level` is that of the intervals of data, environment and code."""

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
