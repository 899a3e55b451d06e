"""The choice of a strategy and the estimate of what it costs."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from retuned.strategies.records import BudgetUnit
from retuned.strategies.search.choose import Capacity, Strategy, choose, estimate

TIMED = Capacity(seconds_per_full_run=60.0, slots=2, resumable=True, budget=300, unit=BudgetUnit.STEPS, challengers=18)


def test_without_a_compute_budget_the_search_is_not_capped():
    choice = choose(TIMED)
    assert (choice.strategy, choice.full_runs, choice.fits) == (Strategy.CAVIAR, None, True)
    assert choice.sentence == "caviar: 18 challengers, 2 trainings at once"


def test_a_compute_budget_is_first_reserved_for_the_probe_and_six_pairs():
    choice = choose(replace(TIMED, compute_s=60.0 * (5 + 12 + 8)))
    assert choice.full_runs == pytest.approx(8.0)
    assert choice.fits


def test_a_budget_too_small_for_a_verdict_is_reported():
    capacity = replace(TIMED, compute_s=60.0 * 13)
    choice = choose(capacity)
    assert not choice.fits
    assert choice.full_runs == 0.0
    assert "13 min does not cover a babysat run and 6 confirm pairs" in choice.sentence
    assert "too small" in estimate(capacity).sentence


HOUR, DAY = 3600.0, 86400.0
LARGE = replace(
    TIMED, seconds_per_full_run=5.2 * HOUR, slots=1, memory_share=0.61, compute_s=95 * HOUR, probe_share=0.2
)
SITUATIONS = [
    # a minute a run, no budget: the machine holds all the configurations one may want
    (TIMED, "caviar", 0, True, "caviar: 18 challengers, 2 trainings at once"),
    # never timed: nothing speaks against caviar
    (replace(TIMED, seconds_per_full_run=None), "caviar", 0, True, "caviar: 18 challengers"),
    # a budget with room for eight runs after probe and pairs
    (replace(TIMED, compute_s=60.0 * (5 + 12 + 8)), "caviar", 0, True, "caviar: 9 challengers"),
    # one run less, and few configurations could be compared
    (replace(TIMED, compute_s=60.0 * (5 + 12 + 7)), "panda", 3, True, "leaves 7 runs after 6 confirm pairs"),
    # room for one life next to the incumbent's run
    (replace(TIMED, compute_s=60.0 * (5 + 12 + 2)), "panda", 1, True, "leaves 2 runs after 6 confirm pairs"),
    # not even that: a candidate, and the pairs later
    (replace(TIMED, compute_s=60.0 * (5 + 12 + 1)), "panda", 1, False, "continue later with retuned confirm"),
    # a large model: most of the memory, hours a run
    (LARGE, "panda", 3, True, "one run takes 61% of the memory and 5.2 h, 1 run at once, the budget of 3.96 days"),
    # the same without a budget: a search of days is what panda is for
    (replace(LARGE, compute_s=None), "panda", 1, True, "one run takes 61% of the memory and 5.2 h, 1 run at once"),
    # many slots, but the memory holds one training: it takes as long as with one
    (replace(LARGE, slots=16, compute_s=None), "panda", 1, True, "1 run at once"),
    # the memory holds sixteen at once: the search ends within two days
    (replace(LARGE, slots=16, memory_share=0.05, compute_s=None), "caviar", 0, True, "16 trainings at once"),
    # a command without checkpoints cannot be babysat, whatever the budget
    (replace(LARGE, compute_s=65 * HOUR, resumable=False, no_panda="no state"), "caviar", 0, False, "but no state"),
    # the owner's request comes first, and the sentence says what would fit better: only five challengers fit
    (replace(LARGE, requested=Strategy.CAVIAR), "caviar", 0, False, "panda would fit better here; one run takes 61%"),
    (replace(TIMED, requested=Strategy.PANDA, lives=2), "panda", 2, True, "panda: 2 babysat runs; one run takes 1 min"),
]  # fmt: skip


@pytest.mark.parametrize(("capacity", "strategy", "lives", "fits", "clause"), SITUATIONS)
def test_the_strategy_follows_from_runs_that_fit_time_and_memory(capacity, strategy, lives, fits, clause):
    choice = choose(capacity)
    assert (choice.strategy, choice.lives, choice.fits) == (strategy, lives, fits)
    assert clause in choice.sentence


def test_a_panda_is_estimated_by_its_lives_and_the_incumbents_run():
    cost = estimate(replace(TIMED, requested=Strategy.PANDA, lives=2, slots=1))
    assert (cost.runs_search, cost.full_runs_search) == (3, 3.0)
    assert cost.sentence.startswith(
        "5 probe runs, 2 babysat runs and one of the stored settings, then about 16 confirm"
    )
    assert cost.seconds_expected == pytest.approx(60.0 * (5 + 3 + 16))


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


@example(27285.0, 4, True, 19, 900405.0)  # with a fifth slot caviar would be quick enough to be taken
@given(st.floats(1.0, 1e5), st.integers(1, 16), st.booleans(), st.integers(2, 60), st.floats(0.0, 1e7))
def test_the_search_keeps_within_the_cap_and_more_slots_are_never_slower_for_the_same_strategy(
    seconds, slots, resumable, challengers, compute
):
    capacity = Capacity(seconds, slots, resumable, 90.0, BudgetUnit.SECONDS, challengers=challengers, compute_s=compute)
    choice, cost = choose(capacity), estimate(capacity)
    assert not choice.fits or cost.full_runs_search <= (choice.full_runs or 0.0) + 1e-6
    assert cost.seconds_expected is not None
    assert cost.seconds_max is not None
    assert 0.0 < cost.seconds_expected <= cost.seconds_max
    faster = estimate(replace(capacity, slots=slots + 1, requested=choice.strategy)).seconds_max
    assert faster is not None
    assert faster <= cost.seconds_max + 1e-6


FREE = replace(TIMED, challengers=None, coordinates=4)


def test_without_a_stated_number_the_search_has_two_stages_sized_by_its_coordinates():
    choice, cost = choose(FREE), estimate(FREE)
    assert (choice.challengers, choice.stages) == (24, 2)
    assert choice.sentence == (
        "caviar: 24 challengers a stage, two stages at most, 2 trainings at once (4 coordinates to move; no budget is "
        "stated, so a re-evaluation may take about 160 full runs)"
    )
    # a first wave of 12 of which 4 go on, 12 more, and 24 of the second stage at the full budget
    assert cost.runs_search == 49
    assert cost.full_runs_search == pytest.approx(13 / 3 + 5 * 2 / 3 + 12 + 24)
    assert (cost.runs_confirm_expected, cost.runs_confirm_max) == (32, 128)
    assert "24 of the trials only where the first challenger is not confirmed" in cost.sentence


def test_the_owner_may_say_how_many_challengers_and_stages():
    assert (choose(TIMED).challengers, choose(TIMED).stages) == (18, 1)
    both = choose(replace(TIMED, stages=2))
    assert (both.challengers, both.stages) == (18, 2)
    alone = choose(replace(FREE, stages=1))
    assert (alone.challengers, alone.stages) == (24, 1)


def test_a_panda_has_one_stage():
    choice = choose(replace(FREE, requested=Strategy.PANDA))
    assert (choice.challengers, choice.stages) == (0, 1)
