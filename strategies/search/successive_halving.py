"""How many trials a search runs at which budgets: the arithmetic of its rungs and waves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..records import BudgetUnit

ETA = 3  # the first rung gets 1/ETA of the budget, and 1/ETA of its trials are promoted
LEAST_CHALLENGERS = 2
LEAST_WAVE = 3
WAVES = 6  # in which a search is tried, unless they would be smaller than LEAST_WAVE


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The sizes of a search; the incumbent comes on top of `first` and of `kept`.

    `rungs` are budgets in the trial's unit, ascending, the last one full. With one rung nothing is halved and `kept`
    equals `first`. `waves` are the sizes of the later waves, proposed from earlier scores and run at the full budget;
    the last one tries the configuration of the highest expected score.
    """

    first: int
    kept: int
    waves: tuple[int, ...]
    rungs: tuple[float, ...]

    @property
    def challengers(self) -> int:
        """How many configurations are tried against the incumbent."""
        return self.first + sum(self.waves)

    @property
    def trials(self) -> int:
        """All trials, the incumbent among them."""
        return 1 + self.challengers

    @property
    def full_runs(self) -> float:
        """What the search costs, in trainings at the full budget."""
        return sum(count * share for count, share in self.stages)

    @property
    def stages(self) -> tuple[tuple[int, float], ...]:
        """(trainings, fraction of the full budget each) of each stage of the search, in order."""
        shares = _shares(self.rungs)
        rungs = [(1 + self.first, shares[0])] + [(1 + self.kept, share) for share in shares[1:]]
        return (*rungs, *((count, 1.0) for count in self.waves))


def plan_search(
    challengers: int, full_runs: float | None, budget: float, unit: BudgetUnit, resumable: bool
) -> SearchPlan:
    """The largest search of at most `challengers` that costs no more than `full_runs`; None lifts the cap.

    Resumable: half of the challengers in a first wave, a third of which continue to the full budget. Otherwise a third
    in the first wave, at the full budget. The rest in waves of a sixth (at least three), the last of a single trial.
    Never fewer than two challengers, whatever the cap.
    """
    rungs = rung_budgets(budget, unit, resumable)
    sizes = range(max(challengers, LEAST_CHALLENGERS), LEAST_CHALLENGERS - 1, -1)
    plans = [_sized(size, rungs) for size in sizes]
    affordable = (plan for plan in plans if full_runs is None or plan.full_runs <= full_runs + 1e-9)
    return next(affordable, plans[-1])


def rung_budgets(budget: float, unit: BudgetUnit, resumable: bool) -> tuple[float, ...]:
    """The budgets at which trials are compared: a third and all of it, in whole steps or epochs.

    One rung where a trial cannot be resumed, or the budget is too small to be divided.
    """
    third = budget / ETA if unit is BudgetUnit.SECONDS else float(math.floor(budget / ETA + 0.5))
    return (third, budget) if resumable and 0.0 < third < budget else (budget,)


def survivors(ranked: Sequence[str], kept: int, incumbent: str) -> tuple[str, ...]:
    """The promoted trials: the first `kept` challengers of the ranking, and the incumbent if it is ranked."""
    challengers = [trial for trial in ranked if trial != incumbent][:kept]
    return (*((incumbent,) if incumbent in ranked else ()), *sorted(challengers))


def _sized(challengers: int, rungs: tuple[float, ...]) -> SearchPlan:
    share = 2 if len(rungs) > 1 else ETA
    first = max(math.ceil(challengers / share), LEAST_CHALLENGERS)
    kept = first if len(rungs) == 1 else math.ceil(first / ETA)
    return SearchPlan(first, kept, later_waves(challengers - first, max(LEAST_WAVE, challengers // WAVES)), rungs)


def later_waves(trials: int, size: int) -> tuple[int, ...]:
    """The sizes of waves of so many trials in all, the last of a single one."""
    last = (1,) if trials > 1 else ()
    between = trials - len(last)
    return (*(min(size, between - start) for start in range(0, between, size)), *last)


def _shares(rungs: tuple[float, ...]) -> tuple[float, ...]:
    starts = (0.0, *rungs[:-1])
    return tuple((end - start) / rungs[-1] for start, end in zip(starts, rungs, strict=True))
