"""What a verdict is built from: the incumbent's and the challenger's runs, in pairs, and the search before them."""

import math
from dataclasses import dataclass, field

from ..records import LegEnd, LegResult

_VOID_ENDS = frozenset({LegEnd.LOST, LegEnd.CANCELLED, LegEnd.STOPPED})


@dataclass(frozen=True, slots=True)
class Run:
    """One full training run with its own seed and split: how it ended, and its score where it has one.

    `detail` says in a line why it failed.
    """

    end: LegEnd
    score: float | None = None
    detail: str = field(default="", compare=False)

    @classmethod
    def of(cls, result: LegResult) -> "Run":
        """The run behind a leg's result."""
        return cls(result.end, result.score, result.detail)

    @property
    def is_void(self) -> bool:
        """Whether its machine or retuned ended it, which says nothing about how often the settings fail."""
        return self.end in _VOID_ENDS

    @property
    def finite_score(self) -> float | None:
        """The score if the run completed with a finite one, else None."""
        is_scored = self.end is LegEnd.COMPLETED and self.score is not None and math.isfinite(self.score)
        return self.score if is_scored else None

    @property
    def has_failed(self) -> bool:
        """Whether it diverged, crashed or otherwise ended without a score through its own fault."""
        return not self.is_void and self.finite_score is None


@dataclass(frozen=True, slots=True)
class Pair:
    """Incumbent and challenger trained on the same fresh seed, split and data order; None has not ended yet."""

    index: int
    incumbent: Run | None
    challenger: Run | None

    @property
    def is_lost(self) -> bool:
        """Whether a run of it says nothing."""
        return any(run is not None and run.is_void for run in (self.incumbent, self.challenger))


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """What the verdict needs to know about the search.

    `nothing_better`: it ran properly and no challenger beat the incumbent. `has_failed`: no challenger can be named.
    `was_skipped`: there was none, because the contract forbids every verdict that pairs could bring. Otherwise there is
    a challenger to be compared in pairs. `too_small`: why the search cannot have seen whether anything is better, and
    what would do, as clauses; empty where it could. `incumbent` is the search's full run of the incumbent; `scores` are
    all its full-budget scores, from which a floor is derived where the owner declares none. `pairs_before`: how many
    were run with another challenger before, which they did not confirm, and `sd_before` is the standard deviation of
    their differences. `finds`: the loss that such searches and tests
    find in 8 of 10 campaigns, in standard deviations of a paired difference; None where it is not known.
    """

    nothing_better: bool = False
    has_failed: bool = False
    reason: str = ""
    incumbent: Run | None = None
    scores: tuple[float, ...] = ()
    too_small: str = ""
    was_skipped: bool = False
    pairs_before: int = 0
    sd_before: float | None = None
    finds: float | None = None

    @property
    def has_challenger(self) -> bool:
        """Whether there is a challenger to compare with."""
        return not (self.nothing_better or self.has_failed or self.was_skipped)


def clipped(score: float, floor: float | None) -> float:
    """The score, or the floor where that is higher; higher is better."""
    return score if floor is None else max(score, floor)
