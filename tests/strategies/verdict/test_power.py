"""What a plan promises to find: the smallest loss, its noise, and the pairs that it takes."""

from dataclasses import replace

import numpy as np
import pytest
from retuned.daemon.campaign.plan import plan_of
from retuned.daemon.clock import SystemClock
from retuned.daemon.state.models.registry import find_model
from retuned.strategies.verdict.power import WANTED, detectable, simulated_power
from retuned.strategies.verdict.verdict_records import TestPlan

BASELINE = (0.80, 0.81, 0.79, 0.80, 0.82, 0.78, 0.80, 0.80)
PLAN = TestPlan(alpha=0.0125, beta=0.1, d0=1.0, delta=0.012, n_max=32, birth_scores=BASELINE, birth_runs=8)
SIGMA = float(np.std(BASELINE, ddof=1))


def test_the_smallest_loss_is_found_with_the_wanted_probability_and_no_smaller_one():
    answer = detectable(PLAN)
    assert (answer.sigma, answer.is_known) == (pytest.approx(SIGMA), False)

    def power(loss):
        effects = (loss / SIGMA, PLAN.delta / SIGMA)
        return simulated_power(*effects, PLAN.alpha, PLAN.beta, PLAN.d0, PLAN.n_max, seed=1).stale

    assert power(answer.loss) == pytest.approx(WANTED, abs=0.02)
    assert power(0.8 * answer.loss) < WANTED - 0.03
    assert 4 <= answer.pairs_unchanged <= 12


def test_a_loss_below_what_matters_is_never_promised():
    assert detectable(replace(PLAN, delta=10 * SIGMA)).loss > 9 * SIGMA


@pytest.mark.parametrize(
    ("differences", "is_known"),
    [
        ([[0.0, 0.002] * 10, [0.0, 0.002]], True),  # 20 degrees of freedom
        ([[0.0, 0.002] * 10], False),  # 19
        ([[0.0] * 40], False),  # pairs without noise tell nothing
    ],
)
def test_the_noise_of_pairs_goes_before_that_of_single_runs_once_it_is_well_known(differences, is_known):
    answer = detectable(PLAN, differences)
    assert answer.is_known == is_known
    assert answer.sigma == pytest.approx(0.00103 if is_known else SIGMA, rel=0.02)
    assert answer.known_pairs == (22 if is_known else 0)


def test_too_few_pairs_for_any_verdict_are_said():
    assert detectable(replace(PLAN, n_max=4)).loss is None


def test_without_noise_nothing_can_be_promised():
    assert detectable(replace(PLAN, birth_scores=())) is None


def test_the_plan_says_what_is_found_and_after_how_many_pairs(judged):
    plan = plan_of(judged.store, find_model(judged.store, "toy"), judged.config, SystemClock().now())
    text = "\n".join(plan.sentences)
    assert f"detects a loss of {plan.power.loss:.3g} score (" in text
    assert "a guess from single runs of the baseline" in text
    assert "pairs decide it where nothing changed" in text


def test_the_plan_before_a_baseline_says_what_to_run(desk):
    desk.register()
    plan = plan_of(desk.store, find_model(desk.store, "toy"), desk.config, SystemClock().now())
    assert plan.sentences[-2].endswith("known once the baseline has run: retuned baseline toy")
    assert plan.to_json()["detectable_loss"] is None


def test_a_plan_says_what_is_watched_between_the_dates(desk):
    desk.register()
    plan = plan_of(desk.store, find_model(desk.store, "toy"), desk.config, SystemClock().now())
    assert plan.sentences[-1] == (
        "watched between the dates, at the earliest 1 month after a campaign: data (grown by 20%), code and environment"
    )


def test_a_plan_says_so_when_triggers_have_overdrawn_the_error_budget_of_the_year(judged_copy):
    model, now = find_model(judged_copy.store, "toy"), SystemClock().now()

    def sentences():
        return " ".join(plan_of(judged_copy.store, model, judged_copy.config, now).sentences)

    assert "in a year, more than" not in sentences()
    with judged_copy.store.transaction():
        for _ in range(5):
            judged_copy.store.change(
                "INSERT INTO campaigns (model_id, model_version, settings_version, kind, trigger, phase, seed, options,"
                " facts, verdict, created_at, ended_at) SELECT model_id, model_version, settings_version, kind, 'data',"
                " phase, seed, options, facts, verdict, created_at, ended_at FROM campaigns WHERE id = 2"
            )
    assert "with those of the last 365 days that is 7.1% in a year, more than 5%" in sentences()
