import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from retuned.strategies.records import LegEnd, Outcome
from retuned.strategies.verdict.contract import Contract
from retuned.strategies.verdict.margin import Share, in_score_units, margin_of, skill_of, what_matters
from retuned.strategies.verdict.power import first_crossings, simulated_power
from retuned.strategies.verdict.runs import Pair, Run, SearchSummary
from retuned.strategies.verdict.safe_t_test import log_e, log_e_by_table, log_e_immaterial, look_sizes
from retuned.strategies.verdict.test_plan import plan_test
from retuned.strategies.verdict.verdict import judge
from retuned.strategies.verdict.verdict_records import Reason

HOLDS = Contract(seed_matters=True, split_matters=True, purpose_matters=True, is_deterministic=True)
EVER = tuple(range(2, 129))


def scored(score: float) -> Run:
    return Run(LegEnd.COMPLETED, float(score))


@pytest.mark.parametrize(
    ("scores", "trivial", "skill"),
    [
        ((0.5, 0.7), 0.1, 0.5),
        ((-40.0, -44.0), -100.0, 58.0),  # a loss
        ((0.6,), None, 0.6),
        ((0.2,), 0.5, 0.3),  # worse than what knows nothing: the distance still is a scale
        ((), 0.1, None),
        ((0.5,), 0.5, None),
    ],
)
def test_the_skill_is_the_distance_from_a_model_that_has_learned_nothing(scores, trivial, skill):
    assert skill_of(scores, trivial) == (None if skill is None else pytest.approx(skill))


@pytest.mark.parametrize(
    ("declared", "margin"), [(None, None), (0.03, 0.03), ("2%", Share(0.02)), ("0.5%", Share(0.005))]
)
def test_a_margin_is_a_number_or_a_share(declared, margin):
    assert margin_of(declared) == margin


def test_a_share_of_an_unknown_skill_is_unknown():
    assert in_score_units(Share(0.02), None) is None
    assert in_score_units(0.3, None) == 0.3


@pytest.mark.parametrize(
    ("margin", "skill", "words"),
    [
        (None, 0.5, "by default one standard deviation of a pair's difference, and at least 0.01 (2% of the skill)"),
        (None, None, "by default one standard deviation of a pair's difference"),
        (0.03, 0.5, "0.03 (6% of the skill)"),
        (0.06, 0.5, "0.06 (12% of the skill); a smaller loss goes unnoticed"),
        (Share(0.04), 0.5, "0.02 (4% of the skill)"),
        (0.6, 0.5, "0.6 (more than the whole skill); a smaller loss goes unnoticed"),
        (Share(0.04), None, "an unknown amount"),
    ],
)
def test_the_baseline_says_what_matters(margin, skill, words):
    assert what_matters(margin, skill) == words


@pytest.mark.parametrize("delta", [None, 0.3, 1.0, 3.0])  # in standard deviations of a pair
def test_a_material_improvement_is_ruled_out_at_most_as_often_as_promised_however_long_one_looks(delta):
    gain = max(1.0, delta or 0.0)
    draws = np.random.default_rng(7).standard_normal((4000, EVER[-1])) + gain
    _, ruled_out = first_crossings(draws, delta, 0.0125, 0.10, 1.0, EVER, 1.0)
    assert 0.01 < (ruled_out <= EVER[-1]).mean() <= 0.10


def test_one_deviation_of_a_pair_is_found_and_nothing_is_soon_called_nothing():
    found, unchanged = (
        simulated_power(gain, 0.3, 0.0125, 0.10, 1.0, 32, least_effect=1.0, runs=8000) for gain in (1.0, 0.0)
    )
    assert found.stale >= 0.90
    assert unchanged.fresh >= 0.98
    assert unchanged.stale <= 0.0125
    assert unchanged.mean_pairs <= 9.0


@given(
    t=some.floats(-1e6, 1e6),
    n=some.integers(2, 256),
    d0=some.floats(0.7, 1.4),
)
def test_the_table_for_simulations_agrees_with_the_test(t, n, d0):
    assert float(log_e_by_table(np.array(t), n, d0)) == pytest.approx(float(log_e(t, n, d0)), abs=0.02)


@given(
    mean=some.floats(-50.0, 50.0),
    more=some.floats(0.0, 10.0),
    sd=some.floats(0.1, 10.0),
    n=some.integers(2, 64),
    delta=some.none() | some.floats(0.0, 20.0),
    effect=some.none() | some.floats(0.5, 1.5),
)
def test_a_larger_improvement_is_never_better_evidence_for_a_smaller_one(mean, more, sd, n, delta, effect):
    evidence, with_more = (float(log_e_immaterial(m, sd, n, 1.0, delta, effect)) for m in (mean, mean + more))
    assert with_more <= evidence + 1e-6
    if delta is None and effect is None:
        assert evidence == -math.inf


def test_the_luck_of_slices_does_not_hide_a_loss_of_half_of_it():
    luck, noise = np.random.default_rng(1).normal(0.7, 0.05, 48), np.random.default_rng(2).normal(0.0, 0.01, 48)
    plan = plan_test(campaigns_a_year=4, replicates=[scored(score) for score in luck[:8]], floor=0.0)
    assert (plan.delta, plan.least_effect) == (pytest.approx(0.02 * plan.skill), 1.0)
    pairs = [Pair(i, scored(luck[8 + i]), scored(luck[8 + i] + 0.025 + noise[i])) for i in range(32)]
    verdict = judge(plan, HOLDS, SearchSummary(), pairs)
    assert verdict.outcome is Outcome.STALE


def test_fresh_says_what_it_ruled_out_as_a_share_of_the_skill():
    luck, noise = np.random.default_rng(1).normal(0.7, 0.05, 48), np.random.default_rng(2).normal(0.0, 0.1, 48)
    plan = plan_test(campaigns_a_year=4, replicates=[scored(score) for score in luck[:8]], floor=0.0)
    pairs = [Pair(i, scored(luck[8 + i]), scored(luck[8 + i] + noise[i])) for i in range(32)]
    verdict = judge(plan, HOLDS, SearchSummary(), pairs)
    assert verdict.reason is Reason.NO_MATERIAL_GAIN
    assert verdict.delta == pytest.approx(verdict.sd)
    assert verdict.delta_share == pytest.approx(verdict.sd / plan.skill)
    assert f"({100 * verdict.delta_share:.2g}% of the skill), the smallest improvement that matters" in verdict.sentence
    assert "can go unnoticed: state a smaller margin under [objective]" in verdict.sentence


def test_where_hardly_anything_was_learned_shares_of_it_are_not_counted():
    noise = np.random.default_rng(3).normal(0.0, 1.0, 40)
    plan = plan_test(campaigns_a_year=4, replicates=[scored(score + 0.01) for score in noise[:8]], trivial=0.0)
    pairs = [Pair(i, scored(0.0), scored(noise[8 + i])) for i in range(32)]
    verdict = judge(plan, HOLDS, SearchSummary(), pairs)
    assert verdict.outcome is Outcome.FRESH
    assert verdict.delta_share > 1
    assert "(more than the whole skill), the smallest improvement that matters" in verdict.sentence
    assert "see whether trivial under [objective] is right" in verdict.sentence
    assert "% of the skill" not in verdict.sentence


def test_in_quiet_trainings_a_tiny_improvement_is_not_worth_an_alert():
    quiet = np.random.default_rng(3).normal(0.0, 0.0001, 64)
    plan = plan_test(campaigns_a_year=4, replicates=[scored(0.8 + quiet[-i - 1]) for i in range(8)], trivial=0.1)
    pairs = [Pair(i, scored(0.8), scored(0.8 + 0.002 + quiet[i])) for i in range(32)]
    verdict = judge(plan, HOLDS, SearchSummary(), pairs)
    assert verdict.outcome is Outcome.FRESH
    assert verdict.delta == pytest.approx(0.02 * 0.7, rel=0.01)


def test_a_declared_margin_decides_alone():
    replicates = [scored(score) for score in (0.8, 0.81, 0.79)]
    plan = plan_test(campaigns_a_year=4, replicates=replicates, margin=Share(0.05), trivial=0.2)
    assert (plan.delta, plan.least_effect) == (pytest.approx(0.03), None)
    assert plan.drop_least == pytest.approx(0.03)
    assert plan_test(campaigns_a_year=4, replicates=replicates, drop_least=Share(0.1)).drop_least == pytest.approx(0.08)


def test_a_fall_counts_from_the_noise_of_a_pair_on():
    replicates = [scored(score) for score in (0.8, 0.9, 0.7)]
    differences = [[0.05, -0.05] * 10]
    plan = plan_test(campaigns_a_year=4, replicates=replicates, earlier_differences=differences)
    assert plan.drop_least == pytest.approx(np.std(differences[0], ddof=1))
    assert plan_test(campaigns_a_year=4, replicates=replicates).drop_least == pytest.approx(0.1)  # no pairs yet


def test_the_looks_of_a_declared_margin_are_those_of_its_bound():
    draws = np.random.default_rng(9).standard_normal((500, 32)) + 0.2
    _, ruled_out = first_crossings(draws, 1.0, 0.0125, 0.10, 1.0, look_sizes(32))
    for row, at in zip(draws[:100], ruled_out[:100], strict=True):
        pairs = [Pair(i, scored(0.0), scored(difference)) for i, difference in enumerate(row)]
        plan = plan_test(campaigns_a_year=4, margin=1.0)
        verdict = judge(plan, HOLDS, SearchSummary(), pairs)
        if verdict.outcome is Outcome.FRESH:
            assert verdict.n_pairs == at
            assert verdict.upper < 1.0
