"""Panda or caviar, with the reason in a sentence; and what a campaign will cost before it runs."""

import math
from dataclasses import dataclass
from enum import StrEnum

from .halving import LEAST_CHALLENGERS, SearchPlan, plan_search
from .records import BudgetUnit

LEAST_PAIRS = 6  # confirm pairs that a compute budget is first reserved for
FIRST_LOOK_PAIRS = 4  # pairs before the first look of the paired test; then two more at each look
PANDA_DAYS = 2.0  # a caviar search longer than this is what panda is for


class Strategy(StrEnum):
    """How a challenger is looked for."""

    PANDA = "panda"
    CAVIAR = "caviar"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machine and the owner give a campaign.

    `seconds_per_full_run`: one training at the full budget, None while nothing has been measured. `slots`:
    trainings that run at once. `compute_s`: seconds of training the whole campaign may use, summed over the
    slots, None for no limit. `budget` is that of one full training, in `unit`.
    """

    seconds_per_full_run: float | None
    slots: int
    resumable: bool
    budget: float
    unit: BudgetUnit
    challengers: int = 18
    compute_s: float | None = None
    probe_runs: int = 5
    probe_share: float = 1.0  # of the full budget that one probe run takes


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy of a campaign, its cap on the search in full runs (None: no cap), and why.

    `fits` is False where the compute budget cannot hold the smallest search and the fewest useful pairs.
    """

    strategy: Strategy
    full_runs: float | None
    fits: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Trainings and wall-clock seconds of a campaign; seconds are None while a training was never timed.

    `runs_search` counts trials; `full_runs_search` their cost in full trainings, which is less where rungs
    save some. A confirm pair is two trainings. Expected: the usual number of pairs; max: all of them.
    """

    runs_search: int
    full_runs_search: float
    runs_confirm_expected: int
    runs_confirm_max: int
    runs_probe: int
    seconds_expected: float | None
    seconds_max: float | None
    sentence: str


def choose(capacity: Capacity) -> Choice:
    """The strategy that the capacity allows. Always caviar for now: where panda fits better the sentence says so."""
    cap, fits = _cap_on_search(capacity)
    plan = _plan(capacity, cap)
    seconds = (
        None if capacity.seconds_per_full_run is None else _search_s(plan, capacity, capacity.seconds_per_full_run)
    )
    reason = f"caviar: {plan.challengers} challengers, {_counted(capacity.slots, 'training')} at once"
    if not fits:
        reason += (
            f"; the compute budget of {_spoken(capacity.compute_s)} does not hold the smallest search and"
            f" {LEAST_PAIRS} confirm pairs, so expect an inconclusive verdict: raise the budget"
        )
    if capacity.compute_s is not None and capacity.seconds_per_full_run is None:
        reason += "; the compute budget cannot limit the search before one training has been timed"
    if not fits or (seconds is not None and seconds > PANDA_DAYS * 86400.0):
        length = "" if seconds is None else f" ({_spoken(seconds)} of searching)"
        reason += f"; one babysat run (panda) would fit better here{length}, but is not available yet"
    return Choice(Strategy.CAVIAR, cap, fits, reason)


def estimate(capacity: Capacity, n_max: int = 32, expected_pairs: int = 8) -> CostEstimate:
    """What a campaign is expected to cost, and at most, with the search that `choose` would allow."""
    cap, fits = _cap_on_search(capacity)
    plan = _plan(capacity, cap)
    expected_pairs = min(expected_pairs, n_max)
    full_s = capacity.seconds_per_full_run
    seconds = [
        None if full_s is None else _campaign_s(plan, capacity, full_s, pairs) for pairs in (expected_pairs, n_max)
    ]
    probes = f"{_counted(capacity.probe_runs, 'probe run')}, " if capacity.probe_runs else ""
    sentence = (
        f"{probes}a search of {plan.trials} trials"
        f" (the cost of {plan.full_runs:.3g} full runs), then about {2 * expected_pairs} confirm runs,"
        f" {2 * n_max} at most"
    )
    if full_s is None:
        sentence += "; the time is unknown until one training has been timed"
    else:
        sentence += (
            f": about {_spoken(seconds[0])} on {_counted(capacity.slots, 'slot')}, {_spoken(seconds[1])} at most"
        )
    if not fits:
        sentence += f"; the compute budget of {_spoken(capacity.compute_s)} is too small for this"
    return CostEstimate(
        runs_search=plan.trials,
        full_runs_search=plan.full_runs,
        runs_confirm_expected=2 * expected_pairs,
        runs_confirm_max=2 * n_max,
        runs_probe=capacity.probe_runs,
        seconds_expected=seconds[0],
        seconds_max=seconds[1],
        sentence=sentence,
    )


def _cap_on_search(capacity: Capacity) -> tuple[float | None, bool]:
    """What a search may cost in full runs, after the probe and the least pairs; and whether a search fits in it."""
    full_s = capacity.seconds_per_full_run
    if capacity.compute_s is None or full_s is None or full_s <= 0.0:
        return None, True
    left = capacity.compute_s / full_s - capacity.probe_runs * capacity.probe_share - 2 * LEAST_PAIRS
    smallest = plan_search(LEAST_CHALLENGERS, 0.0, capacity.budget, capacity.unit, capacity.resumable)
    return max(left, 0.0), left >= smallest.full_runs


def _plan(capacity: Capacity, cap: float | None) -> SearchPlan:
    return plan_search(capacity.challengers, cap, capacity.budget, capacity.unit, capacity.resumable)


def _campaign_s(plan: SearchPlan, capacity: Capacity, full_s: float, pairs: int) -> float:
    """Wall-clock seconds: what runs at once fills the slots in rounds, and each look waits for its pairs."""
    probe_s = math.ceil(capacity.probe_runs / capacity.slots) * capacity.probe_share * full_s
    first = min(pairs, FIRST_LOOK_PAIRS)
    rounds = math.ceil(2 * first / capacity.slots)
    rounds += math.ceil((pairs - first) / 2) * math.ceil(4 / capacity.slots)
    return probe_s + _search_s(plan, capacity, full_s) + rounds * full_s


def _search_s(plan: SearchPlan, capacity: Capacity, full_s: float) -> float:
    return sum(math.ceil(count / capacity.slots) * share * full_s for count, share in plan.stages)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _spoken(seconds: float | None) -> str:
    """A duration for a person, in the largest fitting unit."""
    if seconds is None:
        return "unknown time"
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
