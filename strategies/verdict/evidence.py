"""What the runs up to a look say: paired differences with failed runs at a floor, and the test on failures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from ..records import LegResult, Purpose, Role
from .divergence_test import divergence_e_value
from .runs import Pair, Run, SearchSummary, clipped
from .safe_t_test import Bounds, look_sizes, mean_bounds
from .verdict_records import TestPlan, Verdict

_ROUNDING = 1e-12  # a spread below this share of the scores is rounding, not noise


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers behind a look; `bounds` is None where no pair has two scores.

    `incumbent_scores` are those of completed confirm runs; in the means a failed run counts as the floor, where
    there is one. `incumbent_runs`, `incumbent_failed` and `divergence_e` cover all of its independent runs;
    `divergence_at` is the number of runs after which that evidence was reached.
    """

    n_pairs: int
    bounds: Bounds | None
    incumbent_scores: tuple[float, ...]
    incumbent_mean: float | None
    challenger_mean: float | None
    incumbent_runs: int
    incumbent_failed: int
    challenger_failed: int
    divergence_e: float
    divergence_at: int
    floor: float | None

    @property
    def has_noise(self) -> bool:
        """Whether the paired differences vary, so that there is a unit to measure an improvement in."""
        return self.bounds is not None and self.bounds.has_noise

    @property
    def is_unscored(self) -> bool:
        """Whether a pair was left out because nothing says what its failed run scores."""
        return self.n_pairs > (0 if self.bounds is None else self.bounds.n)


def weigh(plan: TestPlan, search: SearchSummary, pairs: Sequence[Pair], alone: Sequence[Run]) -> Evidence:
    """The evidence of ended pairs and of runs of the incumbent alone; lost runs must be left out of both."""
    floor = plan.floor if plan.floor is not None else floor_of(search.scores)
    incumbent = [pair.incumbent for pair in pairs if pair.incumbent is not None]
    challenger = [pair.challenger for pair in pairs if pair.challenger is not None]
    scored = [
        (ours, theirs)
        for pair in pairs
        if (ours := _paired_score(pair.incumbent, floor)) is not None
        and (theirs := _paired_score(pair.challenger, floor)) is not None
    ]
    of_search = [run for run in (search.incumbent,) if run is not None and not run.is_void]
    failures = [run.has_failed for run in (*of_search, *alone, *incumbent)]
    divergence_e, divergence_at = _divergence(failures, plan)
    return Evidence(
        n_pairs=len(pairs),
        bounds=_bounds(plan, scored),
        incumbent_scores=_completed([*alone, *incumbent], floor),
        incumbent_mean=_mean([*alone, *incumbent], floor),
        challenger_mean=_mean(challenger, floor),
        incumbent_runs=len(failures),
        incumbent_failed=sum(failures),
        challenger_failed=sum(run.has_failed for run in challenger),
        divergence_e=divergence_e,
        divergence_at=divergence_at,
        floor=floor,
    )


def floor_of(search_scores: Sequence[float]) -> float | None:
    """What a failed run scores where the owner declares no floor; None with fewer than three scores.

    The worst score of the search, but at most ten times as far below its best as its median is: one absurd score
    must not decide how much a failed run weighs. The search ends before the first pair, so the floor is fixed by
    then.
    """
    if len(search_scores) < 3:
        return None
    best = max(search_scores)
    return max(min(search_scores), best - 10 * (best - median(search_scores)))


def _paired_score(run: Run | None, floor: float | None) -> float | None:
    if run is None or run.finite_score is None:
        return floor
    return clipped(run.finite_score, floor)


def _mean(runs: Iterable[Run], floor: float | None) -> float | None:
    scores = [score for run in runs if (score := _paired_score(run, floor)) is not None]
    return fmean(scores) if scores else None


def _completed(runs: Iterable[Run], floor: float | None) -> tuple[float, ...]:
    return tuple(clipped(run.finite_score, floor) for run in runs if run.finite_score is not None)


def _bounds(plan: TestPlan, scored: Sequence[tuple[float, float]]) -> Bounds | None:
    if not scored:
        return None
    differences = [theirs - ours for ours, theirs in scored]
    rounding = _ROUNDING * max(abs(score) for pair in scored for score in pair)
    return mean_bounds(differences, plan.alpha, plan.beta, plan.d0, least_sd=rounding)


def _divergence(failures: Sequence[bool], plan: TestPlan) -> tuple[float, int]:
    """The highest evidence at any moment, and after how many runs; later runs do not lower it."""
    failed, highest, at = 0, 1.0, 0
    for runs, has_failed in enumerate(failures, start=1):
        failed += has_failed
        e_value = divergence_e_value(failed, runs, plan.birth_failed, plan.birth_runs)
        highest, at = max((highest, at), (e_value, runs), key=lambda peak: peak[0])
    return highest, at


@dataclass(frozen=True, slots=True)
class PairedRuns:
    """A recorded pair. `difference` is challenger minus incumbent as the test counts it, a failed run at the floor.

    It is None for a pair that does not count: one of its runs was lost to its machine, or failed without a floor.
    """

    number: int
    incumbent: LegResult
    challenger: LegResult
    difference: float | None

    @property
    def is_lost(self) -> bool:
        """Whether one of its runs was lost to its machine, so that the test skipped the pair."""
        return Run.of(self.incumbent).is_void or Run.of(self.challenger).is_void

    @property
    def has_failure(self) -> bool:
        """Whether one of its runs diverged or crashed."""
        return Run.of(self.incumbent).has_failed or Run.of(self.challenger).has_failed


@dataclass(frozen=True, slots=True)
class EvidencePath:
    """The pairs in order, and the evidence at each look; the verdict is based on the last."""

    pairs: tuple[PairedRuns, ...] = ()
    looks: tuple[Evidence, ...] = ()


def evidence_path(plan: TestPlan, verdict: Verdict, results: Sequence[LegResult]) -> EvidencePath:
    """The path to a verdict, from the frozen plan and the recorded legs; empty where no pair was run.

    The floor is that of the verdict, which was fixed before the first pair.
    """
    plan = replace(plan, floor=verdict.floor)
    first = _by_number(results, Purpose.SEARCH, Role.INCUMBENT).get(0)
    search = SearchSummary(incumbent=None if first is None else Run.of(first))
    pairs = tuple(_pair(plan, search, *both) for both in _recorded(results))
    usable = [_as_pair(pair) for pair in pairs if not pair.is_lost][: verdict.n_pairs]
    at = look_sizes(len(usable)) or ((len(usable),) if usable else ())
    return EvidencePath(pairs, tuple(weigh(plan, search, usable[:n], ()) for n in at))


def _recorded(results: Sequence[LegResult]) -> list[tuple[int, LegResult, LegResult]]:
    """Number, incumbent and challenger of the pairs of which both sides have ended."""
    ours, theirs = (_by_number(results, Purpose.CONFIRM, role) for role in (Role.INCUMBENT, Role.CHALLENGER))
    return [(number, ours[number], theirs[number]) for number in sorted(ours) if number in theirs]


def _by_number(results: Sequence[LegResult], purpose: Purpose, role: Role) -> dict[int, LegResult]:
    """The last leg of each trial in that role."""
    return {
        result.request.number: result
        for result in results
        if result.request.purpose is purpose and result.request.role is role
    }


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
