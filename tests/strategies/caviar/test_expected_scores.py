"""The expected score of a trial: its own luck shared with its neighbours, and where that must not be done."""

import math
import random

import pytest
from retuned.strategies.caviar.expected_scores import smoothed, standardized_improvement
from retuned.strategies.caviar.kernels import coordinates
from retuned.strategies.search.observations import Observations, Source
from retuned.strategies.space import Hyperparameter, Kind, Space

LINE = Space.of([Hyperparameter("x", Kind.FLOAT, 0.0, 1.0)])


def on_a_line(places):
    return {f"t{index:02d}": {"x": place} for index, place in enumerate(places)}


def test_one_lucky_score_among_bad_neighbours_does_not_make_the_best_trial():
    trials = on_a_line([0.0, 0.05, 0.1, 0.15, 0.2, 0.7, 0.75, 0.8, 0.85, 0.9])
    scores = dict(zip(trials, [-3.0, -2.9, 1.1, -3.1, -2.8, 0.9, 1.0, 0.8, 1.05, 0.95], strict=True))
    worth = smoothed(LINE, trials, scores)
    assert max(scores, key=scores.get) == "t02"
    assert max(worth, key=worth.get) in {"t05", "t06", "t07", "t08", "t09"}


def test_scores_without_noise_keep_their_order():
    trials = on_a_line([index / 11 for index in range(12)])
    scores = {trial: -((configuration["x"] - 0.4) ** 2) for trial, configuration in trials.items()}
    worth = smoothed(LINE, trials, scores)
    assert max(worth, key=worth.get) == max(scores, key=scores.get)


def test_the_expected_score_lies_nearer_to_the_truth_than_the_score_itself():
    generator = random.Random(3)
    trials = on_a_line([generator.random() for _ in range(18)])
    truth = {trial: -4 * (configuration["x"] - 0.5) ** 2 for trial, configuration in trials.items()}
    scores = {trial: value + generator.gauss(0.0, 0.5) for trial, value in truth.items()}
    worth = smoothed(LINE, trials, scores)
    assert math.dist(worth.values(), [truth[trial] for trial in worth]) < 0.8 * math.dist(
        scores.values(), truth.values()
    )


def test_the_unit_of_the_score_and_the_order_of_trials_do_not_matter():
    trials = on_a_line([0.1, 0.2, 0.4, 0.5, 0.8, 0.9])
    scores = dict(zip(trials, [0.3, 0.5, 0.45, 0.7, 0.2, 0.1], strict=True))
    worth = smoothed(LINE, trials, scores)
    scaled = smoothed(LINE, trials, {trial: 1e6 * score + 5e7 for trial, score in reversed(scores.items())})
    assert [(scaled[trial] - 5e7) / 1e6 for trial in trials] == pytest.approx([worth[trial] for trial in trials])


@pytest.mark.parametrize("best_at_the_rung", [0.4, 0.9])
def test_a_lower_rung_counts_as_much_as_it_is_like_the_full_budget(best_at_the_rung):
    trials = on_a_line([index / 8 for index in range(9)])
    scores = {trial: -((configuration["x"] - 0.4) ** 2) for trial, configuration in trials.items()}
    places = [index / 30 for index in range(31)]
    rung = Observations(tuple(({"x": place}, -((place - best_at_the_rung) ** 2)) for place in places), Source.RUNG)
    worth = smoothed(LINE, trials, scores, (rung,))
    assert [worth[trial] for trial in trials] == pytest.approx([scores[trial] for trial in trials], abs=0.02)


def test_an_absurdly_bad_trial_does_not_blur_the_good_ones():
    trials = on_a_line([index / 11 for index in range(12)])
    scores = {trial: -((configuration["x"] - 0.4) ** 2) for trial, configuration in trials.items()}
    scores["t11"] = -1e9
    worth = smoothed(LINE, trials, scores)
    best = sorted(scores, key=scores.get, reverse=True)[:3]
    assert sorted(worth, key=worth.get, reverse=True)[:3] == best


@pytest.mark.parametrize(
    "scores",
    [
        {},  # nothing completed
        {"t00": 0.3, "t01": 0.1, "t02": 0.2, "t03": 0.4},  # too few to tell luck from worth
        dict.fromkeys(on_a_line(range(8)), 0.25),  # all equal
    ],
)
def test_scores_that_say_nothing_about_the_landscape_stay_as_they_are(scores):
    assert smoothed(LINE, on_a_line([index / 8 for index in range(8)]), scores) == scores


def test_choices_without_an_order_are_equally_far_apart_and_fixed_values_take_no_room():
    space = Space.of(
        [
            Hyperparameter("optimiser", Kind.CATEGORICAL, choices=("sgd", "adamw", "rmsprop")),
            Hyperparameter("layers", Kind.INT),
            Hyperparameter("batch", Kind.CATEGORICAL, choices=(16, 64, 256)),
        ]
    )
    places = [coordinates(space, {"optimiser": o, "layers": 2, "batch": 64}) for o in ("sgd", "adamw", "rmsprop")]
    distances = [math.dist(places[0], places[1]), math.dist(places[0], places[2]), math.dist(places[1], places[2])]
    assert distances == pytest.approx([1.0, 1.0, 1.0])
    assert len(places[0]) == 4


def test_a_condition_that_switches_choices_off_leaves_as_many_coordinates():
    space = Space.of(
        [
            Hyperparameter("optimiser", Kind.CATEGORICAL, choices=("sgd", "adamw")),
            Hyperparameter("nesterov", Kind.CATEGORICAL, choices=("yes", "no", "half"), when=("optimiser", ("sgd",))),
        ]
    )
    with_it = coordinates(space, {"optimiser": "sgd", "nesterov": "half"})
    assert len(coordinates(space, {"optimiser": "adamw"})) == len(with_it)


def test_schedules_lie_as_far_apart_as_their_levels():
    space = Space.of([Hyperparameter("lr", Kind.SCHEDULE, 0.001, 1.0, log=True)])
    constant, falling, other = (((0.0, 0.1),), ((0.0, 0.1), (5.0, 0.01)), ((0.0, 0.01),))
    here, decayed, there = (coordinates(space, {"lr": schedule}) for schedule in (constant, falling, other))
    assert math.dist(here, there) == pytest.approx(1 / 3)  # as for two numbers
    assert 0 < math.dist(here, decayed) < math.dist(here, there)


def test_a_lower_rung_helps_to_tell_luck_from_worth():
    generator = random.Random(3)
    trials = on_a_line([index / 7 for index in range(8)])
    truth = {trial: -4 * (configuration["x"] - 0.5) ** 2 for trial, configuration in trials.items()}
    scores = {trial: value + generator.gauss(0.0, 0.5) for trial, value in truth.items()}
    places = [index / 40 for index in range(40)]
    below = Observations(
        tuple(({"x": x}, -4 * (x - 0.5) ** 2 - 3 + generator.gauss(0.0, 0.5)) for x in places), Source.RUNG
    )
    alone, helped = smoothed(LINE, trials, scores), smoothed(LINE, trials, scores, (below,))
    assert error(helped, truth) < error(alone, truth)


def test_the_standardized_improvement_is_higher_when_clear_than_within_the_noise():
    generator = random.Random(4)
    trials = on_a_line([index / 17 for index in range(18)])
    flat = {trial: generator.gauss(0.0, 0.1) for trial in trials}
    sloped = {trial: flat[trial] + configuration["x"] for trial, configuration in trials.items()}
    assert standardized_improvement(LINE, trials, sloped, (), "t17", "t00") > 3.0
    assert abs(standardized_improvement(LINE, trials, flat, (), "t17", "t00")) < 2.0


def test_a_rival_that_fell_off_a_cliff_leaves_the_improvement_infinite():
    trials = on_a_line([index / 17 for index in range(18)])
    scores = {trial: 1.0 + 0.001 * (index % 3) for index, trial in enumerate(trials)} | {"t05": 0.0}
    assert standardized_improvement(LINE, trials, scores, (), "t06", "t05") == math.inf


def error(worth, truth):
    """Root of the summed squares after the level, which does not matter for choosing, is taken out."""
    level = sum(worth[trial] - truth[trial] for trial in truth) / len(truth)
    return math.dist([worth[trial] - level for trial in truth], truth.values())


def test_a_trial_far_below_what_its_neighbours_promise_keeps_its_own_score():
    trials = on_a_line([0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55])
    scores = {trial: 1.0 + 0.001 * (index % 3) for index, trial in enumerate(trials)}
    scores["t05"] = 0.0  # a cliff, or a crash that was scored
    worth = smoothed(LINE, trials, scores)
    assert max(worth, key=worth.get) != "t05"
    assert worth["t05"] < 0.9


def test_with_little_noise_the_choice_is_hardly_ever_worse_than_that_of_the_bare_scores():
    generator = random.Random(5)
    lost = 0.0
    for _ in range(60):
        peak = generator.random()
        trials = on_a_line([generator.random() for _ in range(18)])
        truth = {
            trial: -abs(configuration["x"] - peak) for trial, configuration in trials.items()
        }  # a kink, not what the model assumes
        scores = {trial: value + generator.gauss(0.0, 0.002) for trial, value in truth.items()}
        worth = smoothed(LINE, trials, scores)
        lost += truth[max(scores, key=scores.get)] - truth[max(worth, key=worth.get)]
    assert lost / 60 < 0.002
