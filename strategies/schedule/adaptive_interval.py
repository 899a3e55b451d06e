"""every = "auto": the time between re-evaluations adapts to what they find."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..records import Outcome
from .due_calendar import FIRST_DAYS

SHRINK, GROW = 0.5, 1.5
FRESH_IN_A_ROW = 2


@dataclass(frozen=True, slots=True)
class Spacing:
    """Days until the next re-evaluation, and the reason for that number."""

    days: int
    reason: str


def interval_of(outcomes: Sequence[Outcome], shortest_days: int, longest_days: int) -> Spacing:
    """The spacing after those verdicts, oldest first, starting from 91 days.

    Halved after each STALE or BROKEN; multiplied by 1.5 after two FRESH in a row, which then count no longer;
    DEGRADED and INCONCLUSIVE only interrupt a row. Always within the bounds. A function of the history alone, so that
    it can be recomputed at any time.
    """

    def bounded(days: float) -> int:
        return max(shortest_days, min(longest_days, round(days)))

    days, row = bounded(FIRST_DAYS), 0
    reason = f"{days} days to begin with"
    for outcome in outcomes:
        row = row + 1 if outcome is Outcome.FRESH else 0
        before = days
        if outcome in (Outcome.STALE, Outcome.BROKEN):
            days = bounded(days * SHRINK)
            reason = f"halved from {before} to {days} days after {outcome.value.upper()}"
        elif row == FRESH_IN_A_ROW:
            days, row = bounded(days * GROW), 0
            reason = f"lengthened from {before} to {days} days after two FRESH in a row"
        if days == before and (outcome in (Outcome.STALE, Outcome.BROKEN) or (row == 0 and outcome is Outcome.FRESH)):
            bound = "shortest" if outcome is not Outcome.FRESH else "longest"
            reason = f"stays at {days} days after {outcome.value.upper()}: the {bound} allowed"
    return Spacing(days, reason)
