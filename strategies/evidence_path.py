"""How the evidence of a campaign grew: its recorded pairs, and what they said together at each look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from . import stats
from .evidence import Evidence, weigh
from .judgement import Pair, Run, SearchSummary, TestPlan, Verdict
from .records import LegResult


@dataclass(frozen=True, slots=True)
class PairedRuns:
    """One recorded pair. `difference` is challenger less incumbent as the test counts it, a failed run at the floor.

    None is a pair that does not count: a run of it was lost to its machine, or it failed and there is no floor.
    """

    number: int
    incumbent: LegResult
    challenger: LegResult
    difference: float | None

    @property
    def is_lost(self) -> bool:
        """A run of it was lost to its machine, so the test passed the pair over."""
        return Run.of(self.incumbent).is_void or Run.of(self.challenger).is_void

    @property
    def has_failure(self) -> bool:
        """A run of it diverged or crashed."""
        return Run.of(self.incumbent).has_failed or Run.of(self.challenger).has_failed


@dataclass(frozen=True, slots=True)
class EvidencePath:
    """The pairs in order, and the evidence at each look; the last look is the one that the verdict reads."""

    pairs: tuple[PairedRuns, ...] = ()
    looks: tuple[Evidence, ...] = ()


def evidence_path(plan: TestPlan, verdict: Verdict, results: Sequence[LegResult]) -> EvidencePath:
    """The path to a verdict, from the frozen plan and the recorded legs; empty where no pair was run.

    The floor is the one that the verdict stands on, which was fixed before the first pair.
    """
    plan = replace(plan, floor=verdict.floor)
    trials = {result.request.trial: result for result in results}  # a trial's last leg
    first = trials.get("search.000")
    search = SearchSummary(incumbent=None if first is None else Run.of(first))
    pairs = tuple(_pair(plan, search, *both) for both in _recorded(trials))
    usable = [_as_pair(pair) for pair in pairs if not pair.is_lost][: verdict.n_pairs]
    at = stats.looks(len(usable)) or ((len(usable),) if usable else ())
    return EvidencePath(pairs, tuple(weigh(plan, search, usable[:n], ()) for n in at))


def _recorded(trials: Mapping[str, LegResult]) -> list[tuple[int, LegResult, LegResult]]:
    """Number, incumbent and challenger of the pairs of which both sides have ended."""
    found = []
    for name, incumbent in trials.items():
        challenger = trials.get(name.replace("confirm.i", "confirm.c"))
        if name.startswith("confirm.i") and challenger is not None:
            found.append((int(name.removeprefix("confirm.i")), incumbent, challenger))
    return sorted(found, key=lambda pair: pair[0])


def _pair(
    plan: TestPlan, search: SearchSummary, number: int, incumbent: LegResult, challenger: LegResult
) -> PairedRuns:
    pair = PairedRuns(number, incumbent, challenger, None)
    if pair.is_lost:
        return pair
    alone = weigh(plan, search, [_as_pair(pair)], ()).bounds
    return pair if alone is None else replace(pair, difference=alone.mean)


def _as_pair(pair: PairedRuns) -> Pair:
    return Pair(pair.number, Run.of(pair.incumbent), Run.of(pair.challenger))
