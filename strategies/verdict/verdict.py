"""The verdict of a campaign, judged from its test plan and the runs made so far.

Source: the safe t-test and the divergence test, read at 4, 6, 8 ... pairs. `judge` is a pure function of the
recorded runs: it reads the looks in order and stops at the first that decides, so the answer does not depend on
how many runs happened to end at the same time.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from ..records import Outcome
from .confidence_intervals import pooled_sigma, welch_p_drop
from .contract import Contract
from .evidence import Evidence, weigh
from .power import loss_told
from .runs import Pair, Run, SearchSummary
from .safe_t_test import FIRST_LOOK, improvement_threshold, log_e_immaterial, look_sizes, seems_material
from .verdict_records import BROKEN_AT, Continue, Reason, TestPlan, Verdict
from .verdict_words import sentence_of

DROP_P = 0.0125
INCUMBENT_RUNS_ALONE = 4  # wanted where there is no challenger to compare with
_MOST_LOST = 8
_MOST_PAIRS_FORESEEN = 128
_NO_NOISE_AFTER = 8  # pairs; by then equal differences are no coincidence


def judge(
    plan: TestPlan,
    contract: Contract,
    search: SearchSummary,
    pairs: Sequence[Pair] = (),
    incumbent_runs: Sequence[Run] = (),
    *,
    budget_spent: bool = False,
    suspicions: Sequence[str] = (),
) -> Continue | Verdict:
    """The verdict on the runs made so far, or what to run before judging again.

    `incumbent_runs` are ended runs of the incumbent alone on confirm seeds, made where the search names no
    challenger; they do not include the runs in pairs. `budget_spent` asks for a verdict on what there is.
    `suspicions` name values in the data that look like glitches: where they may have caused the verdict, it asks
    the owner to look at them and recommends nothing; FRESH and DEGRADED are kept.
    """
    answer = _judge_runs(plan, contract, search, pairs, incumbent_runs, budget_spent)
    if isinstance(answer, Continue) or not suspicions:
        return answer
    verdict = replace(answer, suspicions=tuple(suspicions))
    if verdict.reason not in _BY_GLITCHES:
        return verdict
    doubted = replace(
        verdict, outcome=Outcome.INCONCLUSIVE, reason=Reason.LOOK_AT_DATA, challenger_confirmed=False, pairs_needed=None
    )
    return replace(doubted, sentence=sentence_of(doubted, search.reason))


_BY_GLITCHES = frozenset(
    {
        Reason.GAIN_CONFIRMED,
        Reason.FAILS_MORE_OFTEN,
        Reason.UNDECIDED,
        Reason.SEARCH_FAILED,
        Reason.NO_NOISE,
        Reason.NO_FLOOR,
        Reason.ALL_FAIL,
        Reason.CONTRACT_UNTESTED,
    }
)


def _judge_runs(
    plan: TestPlan,
    contract: Contract,
    search: SearchSummary,
    pairs: Sequence[Pair],
    incumbent_runs: Sequence[Run],
    budget_spent: bool,
) -> Continue | Verdict:
    if not search.has_challenger:
        return _judge_incumbent_alone(plan, contract, search, incumbent_runs, budget_spent)
    ended = _ended_in_order(pairs)
    usable = [pair for pair in ended if not pair.is_lost]
    at = look_sizes(plan.n_max)
    is_lost = len(ended) - len(usable) > _MOST_LOST
    for n in at:
        if n > len(usable):
            break
        evidence = weigh(plan, search, usable[:n], incumbent_runs)
        reason = _decide(plan, contract, evidence)
        if reason is not None or n == plan.n_max or _is_stuck(plan, contract, evidence):
            return _conclude(plan, contract, search, evidence, reason or _undecided(contract, evidence))
    if not (budget_spent or is_lost):
        next_look = next(n for n in at if n > len(usable))
        wanted = len(ended) + next_look - len(usable)
        return Continue(wanted, 0, f"{len(usable)} pairs do not settle it yet; the next look is at {next_look}.")
    evidence = weigh(plan, search, usable, incumbent_runs)
    ending = Reason.RUNS_LOST if is_lost else Reason.BUDGET_SPENT
    reason = _decide(plan, contract, evidence) or _undecided(contract, evidence, ending)
    return _conclude(plan, contract, search, evidence, reason)


def _judge_incumbent_alone(
    plan: TestPlan, contract: Contract, search: SearchSummary, incumbent_runs: Sequence[Run], budget_spent: bool
) -> Continue | Verdict:
    """The verdict without a challenger: a few runs of the incumbent show whether its score fell or it fails."""
    usable = [run for run in incumbent_runs if not run.is_void][:INCUMBENT_RUNS_ALONE]
    lost = sum(run.is_void for run in incumbent_runs)
    missing = INCUMBENT_RUNS_ALONE - len(usable)
    if missing > 0 and lost <= _MOST_LOST and not budget_spent:
        sentence = f"No challenger to compare with; {missing} runs of the stored settings show how they perform now."
        return Continue(0, len(incumbent_runs) + missing, sentence)
    evidence = weigh(plan, search, (), usable)
    reason = Reason.SEARCH_FAILED if search.has_failed else Reason.NOTHING_BETTER_FOUND
    reason = Reason(contract.breaches[0].value) if search.was_skipped else reason
    reason = Reason.ALL_FAIL if evidence.all_fail else reason
    return _conclude(plan, contract, search, evidence, reason)


def _decide(plan: TestPlan, contract: Contract, evidence: Evidence) -> Reason | None:
    """What the paired test says at this look: STALE's reason, FRESH's, or None for neither."""
    bounds = evidence.bounds
    if bounds is None or not bounds.has_noise or bounds.n < FIRST_LOOK or evidence.is_unscored:
        return None
    is_better = bounds.lower > 0 and contract.allows_stale
    if _is_immaterial(plan, bounds.mean, bounds.sd, bounds.n):
        if not contract.allows_fresh_by_bound:
            return None
        return Reason.IMMATERIAL_GAIN if is_better else Reason.NO_MATERIAL_GAIN
    return Reason.GAIN_CONFIRMED if is_better and seems_material(bounds.mean, plan.delta) else None


def _is_immaterial(plan: TestPlan, mean: float, sd: float, n: int) -> bool:
    """Whether an improvement that matters is ruled out, at the error rate beta."""
    return bool(log_e_immaterial(mean, sd, n, plan.d0, plan.delta, plan.least_effect) >= -math.log(plan.stage_beta))


def _is_stuck(plan: TestPlan, contract: Contract, evidence: Evidence) -> bool:
    """Whether more pairs could not lead to a decision."""
    if evidence.all_fail or evidence.is_unscored or (evidence.n_pairs >= _NO_NOISE_AFTER and not evidence.has_noise):
        return True
    if contract.allows_stale:
        return False
    is_better = evidence.bounds is not None and evidence.bounds.lower > 0
    says_what_matters = plan.delta is not None or plan.least_effect is not None
    return is_better or not says_what_matters or not contract.allows_fresh_by_bound


def _undecided(contract: Contract, evidence: Evidence, ending: Reason = Reason.UNDECIDED) -> Reason:
    """Why there is no decision; what is wrong goes before what ran out."""
    if evidence.all_fail:
        return Reason.ALL_FAIL
    if evidence.n_pairs < FIRST_LOOK:
        return ending
    if contract.breaches:
        return Reason(contract.breaches[0].value)
    if evidence.is_unscored:
        return Reason.NO_FLOOR
    return ending if evidence.has_noise else Reason.NO_NOISE


def _conclude(plan: TestPlan, contract: Contract, search: SearchSummary, evidence: Evidence, reason: Reason) -> Verdict:
    """The verdict for what the comparison says; BROKEN overrides it, DEGRADED replaces FRESH.

    Both claim that nothing else is better, which a search that was too small cannot say.
    """
    drop, drop_p, has_fallen = _drop(plan, evidence)
    outcome = _OUTCOMES.get(reason, Outcome.INCONCLUSIVE)
    is_confirmed = outcome is Outcome.STALE
    if evidence.divergence_e >= BROKEN_AT:
        outcome, reason = Outcome.BROKEN, Reason.FAILS_MORE_OFTEN
    elif outcome is Outcome.FRESH and search.too_small:
        outcome, reason = Outcome.INCONCLUSIVE, Reason.SEARCH_TOO_SMALL
    elif outcome is Outcome.FRESH and has_fallen:
        outcome, reason = Outcome.DEGRADED, Reason.SCORE_FELL
    bounds = evidence.bounds
    delta = _what_matters(plan, evidence)
    verdict = Verdict(
        outcome=outcome,
        reason=reason,
        sentence="",
        covered=contract.covered,
        is_covered=contract.allows_stale,
        alpha=plan.alpha,
        beta=plan.beta,
        d0=plan.d0,
        delta=delta,
        delta_share=None if delta is None or plan.skill is None else delta / plan.skill,
        n_pairs=evidence.n_pairs,
        mean=None if bounds is None else bounds.mean,
        sd=None if bounds is None else bounds.sd,
        lower=None if bounds is None else _finite(bounds.lower),
        upper=None if bounds is None else _finite(bounds.upper),
        e_value=1.0 if bounds is None else bounds.e_value,
        divergence_e=evidence.divergence_e,
        divergence_at=evidence.divergence_at,
        incumbent_mean=evidence.incumbent_mean,
        challenger_mean=evidence.challenger_mean,
        incumbent_runs=evidence.incumbent_runs,
        incumbent_failed=evidence.incumbent_failed,
        challenger_failed=evidence.challenger_failed,
        pairs_needed=_pairs_needed(plan, contract, evidence) if _may_need_pairs(outcome, reason) else None,
        challenger_confirmed=is_confirmed,
        drop=drop,
        drop_p=drop_p,
        has_fallen=has_fallen,
        floor=evidence.floor,
        cut=evidence.cut,
        why_failed=evidence.why_failed,
        stages=plan.stages,
        pairs_before=search.pairs_before,
    )
    verdict = _would_find(plan, search, verdict)
    searched = search.too_small if reason is Reason.SEARCH_TOO_SMALL else search.reason
    return replace(verdict, sentence=sentence_of(verdict, searched))


def _would_find(plan: TestPlan, search: SearchSummary, verdict: Verdict) -> Verdict:
    """A FRESH with the loss that it would have found: never less than the improvement that matters."""
    if verdict.outcome is not Outcome.FRESH or search.finds is None or not verdict.is_covered:
        return verdict
    sd = _pair_noise(search, verdict) or pooled_sigma([plan.birth_scores]).sigma
    if not sd:
        return verdict
    loss = max(loss_told(plan, search.finds, sd), verdict.delta or 0.0)
    return replace(verdict, would_find=loss, would_find_share=None if plan.skill is None else loss / plan.skill)


def _pair_noise(search: SearchSummary, verdict: Verdict) -> float | None:
    """The standard deviation of a paired difference by the pairs of all stages, too large as often as too small.

    Pairs that end FRESH early are few and often lie closer together than others would. Source of the median of a chi
    square variable: Wilson & Hilferty, The Distribution of Chi-Square, 1931.
    """
    stages = [(verdict.sd, verdict.n_pairs), (search.sd_before, search.pairs_before)]
    squares = [((pairs - 1) * sd**2, pairs - 1) for sd, pairs in stages if sd is not None and pairs > 1]
    freedom = sum(pairs for _, pairs in squares)
    if not freedom:
        return None
    return math.sqrt(sum(square for square, _ in squares) / freedom / (1 - 2 / (9 * freedom)) ** 3)


def _may_need_pairs(outcome: Outcome, reason: Reason) -> bool:
    return outcome is Outcome.INCONCLUSIVE and reason is not Reason.SEARCH_TOO_SMALL


def _what_matters(plan: TestPlan, evidence: Evidence) -> float | None:
    """The smallest improvement that matters, in score units, by the noise of the pairs; None where they show none."""
    if plan.least_effect is None:
        return plan.delta
    if evidence.bounds is None or not evidence.bounds.has_noise:
        return None
    return max(plan.least_effect * evidence.bounds.sd, plan.delta or 0.0)


_OUTCOMES = {
    Reason.GAIN_CONFIRMED: Outcome.STALE,
    Reason.NO_MATERIAL_GAIN: Outcome.FRESH,
    Reason.IMMATERIAL_GAIN: Outcome.FRESH,
    Reason.NOTHING_BETTER_FOUND: Outcome.FRESH,
}


def _drop(plan: TestPlan, evidence: Evidence) -> tuple[float | None, float, bool]:
    """How far the incumbent fell below its baseline, the p-value, and whether the fall counts."""
    if not plan.birth_scores or not evidence.incumbent_scores:
        return None, 1.0, False
    drop = fmean(plan.birth_scores) - fmean(evidence.incumbent_scores)
    p = welch_p_drop(plan.birth_scores, evidence.incumbent_scores)
    return drop, p, plan.drop_least is not None and drop >= plan.drop_least and p < DROP_P


def _pairs_needed(plan: TestPlan, contract: Contract, evidence: Evidence) -> int | None:
    """How many more pairs would decide at the improvement and noise seen so far; None where no number would."""
    bounds = evidence.bounds
    if bounds is None or not bounds.has_noise or evidence.is_unscored or not contract.allows_stale:
        return None
    for n in range(max(evidence.n_pairs + 1, FIRST_LOOK), _MOST_PAIRS_FORESEEN + 1):
        error = bounds.sd / math.sqrt(n)
        threshold = improvement_threshold(n, plan.stage_alpha, plan.d0, plan.final_look)
        is_better = bounds.mean > threshold * error and seems_material(bounds.mean, plan.delta)
        if is_better or _is_immaterial(plan, bounds.mean, bounds.sd, n):
            return n - evidence.n_pairs
    return None


def _ended_in_order(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The pairs with index 0, 1, 2 ... up to the first that is missing or still running."""
    ended: list[Pair] = []
    for pair in sorted(pairs, key=lambda pair: pair.index):
        if pair.index != len(ended) or pair.incumbent is None or pair.challenger is None:
            break
        ended.append(pair)
    return tuple(ended)


def _finite(bound: float) -> float | None:
    return bound if math.isfinite(bound) else None
