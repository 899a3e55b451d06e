import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from retuned.strategies.errors import InputError
from retuned.strategies.records import LegEnd, Outcome
from retuned.strategies.verdict.contract import Contract
from retuned.strategies.verdict.evidence import weigh
from retuned.strategies.verdict.runs import Pair, Run, SearchSummary
from retuned.strategies.verdict.test_plan import plan_test
from retuned.strategies.verdict.verdict import judge
from retuned.strategies.verdict.verdict_records import Continue, Reason, TestPlan, Verdict
from retuned.strategies.verdict.verdict_words import figure

HOLDS = Contract(seed_matters=True, split_matters=True, purpose_matters=True, is_deterministic=True)
BASELINE = (0.80, 0.81, 0.79, 0.80, 0.82, 0.78, 0.80, 0.80)
PLAN = TestPlan(
    alpha=0.0125,
    beta=0.1,
    d0=1.0,
    delta=0.02,
    n_max=32,
    floor=-1.0,
    drop_least=0.02,
    birth_scores=BASELINE,
    birth_runs=8,
)
NOISE = np.random.default_rng(3).standard_normal(40) * 0.01
LEVEL = 0.80 + np.random.default_rng(4).standard_normal(40) * 0.01
NOTHING_BETTER = SearchSummary(nothing_better=True, reason="the stored settings led all 18 challengers")
DIVERGED = Run(LegEnd.DIVERGED)
CRASHED = Run(LegEnd.CRASHED)
LOST = Run(LegEnd.LOST)


def scored(score: float) -> Run:
    return Run(LegEnd.COMPLETED, float(score))


def pairs_of(n: int, gain: float, noise: float = 1.0, fall: float = 0.0) -> list[Pair]:
    """n pairs with a true improvement, a paired noise of 0.01 times `noise`, the incumbent `fall` below baseline."""
    return [Pair(i, scored(LEVEL[i] - fall), scored(LEVEL[i] - fall + gain + noise * NOISE[i])) for i in range(n)]


def with_incumbent(pairs: list[Pair], run: Run, *indices: int) -> list[Pair]:
    return [replace(pair, incumbent=run) if pair.index in indices else pair for pair in pairs]


def with_challenger(pairs: list[Pair], run: Run, *indices: int) -> list[Pair]:
    return [replace(pair, challenger=run) if pair.index in indices else pair for pair in pairs]


def breaking(**claims: bool | None) -> Contract:
    return replace(HOLDS, **claims)


ALL = tuple(range(40))
FLOORLESS = replace(PLAN, floor=None)
NO_DELTA = replace(PLAN, delta=None, drop_least=None)
SEARCHED = SearchSummary(scores=(0.80, 0.70, 0.60, 0.50))

TABLE = [
    # a clear gain
    (PLAN, HOLDS, pairs_of(32, 0.05), Outcome.STALE, Reason.GAIN_CONFIRMED, True),
    # nothing changed
    (PLAN, HOLDS, pairs_of(32, 0.0), Outcome.FRESH, Reason.NO_MATERIAL_GAIN, False),
    # the challenger is worse
    (PLAN, HOLDS, pairs_of(32, -0.05), Outcome.FRESH, Reason.NO_MATERIAL_GAIN, False),
    # a real gain too small to matter: FRESH wins when both bounds hold
    (replace(PLAN, delta=0.2), HOLDS, pairs_of(32, 0.1), Outcome.FRESH, Reason.NO_MATERIAL_GAIN, False),
    (replace(PLAN, delta=0.2, beta=0.01), HOLDS, pairs_of(32, 0.1), Outcome.FRESH, Reason.IMMATERIAL_GAIN, False),
    # a gain just at what matters, in loud noise: the pairs run out
    (PLAN, HOLDS, pairs_of(32, 0.012, noise=3), Outcome.INCONCLUSIVE, Reason.UNDECIDED, False),
    # without delta there is no FRESH by the bound, so even a quiet comparison runs out
    (NO_DELTA, HOLDS, pairs_of(32, 0.0), Outcome.INCONCLUSIVE, Reason.UNDECIDED, False),
    # ... but a gain above 0 is STALE
    (NO_DELTA, HOLDS, pairs_of(32, 0.05), Outcome.STALE, Reason.GAIN_CONFIRMED, True),
    # no better settings, and the score fell by five sigma
    (PLAN, HOLDS, pairs_of(32, 0.0, fall=0.05), Outcome.DEGRADED, Reason.SCORE_FELL, False),
    # a significant fall below the declared least drop is FRESH
    (replace(PLAN, drop_least=0.2), HOLDS, pairs_of(32, 0.0, fall=0.05), Outcome.FRESH, Reason.NO_MATERIAL_GAIN, False),
    # the score fell and a challenger is better: STALE
    (PLAN, HOLDS, pairs_of(32, 0.05, fall=0.05), Outcome.STALE, Reason.GAIN_CONFIRMED, True),
    # the incumbent dies in every pair, the challenger lives: BROKEN, with values to recommend
    (PLAN, HOLDS, with_incumbent(pairs_of(32, 0.0), DIVERGED, *ALL), Outcome.BROKEN, Reason.FAILS_MORE_OFTEN, True),
    # a crash counts like a divergence
    (PLAN, HOLDS, with_incumbent(pairs_of(32, 0.0), CRASHED, *ALL), Outcome.BROKEN, Reason.FAILS_MORE_OFTEN, True),
    # both die in every pair: that speaks against neither, and it stops at the first look
    (
        PLAN,
        HOLDS,
        with_challenger(with_incumbent(pairs_of(32, 0.0), CRASHED, *ALL), CRASHED, *ALL),
        Outcome.INCONCLUSIVE,
        Reason.ALL_FAIL,
        False,
    ),
    # half of the baseline diverged already: not BROKEN; floor scores make the noise too loud for STALE
    (
        replace(PLAN, birth_failed=4),
        HOLDS,
        with_incumbent(pairs_of(32, 0.0), DIVERGED, 1, 3),
        Outcome.INCONCLUSIVE,
        Reason.UNDECIDED,
        False,
    ),
    # a challenger that dies once in four scores the floor there and cannot pass; the noise leaves FRESH open too
    (
        PLAN,
        HOLDS,
        with_challenger(pairs_of(32, 0.05), DIVERGED, *ALL[::4]),
        Outcome.INCONCLUSIVE,
        Reason.UNDECIDED,
        False,
    ),
    # seeds ignored: never STALE, said at once
    (PLAN, breaking(seed_matters=False), pairs_of(32, 0.05), Outcome.INCONCLUSIVE, Reason.SEED_IGNORED, False),
    # one evaluation slice for all pairs: never STALE
    (PLAN, breaking(split_matters=False), pairs_of(32, 0.05), Outcome.INCONCLUSIVE, Reason.SPLIT_IGNORED, False),
    # ... FRESH by the bound is still allowed there
    (PLAN, breaking(split_matters=False), pairs_of(32, 0.0), Outcome.FRESH, Reason.NO_MATERIAL_GAIN, False),
    # search and confirm on the same rows: neither STALE nor FRESH by the bound
    (PLAN, breaking(purpose_matters=False), pairs_of(32, 0.05), Outcome.INCONCLUSIVE, Reason.PURPOSE_IGNORED, False),
    (PLAN, breaking(purpose_matters=False), pairs_of(32, 0.0), Outcome.INCONCLUSIVE, Reason.PURPOSE_IGNORED, False),
    # a contract that could not be tested is not taken on trust
    (PLAN, breaking(seed_matters=None), pairs_of(32, 0.05), Outcome.INCONCLUSIVE, Reason.CONTRACT_UNTESTED, False),
    # identical calls differ as much as the effects
    (
        PLAN,
        breaking(seed_matters=False, is_deterministic=False),
        pairs_of(32, 0.05),
        Outcome.INCONCLUSIVE,
        Reason.NOT_REPEATABLE,
        False,
    ),
    # a broken contract does not hide an incumbent that dies; the values are not confirmed
    (
        PLAN,
        breaking(seed_matters=False),
        with_incumbent(pairs_of(32, 0.0), DIVERGED, *ALL),
        Outcome.BROKEN,
        Reason.FAILS_MORE_OFTEN,
        False,
    ),
    # the challenger only differs in what the training ignores
    (PLAN, HOLDS, pairs_of(32, 0.0, noise=0), Outcome.INCONCLUSIVE, Reason.NO_NOISE, False),
    # a constant gain is the same score repeated, however large
    (PLAN, HOLDS, pairs_of(32, 0.5, noise=0), Outcome.INCONCLUSIVE, Reason.NO_NOISE, False),
    # runs lost to their machines are left out, the rest decides
    (PLAN, HOLDS, with_challenger(pairs_of(32, 0.05), LOST, 1, 4), Outcome.STALE, Reason.GAIN_CONFIRMED, True),
    # a machine that loses everything ends the campaign
    (PLAN, HOLDS, with_challenger(pairs_of(32, 0.05), LOST, *ALL), Outcome.INCONCLUSIVE, Reason.RUNS_LOST, False),
    # failed runs, no floor declared and no search scores to take one from
    (FLOORLESS, HOLDS, with_challenger(pairs_of(32, 0.05), DIVERGED, 1), Outcome.INCONCLUSIVE, Reason.NO_FLOOR, False),
]


@pytest.mark.parametrize(("plan", "contract", "pairs", "outcome", "reason", "confirmed"), TABLE)
def test_pairs_lead_to_their_verdict(plan, contract, pairs, outcome, reason, confirmed):
    verdict = judge(plan, contract, SearchSummary(), pairs)
    assert (verdict.outcome, verdict.reason, verdict.challenger_confirmed) == (outcome, reason, confirmed)
    assert verdict.sentence
    assert "None" not in verdict.sentence
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


ALONE = [
    # the early exit: four runs of the incumbent, as good as ever
    (NOTHING_BETTER, [scored(s) for s in LEVEL[:4]], Outcome.FRESH, Reason.NOTHING_BETTER_FOUND),
    # they fell together
    (NOTHING_BETTER, [scored(s - 0.05) for s in LEVEL[:4]], Outcome.DEGRADED, Reason.SCORE_FELL),
    # one of four failed: an accident
    (NOTHING_BETTER, [DIVERGED, *(scored(s) for s in LEVEL[:3])], Outcome.FRESH, Reason.NOTHING_BETTER_FOUND),
    # three of four failed
    (NOTHING_BETTER, [DIVERGED, DIVERGED, CRASHED, scored(0.8)], Outcome.BROKEN, Reason.FAILS_MORE_OFTEN),
    # lost runs are replaced and not counted
    (NOTHING_BETTER, [LOST, *(scored(s) for s in LEVEL[:4])], Outcome.FRESH, Reason.NOTHING_BETTER_FOUND),
    # every challenger crashed in the search: that is not FRESH
    (
        SearchSummary(has_failed=True, reason="the search failed: 0 of 18 challengers finished"),
        [scored(s) for s in LEVEL[:4]],
        Outcome.INCONCLUSIVE,
        Reason.SEARCH_FAILED,
    ),
    # ... and BROKEN when the incumbent crashes too, its search run included
    (SearchSummary(has_failed=True, incumbent=CRASHED), [CRASHED] * 4, Outcome.INCONCLUSIVE, Reason.ALL_FAIL),
    (
        SearchSummary(has_failed=True, incumbent=CRASHED, scores=(0.5,)),
        [CRASHED] * 4,
        Outcome.BROKEN,
        Reason.FAILS_MORE_OFTEN,
    ),
]


BLIND = replace(NOTHING_BETTER, too_small="it tried 2 challengers of at least 7; give it more")


@pytest.mark.parametrize("runs", [[], [scored(s) for s in LEVEL[:4]]])
def test_a_search_that_was_too_small_is_not_fresh_by_finding_nothing(runs):
    verdict = judge(PLAN, HOLDS, BLIND, incumbent_runs=runs, budget_spent=True)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.SEARCH_TOO_SMALL)
    assert verdict.sentence == (
        "No decision. The search was too small to see whether other settings are better. "
        "It tried 2 challengers of at least 7; give it more."
    )
    assert (verdict.can_go_on, verdict.pairs_needed, verdict.challenger_confirmed) == (False, None, False)


def test_after_a_search_that_was_too_small_a_fall_is_said_but_it_is_not_degraded():
    verdict = judge(PLAN, HOLDS, BLIND, incumbent_runs=[scored(s - 0.05) for s in LEVEL[:4]])
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.SEARCH_TOO_SMALL)
    assert verdict.has_fallen
    assert "The stored settings have got worse by" in verdict.sentence


# the pairs, the verdict
AFTER_A_SMALL_SEARCH = [
    # the one challenger that it found does not improve: that says nothing about others
    (pairs_of(32, 0.0), Outcome.INCONCLUSIVE, Reason.SEARCH_TOO_SMALL),
    (pairs_of(32, 0.0, fall=0.05), Outcome.INCONCLUSIVE, Reason.SEARCH_TOO_SMALL),
    # what it did find is found
    (pairs_of(32, 0.05), Outcome.STALE, Reason.GAIN_CONFIRMED),
    (with_incumbent(pairs_of(32, 0.0), DIVERGED, *range(8)), Outcome.BROKEN, Reason.FAILS_MORE_OFTEN),
    # the pairs leave it open, as after any search
    (pairs_of(32, 0.012, noise=3), Outcome.INCONCLUSIVE, Reason.UNDECIDED),
]


@pytest.mark.parametrize(("pairs", "outcome", "reason"), AFTER_A_SMALL_SEARCH)
def test_pairs_after_a_search_that_was_too_small_can_only_find_something(pairs, outcome, reason):
    verdict = judge(PLAN, HOLDS, replace(SEARCHED, too_small="it tried 2 challengers of at least 7"), pairs)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(("search", "runs", "outcome", "reason"), ALONE)
def test_without_a_challenger_the_incumbent_alone_is_judged(search, runs, outcome, reason):
    verdict = judge(PLAN, HOLDS, search, incumbent_runs=runs)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert (verdict.lower, verdict.upper, verdict.challenger_confirmed) == (None, None, False)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_nothing_better_found_is_fresh_under_a_broken_contract_too():
    runs = [scored(s) for s in LEVEL[:4]]
    verdict = judge(PLAN, breaking(purpose_matters=False), NOTHING_BETTER, incumbent_runs=runs)
    assert verdict.outcome is Outcome.FRESH


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        ([], 4),  # the first look
        (pairs_of(3, 0.05), 4),
        (pairs_of(4, 0.05), 6),  # four pairs cannot reach 80:1
        (with_challenger(pairs_of(4, 0.05), LOST, 2), 5),  # a lost pair is replaced by one more
        (with_challenger(pairs_of(8, 0.05), None, 1), 4),  # no look passes over a pair that still runs
        (pairs_of(8, 0.05)[2:], 4),  # nor over one that was never started
    ],
)
def test_pairs_are_wanted_up_to_the_next_look(pairs, wanted):
    step = judge(PLAN, HOLDS, SearchSummary(), pairs)
    assert isinstance(step, Continue)
    assert (step.pairs, step.incumbent_runs) == (wanted, 0)


@pytest.mark.parametrize(
    ("runs", "wanted"),
    [
        ([], 4),
        ([scored(0.8)], 4),
        ([scored(0.8), LOST], 5),  # a lost run is replaced by one more
    ],
)
def test_without_a_challenger_four_incumbent_runs_are_wanted(runs, wanted):
    step = judge(PLAN, HOLDS, NOTHING_BETTER, incumbent_runs=runs)
    assert isinstance(step, Continue)
    assert (step.pairs, step.incumbent_runs) == (0, wanted)


def test_a_broken_incumbent_still_gets_its_challenger_confirmed():
    pairs = with_incumbent(pairs_of(4, 0.0), DIVERGED, 0, 1, 2, 3)
    assert isinstance(judge(PLAN, HOLDS, SearchSummary(), pairs), Continue)


def test_a_broken_incumbent_stays_broken_after_runs_that_end_well():
    pairs = with_incumbent(pairs_of(32, 0.0), DIVERGED, 0, 1)
    verdict = judge(PLAN, HOLDS, SearchSummary(incumbent=DIVERGED), pairs)
    assert verdict.outcome is Outcome.BROKEN


def test_a_failed_run_scores_like_bad_settings_of_the_search_where_no_floor_is_declared():
    pairs = with_incumbent(pairs_of(32, 0.0), DIVERGED, *ALL)
    verdict = judge(FLOORLESS, HOLDS, SEARCHED, pairs)
    assert (verdict.outcome, verdict.challenger_confirmed, verdict.floor) == (Outcome.BROKEN, True, 0.5)


def test_one_absurd_search_score_does_not_become_the_floor():
    pairs = with_incumbent(pairs_of(32, 0.0), DIVERGED, *ALL)
    search = SearchSummary(scores=(0.80, 0.70, 0.60, -1e12))
    assert judge(FLOORLESS, HOLDS, search, pairs).floor == pytest.approx(0.80 - 10 * 0.15)


def test_scores_below_the_floor_count_as_the_floor():
    pairs = with_incumbent(pairs_of(32, 0.0), scored(-1e9), *ALL)
    verdict = judge(PLAN, HOLDS, SearchSummary(), pairs)
    assert verdict.mean == pytest.approx(verdict.challenger_mean + 1.0)
    assert (verdict.cut, verdict.floor) == (verdict.n_pairs, -1.0)
    assert verdict.incumbent_mean == -1e9  # what is shown is what was measured


@given(
    some.lists(some.tuples(some.floats(-5, 5), some.floats(-5, 5)), min_size=4, max_size=12),
    some.sets(some.integers(0, 11)),
)
def test_a_floor_that_nobody_declares_changes_no_score_and_lies_below_every_one(scores, failing):
    pairs = [Pair(number, scored(ours), scored(theirs)) for number, (ours, theirs) in enumerate(scores)]
    pairs = with_incumbent(pairs, DIVERGED, *(number for number in failing if number < len(scores)))
    completed = [run.score for pair in pairs for run in (pair.incumbent, pair.challenger) if run.score is not None]
    search = SearchSummary(scores=(1.0, 1.0, 1.0, 0.5))  # most alike, so that their median is their best
    evidence = weigh(FLOORLESS, search, pairs, ())
    counted = [
        (theirs.score - (evidence.floor if ours.has_failed else ours.score))
        for ours, theirs in ((pair.incumbent, pair.challenger) for pair in pairs)
    ]
    assert evidence.floor <= min(completed)
    assert evidence.bounds.mean == pytest.approx(sum(counted) / len(counted))
    assert evidence.cut == 0


def test_settings_that_all_lie_below_the_searchs_scores_are_told_as_measured():
    pairs = [Pair(n, scored(-2.01 + 0.001 * n), scored(-1.0 - 0.001 * n)) for n in range(32)]
    search = SearchSummary(scores=(-1.0, -1.0, -1.0, -1.0, -2.0))
    verdict = judge(replace(FLOORLESS, birth_scores=()), HOLDS, search, pairs)
    assert verdict.outcome is Outcome.STALE
    assert verdict.incumbent_mean == pytest.approx(-2.0, abs=0.02)
    assert verdict.mean == pytest.approx(1.0, abs=0.02)


REFUSED = Run(LegEnd.CRASHED, detail="exit code 1: Connection refused")


@pytest.mark.parametrize("end", [LegEnd.CRASHED, LegEnd.SIGNALLED, LegEnd.TIMED_OUT, LegEnd.NO_METRIC, LegEnd.DIVERGED])
@pytest.mark.parametrize("plan", [PLAN, FLOORLESS])
def test_what_fails_on_both_sides_of_every_pair_speaks_against_neither(end, plan):
    run = Run(end, detail="exit code 1: Connection refused")
    verdict = judge(plan, HOLDS, SearchSummary(scores=(0.7, 0.8, 0.9)), [Pair(n, run, run) for n in range(32)])
    assert (verdict.outcome, verdict.reason, verdict.n_pairs) == (Outcome.INCONCLUSIVE, Reason.ALL_FAIL, 4)
    assert "Connection refused" in verdict.sentence
    assert verdict.divergence_e == 1.0


def test_failures_that_the_challenger_does_not_share_still_break_the_settings():
    shared = [Pair(n, REFUSED, REFUSED) for n in range(2)]
    own = [Pair(n, DIVERGED, scored(0.8 + 0.01 * n)) for n in range(2, 12)]
    verdict = judge(PLAN, HOLDS, SearchSummary(incumbent=DIVERGED), [*shared, *own])
    assert verdict.outcome is Outcome.BROKEN


def test_an_outage_after_the_search_is_not_laid_to_the_settings():
    search = SearchSummary(nothing_better=True, incumbent=scored(0.8), scores=(0.8, 0.7, 0.6))
    verdict = judge(PLAN, HOLDS, search, (), [REFUSED] * 4)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.ALL_FAIL)
    assert "Connection refused" in verdict.sentence


def test_a_spent_budget_ends_with_what_is_there_and_says_how_much_is_missing():
    verdict = judge(PLAN, HOLDS, SearchSummary(), pairs_of(5, 0.026), budget_spent=True)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.BUDGET_SPENT)
    assert verdict.n_pairs == 5
    assert 1 <= verdict.pairs_needed <= 10


def test_a_budget_spent_before_the_first_pair_is_inconclusive():
    verdict = judge(PLAN, HOLDS, SearchSummary(), [], budget_spent=True)
    assert (verdict.outcome, verdict.reason, verdict.n_pairs) == (Outcome.INCONCLUSIVE, Reason.BUDGET_SPENT, 0)


def test_the_pairs_said_to_be_needed_decide_at_the_same_gain_and_noise():
    plan = replace(PLAN, delta=0.01)
    short = judge(replace(plan, n_max=8), HOLDS, SearchSummary(), pairs_of(8, 0.016))
    longer = judge(replace(plan, n_max=40), HOLDS, SearchSummary(), pairs_of(40, 0.016))
    assert short.outcome is Outcome.INCONCLUSIVE
    assert longer.n_pairs == pytest.approx(8 + short.pairs_needed, abs=12)


def test_fresh_under_a_broken_contract_claims_no_error_rate():
    verdict = judge(PLAN, breaking(split_matters=False), SearchSummary(), pairs_of(32, 0.0))
    assert not verdict.is_covered
    assert "no error rate" in verdict.sentence


def test_more_pairs_continue_a_test_that_ran_out():
    plan, pairs = replace(PLAN, delta=0.012), pairs_of(40, 0.016)
    assert judge(replace(plan, n_max=8), HOLDS, SearchSummary(), pairs[:8]).outcome is Outcome.INCONCLUSIVE
    assert isinstance(judge(replace(plan, n_max=16), HOLDS, SearchSummary(), pairs[:8]), Continue)
    assert judge(replace(plan, n_max=16), HOLDS, SearchSummary(), pairs[:16]).outcome is Outcome.STALE


def test_what_is_better_by_less_than_matters_on_average_is_not_stale():
    # proven better than nothing at every bar, and by the average short of the margin: no alarm, and no all-clear
    pairs = pairs_of(32, 0.016)
    verdict = judge(PLAN, HOLDS, SearchSummary(), pairs)
    assert (verdict.outcome, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.UNDECIDED)
    assert verdict.lower > 0
    assert verdict.e_value > 80
    assert verdict.mean < 0.02 < verdict.upper
    assert verdict.sentence.startswith(
        "No decision. The challenger is better, but it is not settled whether by 0.02, the smallest improvement that "
        "matters."
    )
    assert not verdict.challenger_confirmed
    margin = 0.999 * verdict.mean  # the same pairs with a margin that the average reaches
    assert judge(replace(PLAN, delta=margin), HOLDS, SearchSummary(), pairs).outcome is Outcome.STALE


@settings(max_examples=40, deadline=None)
@given(some.integers(0, 2**32), some.floats(-0.03, 0.06), some.integers(4, 32))
def test_the_verdict_is_that_of_the_first_deciding_look_however_many_runs_ended(seed, gain, extra):
    draws = np.random.default_rng(seed).standard_normal((2, 32)) * 0.01
    pairs = [Pair(i, scored(a), scored(a + gain + d)) for i, (a, d) in enumerate(zip(*draws, strict=True))]
    verdict = judge(PLAN, HOLDS, SearchSummary(), pairs)
    early = judge(PLAN, HOLDS, SearchSummary(), pairs[:extra])
    assert early == verdict if extra >= verdict.n_pairs else isinstance(early, Continue)


@settings(max_examples=40, deadline=None)
@given(some.permutations(pairs_of(12, 0.05)))
def test_the_order_in_which_pairs_are_listed_does_not_matter(pairs):
    assert judge(PLAN, HOLDS, SearchSummary(), pairs) == judge(PLAN, HOLDS, SearchSummary(), pairs_of(12, 0.05))


def test_evidence_of_twenty_without_stale_is_worth_watching():
    verdict = judge(replace(PLAN, n_max=6), HOLDS, SearchSummary(), pairs_of(6, 0.024))
    assert 20 <= verdict.e_value < 80
    assert verdict.watch
    assert not verdict.critical


def test_ten_times_the_evidence_is_critical():
    verdict = judge(replace(PLAN, alpha=0.05), HOLDS, SearchSummary(), pairs_of(32, 0.05))
    assert verdict.outcome is Outcome.STALE
    assert not verdict.watch
    assert verdict.critical == (verdict.e_value >= 200)
    assert replace(verdict, e_value=200.0).critical


@pytest.mark.parametrize(
    ("a_year", "alpha"),
    [
        (4, 0.0125),  # every three months
        (1, 0.05),
        (0.2, 0.05),  # every five years does not earn a larger error rate
        (0, 0.05),  # never, but requested by a person
        (52, 0.05 / 52),
    ],
)
def test_the_error_rate_of_a_year_is_shared_by_its_campaigns(a_year, alpha):
    assert plan_test(campaigns_a_year=a_year).alpha == pytest.approx(alpha)


def test_delta_is_the_owners_margin_before_the_noise():
    replicates = [scored(s) for s in BASELINE]
    assert plan_test(campaigns_a_year=4, replicates=replicates, margin=0.5).delta == 0.5
    plan = plan_test(campaigns_a_year=4, replicates=replicates)
    assert (plan.delta, plan.least_effect) == (pytest.approx(0.02 * np.mean(BASELINE)), 1.0)


def test_without_pairs_a_fall_is_measured_by_single_runs_pooled_within_each_campaign():
    plan = plan_test(campaigns_a_year=4, replicates=[scored(1.0), scored(3.0)], earlier_scores=[[101.0, 105.0]])
    assert plan.drop_least == pytest.approx(np.sqrt((2 + 8) / 2))


def test_without_a_baseline_the_noise_of_the_pairs_alone_says_what_matters():
    plan = plan_test(campaigns_a_year=4)
    assert (plan.delta, plan.drop_least, plan.least_effect) == (None, None, 1.0)
    verdict = judge(plan, HOLDS, SearchSummary(), pairs_of(32, 0.0))
    assert verdict.outcome is Outcome.FRESH
    assert verdict.delta == pytest.approx(verdict.sd)


@pytest.mark.parametrize(
    ("differences", "d0"),
    [
        ((), 1.0),  # nothing known
        (([0.0, 0.1] * 10,), 1.0),  # 19 degrees of freedom: not well known
        (([0.0, 0.1] * 10, [0.0, 0.1]), 0.98),  # 20
        (([0.0, 1.0] * 20,), 0.7),  # clipped
        (([0.0, 0.01] * 20,), 1.4),
        (([0.0] * 40,), 1.0),  # no noise is not a measure
    ],
)
def test_the_effect_size_comes_from_well_known_noise_only(differences, d0):
    plan = plan_test(campaigns_a_year=4, margin=0.0515, earlier_differences=differences)
    assert plan.d0 == pytest.approx(d0, abs=0.02)


def test_failed_replicates_are_counted_and_not_averaged():
    plan = plan_test(campaigns_a_year=4, replicates=[scored(0.8), scored(0.9), DIVERGED, LOST], floor=0.85)
    assert (plan.birth_scores, plan.birth_runs, plan.birth_failed) == ((0.85, 0.9), 3, 1)


@pytest.mark.parametrize(
    "wrong", [{"margin": 0.0}, {"margin": float("nan")}, {"drop_least": -1.0}, {"floor": float("inf")}, {"n_max": 3}]
)
def test_values_that_make_no_test_are_refused(wrong):
    with pytest.raises(InputError):
        plan_test(campaigns_a_year=4, **wrong)


def test_a_plan_survives_json():
    assert TestPlan.from_json(json.loads(json.dumps(PLAN.to_json()))) == PLAN


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.01235"), (12345.6, "12350"), (-1e-7, "-1e-07"), (2.0, "2"), (None, "an unknown amount")],
)
def test_figures_have_four_significant_digits(value, text):
    assert figure(value) == text


def test_a_fall_is_reported_even_where_the_contract_allows_no_decision():
    verdict = judge(PLAN, breaking(purpose_matters=False), SEARCHED, pairs_of(32, 0.05, fall=0.3))
    assert (verdict.outcome, verdict.has_fallen) == (Outcome.INCONCLUSIVE, True)
    assert "got worse by 0.29" in verdict.sentence


def test_evidence_reached_on_the_way_says_after_how_many_runs():
    pairs = with_incumbent(pairs_of(32, 0.0), DIVERGED, 0)
    verdict = judge(PLAN, HOLDS, SearchSummary(incumbent=DIVERGED), pairs)
    assert (verdict.outcome, verdict.divergence_at) == (Outcome.BROKEN, 2)
    assert "after the first 2 runs" in verdict.sentence


GLITCH = ("column temp, line 1,204: 9e9 (usual range -12 to 41)",)
SUSPECTED = [
    # what a glitch can cause waits for the owner to look
    (pairs_of(32, 0.05), HOLDS, Outcome.INCONCLUSIVE, Reason.LOOK_AT_DATA),
    (with_incumbent(pairs_of(32, 0.0), DIVERGED, *ALL), HOLDS, Outcome.INCONCLUSIVE, Reason.LOOK_AT_DATA),
    (pairs_of(32, 0.012, noise=3), HOLDS, Outcome.INCONCLUSIVE, Reason.LOOK_AT_DATA),
    # settings that are still good in spite of it are still good
    (pairs_of(32, 0.0), HOLDS, Outcome.FRESH, Reason.NO_MATERIAL_GAIN),
    (pairs_of(32, 0.0, fall=0.05), HOLDS, Outcome.DEGRADED, Reason.SCORE_FELL),
    # no value in the data makes a training ignore its seed
    (pairs_of(32, 0.05), breaking(seed_matters=False), Outcome.INCONCLUSIVE, Reason.SEED_IGNORED),
]


@pytest.mark.parametrize(("pairs", "contract", "outcome", "reason"), SUSPECTED)
def test_suspicions_about_the_data_come_before_stale_and_broken(pairs, contract, outcome, reason):
    verdict = judge(PLAN, contract, SearchSummary(), pairs, suspicions=GLITCH)
    assert (verdict.outcome, verdict.reason, verdict.suspicions) == (outcome, reason, GLITCH)
    assert not verdict.challenger_confirmed
    assert not verdict.watch
    assert (GLITCH[0] in verdict.sentence) == (reason is Reason.LOOK_AT_DATA)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


@pytest.mark.parametrize(
    ("plan", "search", "pairs", "loss", "share"),
    [
        # without pairs the baseline's single runs say how noisy a pair is: 1.5 x 0.0120
        (replace(PLAN, delta=0.007, skill=0.9), replace(NOTHING_BETTER, finds=1.5), 0, 0.01793, 0.01992),
        # with pairs their own noise does, and the skill is not known
        (replace(PLAN, delta=0.004), replace(SEARCHED, finds=1.5), 16, None, None),
        # where the average must reach more than the test asks for, 0.6603 deviations, the loss is larger by that
        (replace(PLAN, delta=0.01, skill=0.9), replace(NOTHING_BETTER, finds=1.5), 0, 0.02004, 0.02226),
        (replace(PLAN, delta=0.5), replace(SEARCHED, finds=1.5), 16, 0.5181, None),
    ],
)
def test_a_fresh_says_what_loss_it_would_have_found(plan, search, pairs, loss, share):
    verdict = judge(plan, HOLDS, search, pairs_of(pairs, -0.01), [] if pairs else [scored(0.8)] * 4)
    assert verdict.outcome is Outcome.FRESH
    expected = 1.5 * verdict.sd * 1.0706 if loss is None else loss  # ended by six pairs
    assert verdict.would_find == pytest.approx(expected, rel=1e-3)
    assert verdict.would_find_share == (None if share is None else pytest.approx(share, rel=1e-3))
    assert "would be found in about 8 of 10 such re-evaluations, by simulation." in verdict.sentence
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_the_pairs_of_both_stages_say_how_large_a_loss_would_be_found():
    pairs = pairs_of(4, -0.1)
    plan = replace(PLAN, delta=0.009)
    few = judge(plan, HOLDS, replace(SEARCHED, finds=1.5), pairs)
    both = judge(plan, HOLDS, replace(SEARCHED, finds=1.5, pairs_before=13, sd_before=3 * few.sd), pairs)
    assert few.outcome is both.outcome is Outcome.FRESH
    # four pairs lie closer together than they should in more than half of all cases: 1.122 by the median of chi square
    assert few.would_find == pytest.approx(1.5 * few.sd * 1.122, rel=1e-3)
    pooled = few.sd * math.sqrt((3 + 12 * 9) / 15)
    assert both.would_find == pytest.approx(1.5 * pooled * 1.0225, rel=1e-3)
    assert both.would_find > 2 * few.would_find


def test_what_a_search_would_have_found_is_not_claimed_where_nobody_knows_it():
    verdict = judge(PLAN, HOLDS, NOTHING_BETTER, (), [scored(0.8)] * 4)
    assert verdict.would_find is None
    assert "would be found" not in verdict.sentence
