"""What is written down about a panda: how each day ended, what it moved and why, and what a person asked of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

PANDA = "panda"


class Nudging(StrEnum):
    """When a panda moves values by itself. START: probes, then only when something is wrong; DAILY: each day too."""

    START = "start"
    DAILY = "daily"


class WishKind(StrEnum):
    """What a person may ask of a panda."""

    SET = "set"  # other values
    BACK = "back"  # to the end of an earlier day
    HOLD = "hold"  # no move by itself, no decay; it still goes back when it diverges
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asked for, with the day at whose start it counts; None while no day has been given to it.

    `values` by name are those of SET, `to_day` that of BACK (0: the probe), `by` who asked.
    """

    kind: WishKind
    day: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    to_day: int | None = None
    by: str = ""

    def to_json(self) -> dict[str, Any]:
        """The wish as JSON values."""
        return {**asdict(self), "kind": self.kind.value, "values": dict(self.values)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Wish":
        """The wish that `to_json` wrote."""
        return cls(**{**stored, "kind": WishKind(stored["kind"])})


@dataclass(frozen=True, slots=True)
class Nudge:
    """One entry of the log: the day, the step (in the budget's unit), what happened or was moved, and by whom."""

    day: int
    step: float
    text: str
    by: str = PANDA

    @property
    def sentence(self) -> str:
        """The entry on one line; it names who moved the values, unless the panda did."""
        return f"day {self.day}: {self.text}" + ("" if self.by == PANDA else f" ({self.by})")


@dataclass(frozen=True, slots=True)
class DayEnd:
    """Where a day ended: its trial, the step (in the budget's unit), the score (higher is better) and the last rate."""

    day: int
    trial: str
    step: float
    score: float | None
    rate: float


def shift(name: str, before: float, after: float) -> str:
    """A changed value for a person: 'lr 0.08 -> 0.03'."""
    return f"{name} {before:.4g} -> {after:.4g}"


def step_text(step: float) -> str:
    """A step for a person: '4,120', or '2.35' of epochs."""
    return f"{step:,.0f}" if float(step).is_integer() else f"{step:,.4g}"
