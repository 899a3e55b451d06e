"""The choice of a strategy and the estimate of what it costs."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.choose import Capacity, Strategy, choose, estimate
from retuned.strategies.records import BudgetUnit

TIMED = Capacity(seconds_per_full_run=60.0, slots=2, resumable=True, budget=300, unit=BudgetUnit.STEPS)


def test_without_a_compute_budget_the_search_is_not_capped():
    choice = choose(TIMED)
    assert (choice.strategy, choice.full_runs, choice.fits) == (Strategy.CAVIAR, None, True)
    assert choice.sentence == "caviar: 18 challengers, 2 trainings at once"


def test_a_compute_budget_is_first_reserved_for_the_probe_and_six_pairs():
    choice = choose(replace(TIMED, compute_s=60.0 * (5 + 12 + 8)))
    assert choice.full_runs == pytest.approx(8.0)
    assert choice.fits


def test_a_budget_too_small_for_a_verdict_is_said():
    capacity = replace(TIMED, compute_s=60.0 * 13)
    choice = choose(capacity)
    assert not choice.fits
    assert choice.full_runs == 0.0
    assert "13 min does not hold the smallest search and 6 confirm pairs" in choice.sentence
    assert "panda" in choice.sentence
    assert "too small" in estimate(capacity).sentence


def test_a_search_of_many_days_names_panda():
    assert "panda" in choose(replace(TIMED, seconds_per_full_run=86400.0, slots=1)).sentence
    assert "panda" not in choose(TIMED).sentence


def test_the_estimate_counts_rounds_of_slots():
    cost = estimate(TIMED, n_max=32, expected_pairs=8)
    assert (cost.runs_search, cost.runs_probe) == (19, 5)
    assert (cost.runs_confirm_expected, cost.runs_confirm_max) == (16, 64)
    assert cost.full_runs_search == pytest.approx(15.0)
    # probe 3 rounds; rungs 5 of a third and 2 of two thirds; waves 2, 2, 1 and 1; pairs 4, then 2 looks of 2 rounds
    assert cost.seconds_expected == pytest.approx(60.0 * (3 + 5 / 3 + 4 / 3 + 6 + 4 + 4))
    assert cost.seconds_max == pytest.approx(60.0 * (3 + 5 / 3 + 4 / 3 + 6 + 4 + 28))
    assert "19 trials (the cost of 15 full runs)" in cost.sentence
    assert "20 min on 2 slots, 44 min at most" in cost.sentence


def test_an_untimed_training_has_no_time_yet():
    cost = estimate(replace(TIMED, seconds_per_full_run=None, compute_s=100.0))
    assert cost.seconds_expected is None
    assert cost.seconds_max is None
    assert "unknown until one training has been timed" in cost.sentence
    assert (
        "before one training has been timed"
        in choose(replace(TIMED, seconds_per_full_run=None, compute_s=100.0)).sentence
    )


def test_few_allowed_pairs_bound_the_expected_ones():
    assert estimate(TIMED, n_max=4).runs_confirm_expected == 8


@given(st.floats(1.0, 1e5), st.integers(1, 16), st.booleans(), st.integers(2, 60), st.floats(0.0, 1e7))
def test_the_search_keeps_within_the_cap_and_more_slots_are_never_slower(
    seconds, slots, resumable, challengers, compute
):
    capacity = Capacity(seconds, slots, resumable, 90.0, BudgetUnit.SECONDS, challengers, compute)
    choice, cost = choose(capacity), estimate(capacity)
    assert not choice.fits or cost.full_runs_search <= (choice.full_runs or 0.0) + 1e-6
    assert cost.seconds_expected is not None
    assert cost.seconds_max is not None
    assert 0.0 < cost.seconds_expected <= cost.seconds_max
    faster = estimate(replace(capacity, slots=slots + 1)).seconds_max
    assert faster is not None
    assert faster <= cost.seconds_max + 1e-6
