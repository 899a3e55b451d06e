"""How many trials a search makes at which budgets: the arithmetic of its rungs and waves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .records import BudgetUnit

ETA = 3  # the first rung's share of the budget, and of its trials the share that goes on
LEAST_CHALLENGERS = 2


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """The sizes of a search; the incumbent comes on top of `first` and of `kept`.

    `rungs` are budgets in the trial's unit, ascending, the last one full. With one rung nothing is halved
    and `kept` equals `first`. `second` trials of the second wave run at the full budget.
    """

    first: int
    kept: int
    second: int
    rungs: tuple[float, ...]

    @property
    def trials(self) -> int:
        """All trials, the incumbent among them."""
        return 1 + self.first + self.second

    @property
    def full_runs(self) -> float:
        """What the search costs, in trainings at the full budget."""
        return sum(count * share for count, share in self.stages)

    @property
    def stages(self) -> tuple[tuple[int, float], ...]:
        """(trainings, share of the full budget each) of what runs at once, in order."""
        shares = _shares(self.rungs)
        rungs = [(1 + self.first, shares[0])] + [(1 + self.kept, share) for share in shares[1:]]
        return (*rungs, (self.second, 1.0)) if self.second else tuple(rungs)


def plan_search(
    challengers: int, full_runs: float | None, budget: float, unit: BudgetUnit, resumable: bool
) -> SearchPlan:
    """The largest search of at most `challengers` that costs no more than `full_runs`; None lifts the cap.

    Resumable: `challengers` in a first wave, a third of them on to the full budget, and a third as many in
    a second wave. Otherwise two thirds in the first wave and one third in the second, all at the full
    budget. Never fewer than two challengers beside the incumbent, whatever the cap.
    """
    rungs = rung_budgets(budget, unit, resumable)
    sizes = range(max(challengers, LEAST_CHALLENGERS), LEAST_CHALLENGERS - 1, -1)
    plans = [_sized(size, rungs, has_second) for has_second in (True, False) for size in sizes]
    affordable = (plan for plan in plans if full_runs is None or plan.full_runs <= full_runs + 1e-9)
    return next(affordable, plans[-1])


def rung_budgets(budget: float, unit: BudgetUnit, resumable: bool) -> tuple[float, ...]:
    """The budgets at which trials are compared: a third and all of it, whole steps or epochs.

    One rung where a trial cannot be resumed, or where the budget is too small to be divided.
    """
    third = budget / ETA if unit is BudgetUnit.SECONDS else float(math.floor(budget / ETA + 0.5))
    return (third, budget) if resumable and 0.0 < third < budget else (budget,)


def survivors(ranked: Sequence[str], kept: int, incumbent: str) -> tuple[str, ...]:
    """The trials that go on: the first `kept` challengers of the ranking, and the incumbent if it is ranked."""
    challengers = [trial for trial in ranked if trial != incumbent][:kept]
    return (*((incumbent,) if incumbent in ranked else ()), *sorted(challengers))


def _sized(challengers: int, rungs: tuple[float, ...], has_second: bool) -> SearchPlan:
    second = math.floor(challengers / ETA + 0.5) if has_second else 0
    if len(rungs) == 1:
        first = max(challengers - second, LEAST_CHALLENGERS)
        return SearchPlan(first, first, challengers - first if has_second else 0, rungs)
    return SearchPlan(challengers, math.ceil(challengers / ETA), second, rungs)


def _shares(rungs: tuple[float, ...]) -> tuple[float, ...]:
    starts = (0.0, *rungs[:-1])
    return tuple((end - start) / rungs[-1] for start, end in zip(starts, rungs, strict=True))
