"""Trials of a campaign as its record holds them, for tables and figures."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

from ...strategies.records import LegEnd, LegResult, Purpose, Role


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: its legs in order; `is_full` where it was asked to go through the whole budget."""

    name: str
    legs: tuple[LegResult, ...]
    is_full: bool

    @property
    def last(self) -> LegResult:
        """The leg that it ended with."""
        return self.legs[-1]

    @property
    def score(self) -> float | None:
        """The score of its last leg; None where it has none."""
        return self.last.score

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """Sorts trials, best first when reversed: scored ones, then by the budget reached, then by score."""
        return (self.score is not None, self.is_full, 0.0 if self.score is None else self.score)

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Its reports as (step, score), all legs in order; those that are no number are left out."""
        return tuple(point for leg in self.legs for point in leg.curve if math.isfinite(point[1]))

    @property
    def has_failed(self) -> bool:
        """It did not complete, by its own doing."""
        return self.last.end not in (LegEnd.COMPLETED, LegEnd.STOPPED)

    @property
    def was_stopped(self) -> bool:
        """It was ended early, as hopeless."""
        return self.last.end is LegEnd.STOPPED


def trials_of(
    results: Iterable[LegResult], purpose: Purpose, roles: Collection[Role], whole: float
) -> tuple[Trial, ...]:
    """The trials of a purpose in these roles, in order of name; `whole` is the full budget."""
    legs = sorted(
        (result for result in results if result.request.purpose is purpose and result.request.role in roles),
        key=lambda result: (result.request.trial, result.request.to_step),
    )
    grouped = ((name, tuple(group)) for name, group in groupby(legs, key=lambda result: result.request.trial))
    return tuple(Trial(name, group, group[-1].request.to_step >= whole) for name, group in grouped)
