"""Panda or caviar, with the reason in a sentence; and the estimated cost of a campaign before it runs."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from ..records import BudgetUnit
from ..words import counted, duration
from .least_search import budget_text, least_challengers
from .samplers import Sampler
from .search_size import SearchSize, search_size
from .successive_halving import SearchPlan, plan_search

LEAST_PAIRS = 6  # confirm pairs for which compute budget is reserved first
FIRST_LOOK_PAIRS = 4  # pairs before the first look of the paired test; then two more at each look
CAVIAR_RUNS = 8.0  # full runs; a search with fewer compares too few configurations to be worthwhile
PANDA_RUNS = 2.0  # one life, and the incumbent's run next to it
CAVIAR_DAYS = 2.0  # beyond this time for a caviar search, panda is the better choice
MOST_LIVES = 3
USUAL_LIVES = 1  # without a compute budget
SPARE = 0.1  # by which trainings take longer than those that were timed


class Strategy(StrEnum):
    """How the challenger is searched for."""

    PANDA = "panda"
    CAVIAR = "caviar"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the machine and the owner allow a campaign.

    `seconds_per_full_run`: one training at the full budget, None before the first measurement. `slots`: trainings
    that run at once. `compute_s`: seconds of training that the whole campaign may use, summed over the slots, None
    for no limit. `budget`: of one full training, in `unit`. `memory_share`: measured fraction of the machine's memory
    that one training takes. `requested`: the strategy that the owner requests, None to decide here. `no_panda`: why
    this model cannot be babysat, empty where it can. `lives`: how many pandas to run, None to decide here. `sampler`:
    what proposes caviar's configurations. `coordinates`: those that a search moves (search_size.py). `challengers`: how
    many a caviar search tries, None to decide here; `stages`: how many it may have, None to decide here, which is one
    where the owner says how many challengers.
    """

    seconds_per_full_run: float | None
    slots: int
    resumable: bool
    budget: float
    unit: BudgetUnit
    coordinates: int = 3
    challengers: int | None = None
    stages: int | None = None
    compute_s: float | None = None
    probe_runs: int = 5
    probe_share: float = 1.0  # fraction of the full budget that one probe run takes
    memory_share: float | None = None
    requested: Strategy | None = None
    no_panda: str = ""
    lives: int | None = None
    sampler: Sampler = Sampler.AUTO

    @property
    def at_once(self) -> int:
        """Trainings that run at once, limited by slots and by the measured memory of one training."""
        if not self.memory_share:
            return self.slots
        return max(1, min(self.slots, int(1.0 / self.memory_share)))


@dataclass(frozen=True, slots=True)
class Choice:
    """The strategy of a campaign, its cap on the search in full runs (None: no cap), and why.

    `fits` is False where the compute budget does not cover the smallest search and the fewest useful pairs. `lives`:
    how many pandas to run, one after another; 0 for caviar. `least_s`: the compute budget that covers both; None where
    no budget limits the search. `challengers`: of each of at most `stages` of caviar; 0 and 1 for panda.
    """

    strategy: Strategy
    full_runs: float | None
    fits: bool
    sentence: str
    lives: int = 0
    least_s: float | None = None
    challengers: int = 0
    stages: int = 1


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Trainings and wall-clock seconds of a campaign; seconds are None until a training has been timed.

    `runs_search` counts trials; `full_runs_search` is their cost in full trainings, which rungs reduce. A confirm
    pair is two trainings. Expected: with the usual number of pairs; max: with all of them.
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
    """Caviar where its search fits in the budget and in two days, otherwise panda; a requested strategy overrides both.

    Budget for the probe and six confirm pairs is reserved first.
    """
    left, size = _runs_left(capacity), _size(capacity)
    plan = _plan(capacity, left, size)
    full_s = capacity.seconds_per_full_run
    search_s = None if full_s is None else _search_s(plan, capacity, full_s)
    holds_caviar = left is None or left >= CAVIAR_RUNS
    is_quick = search_s is None or search_s <= CAVIAR_DAYS * 86400.0
    preferred = Strategy.CAVIAR if capacity.no_panda or (holds_caviar and is_quick) else Strategy.PANDA
    strategy = capacity.requested or preferred
    if strategy is Strategy.PANDA:
        return _panda(capacity, left)
    proposed = f" ({capacity.sampler.words})" if capacity.sampler.words else ""
    each = " a stage, two stages at most" if size.stages > 1 else ""
    reason = f"caviar: {plan.challengers} challengers{each}{proposed}, {counted(capacity.at_once, 'training')} at once"
    reason += f" ({size.why})" if size.why and plan.challengers == size.challengers else ""
    smallest = _smallest_caviar(capacity)
    fits, least_s = left is None or left >= smallest - 1e-9, _least_s(capacity, smallest)
    reason += "" if fits else _too_small(capacity, "a search that may say FRESH", least_s)
    if capacity.compute_s is not None and full_s is None:
        reason += "; the compute budget cannot limit the search before one training has been timed"
    if preferred is Strategy.CAVIAR and capacity.no_panda and not (holds_caviar and is_quick):
        reason += f"; one babysat run (panda) would fit better, but {capacity.no_panda}"
    elif preferred is Strategy.PANDA:
        reason += f"; panda would fit better here{_room(capacity, left)}"
    cap = None if left is None else max(left, 0.0)
    return Choice(Strategy.CAVIAR, cap, fits, reason, least_s=least_s, challengers=size.challengers, stages=size.stages)


def estimate(capacity: Capacity, n_max: int = 32, expected_pairs: int = 8) -> CostEstimate:
    """The expected and the maximal cost of a campaign, with the search that `choose` would allow."""
    choice = choose(capacity)
    plan = _plan(capacity, choice.full_runs, _size(capacity))
    again = plan.challengers if choice.stages > 1 else 0  # of the second stage, all at the full budget
    trials, full_runs = plan.trials + again, plan.full_runs + again
    if choice.lives:
        trials, full_runs = 1 + choice.lives, 1.0 + choice.lives
    expected_pairs, n_max = min(expected_pairs, n_max) * choice.stages, n_max * choice.stages
    full_s = capacity.seconds_per_full_run
    seconds: list[float | None] = [None, None]
    if full_s is not None:
        search_s = full_runs * full_s if choice.lives else _search_s(plan, capacity, full_s)
        search_s += math.ceil(again / capacity.at_once) * full_s
        seconds = [_campaign_s(search_s, capacity, full_s, pairs) for pairs in (expected_pairs, n_max)]
    probes = f"{counted(capacity.probe_runs, 'probe run')}, " if capacity.probe_runs else ""
    searched = f"{counted(choice.lives, 'babysat run')} and one of the stored settings" if choice.lives else (
        f"a search of {trials} trials (the cost of {full_runs:.3g} full runs)"
    )  # fmt: skip
    sentence = f"{probes}{searched}, then about {2 * expected_pairs} confirm runs, {2 * n_max} at most"
    sentence += f"; {again} of the trials only where the first challenger is not confirmed" if again else ""
    if full_s is None:
        sentence += "; the time is unknown until one training has been timed"
    else:
        slots = counted(capacity.at_once, "slot")
        sentence += f": about {duration(seconds[0])} on {slots}, {duration(seconds[1])} at most"
    if not choice.fits:
        sentence += f"; the compute budget of {duration(capacity.compute_s)} is too small for this"
    return CostEstimate(
        runs_search=trials,
        full_runs_search=full_runs,
        runs_confirm_expected=2 * expected_pairs,
        runs_confirm_max=2 * n_max,
        runs_probe=capacity.probe_runs,
        seconds_expected=seconds[0],
        seconds_max=seconds[1],
        sentence=sentence,
    )


def _panda(capacity: Capacity, left: float | None) -> Choice:
    """Panda with as many lives as the budget allows, at least one."""
    room = USUAL_LIVES if left is None else int(left - 1.0 + 1e-9)
    lives = max(1, min(room, MOST_LIVES) if capacity.lives is None else capacity.lives)
    fits, least_s = left is None or left >= PANDA_RUNS, _least_s(capacity, PANDA_RUNS)
    reason = f"panda: {counted(lives, 'babysat run')}{_room(capacity, left)}"
    if not fits:
        reason += _too_small(capacity, "a babysat run", least_s)
    return Choice(Strategy.PANDA, None if left is None else max(left, 0.0), fits, reason, lives, least_s)


def _room(capacity: Capacity, left: float | None) -> str:
    """What one run takes and how many the budget allows, as a clause."""
    full_s = capacity.seconds_per_full_run
    if full_s is None:
        return ", before one training has been timed"
    memory = f"{capacity.memory_share:.0%} of the memory and " if capacity.memory_share else ""
    cost = f"; one run takes {memory}{duration(full_s)}, {counted(capacity.at_once, 'run')} at once"
    if left is None or capacity.compute_s is None:
        return cost
    runs = f"{max(left, 0.0):.3g} runs" if left >= 2 else "less than 2 runs"
    return f"{cost}, the budget of {duration(capacity.compute_s)} leaves {runs} after {LEAST_PAIRS} confirm pairs"


def _too_small(capacity: Capacity, what: str, least_s: float | None) -> str:
    enough = f" to {budget_text(least_s)} or more" if least_s is not None else ""
    return (
        f"; the compute budget of {duration(capacity.compute_s)} does not cover {what} and {LEAST_PAIRS} confirm pairs,"
        f" so expect an inconclusive verdict: raise the budget{enough}, or continue later with retuned confirm"
    )


def _least_s(capacity: Capacity, full_runs: float) -> float | None:
    """The compute budget of a campaign whose search costs that many full runs; None where no budget limits it.

    A little more than it adds up to: trainings take longer at one time than at another.
    """
    if capacity.compute_s is None or not capacity.seconds_per_full_run:
        return None
    runs = full_runs + capacity.probe_runs * capacity.probe_share + 2 * LEAST_PAIRS
    return runs * capacity.seconds_per_full_run * (1.0 + SPARE)


def _runs_left(capacity: Capacity) -> float | None:
    """Full runs that the compute budget leaves for a search, after probe and fewest useful pairs; None for no limit."""
    full_s = capacity.seconds_per_full_run
    if capacity.compute_s is None or full_s is None or full_s <= 0.0:
        return None
    return capacity.compute_s / full_s - capacity.probe_runs * capacity.probe_share - 2 * LEAST_PAIRS


def _smallest_caviar(capacity: Capacity) -> float:
    """What a search costs in full runs that may say that nothing better was found."""
    least = least_challengers(_size(capacity).challengers)
    return plan_search(least, None, capacity.budget, capacity.unit, capacity.resumable).full_runs


def _plan(capacity: Capacity, cap: float | None, size: SearchSize) -> SearchPlan:
    cap = None if cap is None else max(cap, 0.0)
    return plan_search(size.challengers, cap, capacity.budget, capacity.unit, capacity.resumable)


def _size(capacity: Capacity) -> SearchSize:
    """How large a caviar search is to be, the cap of its compute budget aside."""
    if capacity.challengers is not None:
        return SearchSize(capacity.challengers, capacity.stages or 1, "")
    full_s = capacity.seconds_per_full_run
    runs = capacity.compute_s / full_s if capacity.compute_s is not None and full_s else None
    probes = capacity.probe_runs * capacity.probe_share
    size = search_size(capacity.coordinates, runs, full_s, capacity.at_once, probes)
    return size if capacity.stages is None else replace(size, stages=capacity.stages)


def _campaign_s(search_s: float, capacity: Capacity, full_s: float, pairs: int) -> float:
    """Wall-clock seconds: trainings fill the slots in rounds, and each look waits for its pairs."""
    probe_s = math.ceil(capacity.probe_runs / capacity.at_once) * capacity.probe_share * full_s
    first = min(pairs, FIRST_LOOK_PAIRS)
    rounds = math.ceil(2 * first / capacity.at_once)
    rounds += math.ceil((pairs - first) / 2) * math.ceil(4 / capacity.at_once)
    return probe_s + search_s + rounds * full_s


def _search_s(plan: SearchPlan, capacity: Capacity, full_s: float) -> float:
    return sum(math.ceil(count / capacity.at_once) * share * full_s for count, share in plan.stages)
