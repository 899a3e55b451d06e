"""What the runs up to a look say: paired differences with failed runs at a floor, and the test on failures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from ..records import SECOND_STAGE, LegResult, Purpose, Role
from .divergence_test import divergence_e_value
from .runs import Pair, Run, SearchSummary, clipped
from .safe_t_test import FIRST_LOOK, Bounds, look_sizes, mean_bounds
from .verdict_records import TestPlan, Verdict

_ROUNDING = 1e-12  # a spread below this share of the scores is rounding, not noise


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers behind a look; `bounds` is None where no pair has two scores.

    The means are of completed runs, as measured. `incumbent_scores` are what the fall since the baseline is judged by:
    completed runs, not below a declared floor. `incumbent_runs` and `incumbent_failed` cover all of its independent
    runs; `divergence_e` those whose end says something about the settings, and `divergence_at` is the number of them
    after which that evidence was reached. `floor` is what a failed run counts as in a pair, and `cut` how many
    completed ones were below a declared floor and count as it. `all_fail`: nothing trains any more, whatever the
    settings; `why_failed` is the detail of the last such run.
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
    cut: int = 0
    all_fail: bool = False
    why_failed: str = ""

    @property
    def has_noise(self) -> bool:
        """Whether the paired differences vary, so that there is a unit to measure an improvement in."""
        return self.bounds is not None and self.bounds.has_noise

    @property
    def is_unscored(self) -> bool:
        """Whether a pair was left out because nothing says what its failed run scores."""
        return self.n_pairs > (0 if self.bounds is None else self.bounds.n)


def weigh(
    plan: TestPlan,
    search: SearchSummary,
    pairs: Sequence[Pair],
    alone: Sequence[Run],
    failed_score: float | None = None,
) -> Evidence:
    """The evidence of ended pairs and of runs of the incumbent alone; lost runs must be left out of both.

    `failed_score`: what a failed run counts as, where that is on record; None: a declared floor, else one from the
    search and the pairs themselves.
    """
    incumbent = [pair.incumbent for pair in pairs if pair.incumbent is not None]
    challenger = [pair.challenger for pair in pairs if pair.challenger is not None]
    completed = [run.finite_score for run in (*incumbent, *challenger) if run.finite_score is not None]
    floor = failed_score if failed_score is not None else _failed_score(plan, search, completed)
    scored = [
        (ours, theirs)
        for pair in pairs
        if (ours := _paired_score(pair.incumbent, plan.floor, floor)) is not None
        and (theirs := _paired_score(pair.challenger, plan.floor, floor)) is not None
    ]
    of_search = [run for run in (search.incumbent,) if run is not None and not run.is_void]
    shared = [pair for pair in pairs if _has_failed(pair.incumbent) and _has_failed(pair.challenger)]
    own = [pair.incumbent for pair in pairs if pair.incumbent is not None and pair not in shared]
    is_outage = _is_outage(search, of_search, alone)
    telling = [] if is_outage else [*of_search, *alone, *own]
    divergence_e, divergence_at = _divergence([run.has_failed for run in telling], plan)
    failures = [run.has_failed for run in (*of_search, *alone, *incumbent)]
    untold = [run.detail for run in (*alone, *(pair.challenger for pair in shared)) if run is not None]
    return Evidence(
        n_pairs=len(pairs),
        bounds=_bounds(plan, scored),
        incumbent_scores=_completed([*alone, *incumbent], plan.floor),
        incumbent_mean=_mean([*alone, *incumbent]),
        challenger_mean=_mean(challenger),
        incumbent_runs=len(failures),
        incumbent_failed=sum(failures),
        challenger_failed=sum(run.has_failed for run in challenger),
        divergence_e=divergence_e,
        divergence_at=divergence_at,
        floor=floor,
        cut=sum(plan.floor is not None and score < plan.floor for score in completed),
        all_fail=is_outage or (len(pairs) >= FIRST_LOOK and len(shared) == len(pairs)),
        why_failed=untold[-1] if untold else "",
    )


def floor_of(search_scores: Sequence[float]) -> float | None:
    """The lowest of some scores, but at most ten times as far below the best as the median is; None with fewer than
    three. One absurd score must not decide how much a failed run weighs, or how a plot is scaled."""
    if len(search_scores) < 3:
        return None
    best = max(search_scores)
    return max(min(search_scores), best - 10 * (best - median(search_scores)))


def _failed_score(plan: TestPlan, search: SearchSummary, completed: Sequence[float]) -> float | None:
    """What a failed run counts as: the declared floor, else the floor of the search's scores and never more than a run
    of these pairs that completed. None where neither is known."""
    if plan.floor is not None:
        return plan.floor
    floor = floor_of(search.scores)
    return None if floor is None else min((floor, *completed))


def _is_outage(search: SearchSummary, of_search: Sequence[Run], alone: Sequence[Run]) -> bool:
    """Whether runs of the incumbent alone fail for a reason that is not its own: every one of them, though it completed
    in the search just before, when nothing in the search completed either, or when nothing else was tried."""
    if not alone or not all(run.has_failed for run in alone):
        return False
    if not of_search:
        return search.was_skipped
    return not of_search[0].has_failed or (search.has_failed and not search.scores)


def _has_failed(run: Run | None) -> bool:
    return run is not None and run.has_failed


def _paired_score(run: Run | None, declared: float | None, failed: float | None) -> float | None:
    """A run's score in its pair: as measured, unless below a floor that the owner declares; `failed` if it has none."""
    if run is None or run.finite_score is None:
        return failed
    return clipped(run.finite_score, declared)


def _mean(runs: Iterable[Run]) -> float | None:
    scores = [run.finite_score for run in runs if run.finite_score is not None]
    return fmean(scores) if scores else None


def _completed(runs: Iterable[Run], declared: float | None) -> tuple[float, ...]:
    return tuple(clipped(run.finite_score, declared) for run in runs if run.finite_score is not None)


def _bounds(plan: TestPlan, scored: Sequence[tuple[float, float]]) -> Bounds | None:
    if not scored:
        return None
    differences = [theirs - ours for ours, theirs in scored]
    rounding = _ROUNDING * max(abs(score) for pair in scored for score in pair)
    return mean_bounds(differences, plan.stage_alpha, plan.stage_beta, plan.d0, rounding, plan.final_look)


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

    A failed run counts as it did in the verdict.
    """
    first = _by_number(results, Purpose.SEARCH, Role.INCUMBENT).get(0)
    search = SearchSummary(incumbent=None if first is None else Run.of(first))
    failed = verdict.floor
    pairs = tuple(_pair(plan, search, failed, *both) for both in _recorded(results))
    usable = [_as_pair(pair) for pair in pairs if not pair.is_lost][: verdict.n_pairs]
    at = look_sizes(len(usable)) or ((len(usable),) if usable else ())
    return EvidencePath(pairs, tuple(weigh(plan, search, usable[:n], (), failed) for n in at))


def _recorded(results: Sequence[LegResult]) -> list[tuple[int, LegResult, LegResult]]:
    """Number, incumbent and challenger of the pairs of which both sides have ended; of the last stage that has any."""
    ours, theirs = (_by_number(results, Purpose.CONFIRM, role) for role in (Role.INCUMBENT, Role.CHALLENGER))
    start = SECOND_STAGE if any(number >= SECOND_STAGE for number in theirs) else 0
    return [(number, ours[number], theirs[number]) for number in sorted(ours) if number in theirs and number >= start]


def _by_number(results: Sequence[LegResult], purpose: Purpose, role: Role) -> dict[int, LegResult]:
    """The last leg of each trial in that role."""
    return {
        result.request.number: result
        for result in results
        if result.request.purpose is purpose and result.request.role is role
    }


def _pair(
    plan: TestPlan,
    search: SearchSummary,
    failed_score: float | None,
    number: int,
    incumbent: LegResult,
    challenger: LegResult,
) -> PairedRuns:
    pair = PairedRuns(number, incumbent, challenger, None)
    if pair.is_lost:
        return pair
    alone = weigh(plan, search, [_as_pair(pair)], (), failed_score).bounds
    return pair if alone is None else replace(pair, difference=alone.mean)


def _as_pair(pair: PairedRuns) -> Pair:
    return Pair(pair.number, Run.of(pair.incumbent), Run.of(pair.challenger))
