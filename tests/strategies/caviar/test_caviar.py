"""The search: rungs, waves, replay from any history, and whether it finds better settings."""

import math
import random
import warnings
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retuned.strategies.caviar.caviar import Finished, Propose, SearchTask, decide
from retuned.strategies.caviar.scores import observations_in
from retuned.strategies.legs.names import INCUMBENT
from retuned.strategies.records import BudgetUnit, LegEnd, LegResult, Purpose, Role
from retuned.strategies.search.median_stopping import StopRule, WatchedRun
from retuned.strategies.search.observations import Observations, Source
from retuned.strategies.search.successive_halving import plan_search, rung_budgets
from retuned.strategies.space import Hyperparameter, Kind, Space, configuration_key, derive_seed

LR = Hyperparameter("lr", Kind.FLOAT, low=1e-4, high=1.0, log=True)
DECAY = Hyperparameter("decay", Kind.FLOAT, low=1e-6, high=0.1, log=True)
MOMENTUM = Hyperparameter("momentum", Kind.CATEGORICAL, choices=(0.0, 0.5, 0.9, 0.97))
BATCH = Hyperparameter("batch", Kind.CATEGORICAL, choices=(16, 64, 256))
OPTIMISER = Hyperparameter("optimiser", Kind.CATEGORICAL, choices=("sgd", "adamw", "lion"))
SPACE = Space.of([LR, DECAY, MOMENTUM, BATCH])
STORED = {"lr": 0.001, "decay": 0.01, "momentum": 0.5, "batch": 64}


def task_of(space=SPACE, incumbent=STORED, seed=1, resumable=True, **changes):
    values = {"warm": (), "budget": 300.0, "unit": BudgetUnit.STEPS, **changes}
    return SearchTask(space=space, incumbent=incumbent, seed=seed, resumable=resumable, **values)


def skill(configuration):
    """Higher is better, best at an effective rate near 0.3; None where it diverges."""
    rate = configuration["lr"] / (1.0 - configuration["momentum"])
    if rate > 2.5:
        return None
    wanted = math.log10(rate * math.sqrt(64 / configuration["batch"])) + 0.5
    return 1.0 - (wanted / 0.8) ** 2 - 0.2 * ((math.log10(configuration["decay"]) + 3.5) / 1.5) ** 2


def trained(leg, objective=skill, noise=0.0):
    score = objective(leg.configuration)
    if score is None:
        return LegResult(leg, LegEnd.DIVERGED, None)
    early = 1.0 - 0.5 * leg.to_step / 300.0
    return LegResult(leg, LegEnd.COMPLETED, score - early + random.Random(leg.name).gauss(0.0, noise))


def searched(task, train=trained, history=()):
    """(the end of the search, everything trained), training every rung that is proposed."""
    results = {result.request.name: result for result in history}
    while isinstance(step := decide(task, list(results.values())), Propose):
        missing = [leg for leg in step.legs if leg.name not in results]
        assert missing
        results.update((leg.name, train(leg)) for leg in missing)
    return step, list(results.values())


def test_the_first_rung_trains_the_incumbent_and_half_of_the_challengers_on_common_seeds():
    step = decide(task_of(), [])
    assert [leg.trial for leg in step.legs] == [f"search.{index:03d}" for index in range(10)]
    assert step.legs[0].configuration == STORED
    assert {(leg.from_step, leg.to_step, leg.parent, leg.keeps_checkpoint) for leg in step.legs} == {
        (0.0, 100.0, None, True)
    }
    assert {leg.seed for leg in step.legs} == {derive_seed(1, "search", "seed")}
    assert {leg.split_seed for leg in step.legs} == {derive_seed(1, "search", "split")}
    assert {leg.purpose for leg in step.legs} == {Purpose.SEARCH}


def test_the_top_three_and_the_incumbent_go_on_from_their_checkpoints():
    first = decide(task_of(), [])
    step = decide(task_of(), [trained(leg) for leg in first.legs])
    assert len(step.legs) == 4
    assert step.legs[0].trial == INCUMBENT
    assert all(leg.parent == f"{leg.trial}.r0" and leg.name == f"{leg.trial}.r1" for leg in step.legs)
    assert {(leg.from_step, leg.to_step, leg.keeps_checkpoint) for leg in step.legs} == {(100.0, 300.0, False)}


def test_nothing_is_decided_on_an_incomplete_rung():
    first = decide(task_of(), [])
    assert decide(task_of(), [trained(leg) for leg in first.legs[:-1]]) == first


def test_later_waves_train_new_configurations_at_the_full_budget():
    _, history = searched(task_of())
    later = [result.request for result in history if result.request.trial > "search.009"]
    assert len(later) == 9
    assert {(leg.from_step, leg.to_step, leg.parent) for leg in later} == {(0.0, 300.0, None)}
    assert len({configuration_key(result.request.configuration) for result in history}) == 19


def test_the_last_trial_lies_where_the_score_is_expected_to_be_highest():
    histories = [searched(task_of(seed=seed, resumable=False))[1] for seed in range(6)]
    last = [skill(max(history, key=lambda leg: leg.request.trial).request.configuration) for history in histories]
    first = [skill(leg.request.configuration) or -9.0 for history in histories for leg in history[1:7]]
    assert min(score for score in last if score is not None) > 0.2
    assert last.count(None) <= 1
    assert sum(score > 0.2 for score in first) < len(first) / 2


def test_what_an_earlier_campaign_scored_saves_searching():
    generator = random.Random(5)
    places = [SPACE.from_unit([generator.random() for _ in range(4)]) for _ in range(60)]
    seen = Observations(
        tuple((configuration, skill(configuration)) for configuration in places if skill(configuration) is not None),
        source=Source.EARLIER,
    )
    blind = [searched(task_of(seed=seed, challengers=6))[0] for seed in range(6)]
    warned = [searched(task_of(seed=seed, challengers=6, earlier=(seen,)))[0] for seed in range(6)]
    assert sum(skill(end.winner) for end in warned) > sum(skill(end.winner) for end in blind)


def test_an_earlier_campaign_on_another_landscape_does_little_harm():
    generator = random.Random(5)
    places = [SPACE.from_unit([generator.random() for _ in range(4)]) for _ in range(20)]
    misleading = Observations(
        tuple((configuration, math.log10(configuration["decay"])) for configuration in places), source=Source.EARLIER
    )
    ends = [searched(task_of(seed=seed, earlier=(misleading,)))[0] for seed in range(4)]
    assert all(skill(end.winner) - skill(STORED) > 0.5 * (1.0 - skill(STORED)) for end in ends)


def test_a_model_that_cannot_be_resumed_is_searched_at_the_full_budget():
    end, history = searched(task_of(resumable=False))
    assert len(history) == 19
    assert {(result.request.from_step, result.request.to_step) for result in history} == {(0.0, 300.0)}
    assert len(end.ranking) == 19


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1), st.booleans(), st.randoms(use_true_random=False))
def test_any_order_and_any_portions_of_the_history_lead_to_the_same_end(seed, resumable, shuffler):
    task = task_of(seed=seed, resumable=resumable, challengers=10)
    expected, complete = searched(task)
    history = []
    while isinstance(step := decide(task, history), Propose):
        names = {result.request.name for result in history}
        missing = [leg for leg in step.legs if leg.name not in names]
        history += [trained(leg) for leg in shuffler.sample(missing, shuffler.randint(1, len(missing)))]
        shuffler.shuffle(history)
    assert step == expected
    assert len(history) == len(complete)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1), st.data())
def test_a_search_resumed_from_any_part_of_its_history_ends_the_same(seed, data):
    task = task_of(seed=seed, challengers=10)
    expected, complete = searched(task)
    part = data.draw(st.lists(st.sampled_from(complete), unique_by=lambda result: result.request.name))
    assert searched(task, history=part)[0] == expected


def test_two_results_for_one_leg_count_as_the_later_attempt_in_either_order():
    first = [trained(leg) for leg in decide(task_of(), []).legs]
    lost = LegResult(first[3].request, LegEnd.LOST, None, attempts=1)
    again = LegResult(first[3].request, LegEnd.COMPLETED, 99.0, attempts=2)
    assert decide(task_of(), [*first[:3], *first[4:], lost, again]) == decide(
        task_of(), [again, lost, *first[:3], *first[4:]]
    )


def test_legs_of_other_purposes_are_not_mistaken_for_the_search():
    assert decide(
        task_of(), [LegResult(_renamed(leg), LegEnd.COMPLETED, 1.0) for leg in decide(task_of(), []).legs]
    ) == (decide(task_of(), []))


def _renamed(leg):
    return replace(leg, name="probe.0", trial="probe", purpose=Purpose.CONFIRM, role=Role.PROBE, to_step=300.0)


def test_warm_configurations_are_tried_first_and_those_no_longer_allowed_are_left_out():
    good = {"lr": 0.1, "decay": 1e-4, "momentum": 0.5, "batch": 64}
    step = decide(task_of(warm=({**good, "lr": 50.0}, good, STORED, good)), [])
    assert step.legs[1].configuration == good
    assert len({configuration_key(leg.configuration) for leg in step.legs}) == 10


def test_the_first_wave_is_mostly_moves_around_the_incumbent_and_else_within_reach_of_it():
    here, *places = (SPACE.to_unit(leg.configuration) for leg in decide(task_of(challengers=36), []).legs)
    moves, wide = places[:12], places[12:]
    assert all(place[0] != here[0] and place[1] != here[1] for place in moves)
    assert all(abs(place[index] - here[index]) <= 0.3 + 1e-3 for place in wide for index in (0, 1))
    assert max(place[0] for place in wide) - min(place[0] for place in wide) > 0.4
    assert len({place[3] for place in wide}) == 3  # a choice without an order changes in half of them


def test_a_search_walks_out_of_the_reach_of_the_incumbent():
    best = {**STORED, "lr": 0.9}
    end, _ = searched(
        task_of(challengers=36, resumable=False),
        lambda leg: trained(leg, lambda tried: -abs(math.log10(tried["lr"] / best["lr"]))),
    )
    assert SPACE.to_unit(end.winner)[0] > SPACE.to_unit(STORED)[0] + 0.5


def test_absurd_scores_do_not_hide_that_others_are_better():
    def train(leg):
        rate = math.log10(leg.configuration["lr"] / STORED["lr"])
        score = -7e10 * rate if rate > 0.4 else (0.5 if rate < -0.1 else -0.05)
        return LegResult(leg, LegEnd.COMPLETED, score + 0.01 * random.Random(leg.name).gauss(0.0, 1.0))

    for seed in range(3):
        end, _ = searched(task_of(seed=seed, noise=0.02), train)
        assert (end.nothing_better, end.failed) == (False, False)
        assert end.winner["lr"] < STORED["lr"]


def test_nothing_counts_as_lower_than_the_declared_floor():
    def train(leg):
        rate = math.log10(leg.configuration["lr"] / STORED["lr"])
        return LegResult(leg, LegEnd.COMPLETED, -1e9 * rate if rate > 0 else -rate)

    with_floor, _ = searched(task_of(floor=-1.0, resumable=False), train)
    as_floor, _ = searched(
        task_of(floor=-1.0, resumable=False), lambda leg: replace(train(leg), score=max(train(leg).score, -1.0))
    )
    assert with_floor.winner == as_floor.winner


def test_a_winner_that_scores_above_the_incumbent_by_more_than_the_known_noise_is_tested():
    def train(leg):
        return LegResult(leg, LegEnd.COMPLETED, random.Random(f"{leg.trial}{leg.seed}").gauss(0.0, 1.0))

    ends = [searched(task_of(seed=seed, resumable=False, noise=0.1), train)[0] for seed in (4, 10, 11, 18, 25)]
    assert [end.nothing_better for end in ends] == [False, True, True, False, False]
    assert all(end.winner_score < end.incumbent_score + 0.1 for end in ends if end.nothing_better)


def test_drawing_sobol_points_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decide(task_of(challengers=11), [])


def test_a_winner_above_the_incumbent_is_named_with_both_scores():
    end, _ = searched(task_of())
    assert not end.nothing_better
    assert not end.failed
    assert end.winner_score > end.incumbent_score
    assert end.ranking[0] == (end.winner_trial, end.winner, end.winner_score)
    assert end.reason.startswith(f"{end.winner_trial} scored ")


def test_nothing_better_is_claimed_when_every_challenger_is_worse():
    end, _ = searched(
        task_of(), lambda leg: trained(leg, lambda configuration: 1.0 if configuration == STORED else 0.5)
    )
    assert end.nothing_better
    assert not end.failed
    assert end.winner_trial != INCUMBENT
    assert "no challenger did better than the incumbent" in end.reason


def test_an_equal_score_is_not_better():
    end, _ = searched(task_of(), lambda leg: trained(leg, lambda _: 0.5))
    assert end.nothing_better
    assert end.winner_trial == "search.001"


def test_a_search_in_which_every_trial_diverges_has_failed():
    end, history = searched(task_of(), lambda leg: trained(leg, lambda _: None))
    assert (end.failed, end.nothing_better) == (True, False)
    assert (end.winner, end.winner_trial, end.winner_score) == (STORED, INCUMBENT, None)
    assert end.reason == ("the search failed: 0 of 18 challengers completed; the incumbent did not complete (diverged)")
    assert len(history) == 19


def test_a_search_in_which_only_the_incumbent_completes_has_failed():
    end, _ = searched(
        task_of(), lambda leg: trained(leg, lambda configuration: 1.0 if configuration == STORED else None)
    )
    assert (end.failed, end.nothing_better, end.winner_trial) == (True, False, INCUMBENT)
    assert end.reason.startswith("the search failed: 0 of ")


def test_an_incumbent_that_diverges_loses_to_a_challenger_that_does_not():
    end, _ = searched(
        task_of(),
        lambda leg: trained(leg, lambda configuration: None if configuration == STORED else skill(configuration)),
    )
    assert (end.failed, end.nothing_better, end.incumbent_score) == (False, False, None)
    assert end.winner_trial != INCUMBENT
    assert "the incumbent did not complete (diverged)" in end.reason


def test_few_completed_challengers_below_the_incumbent_claim_nothing():
    def train(leg):
        if leg.trial in (INCUMBENT, "search.001", "search.002"):
            return LegResult(leg, LegEnd.COMPLETED, 1.0 if leg.trial == INCUMBENT else 0.5)
        return LegResult(leg, LegEnd.CRASHED, None)

    end, _ = searched(task_of(), train)
    assert (end.failed, end.nothing_better, end.winner_trial) == (True, False, "search.001")
    assert end.reason == "the search failed: 2 of 18 challengers completed"


def test_diverged_trials_rank_below_every_score_and_crashed_ones_below_those():
    ends = {"search.001": LegEnd.CRASHED, "search.002": LegEnd.DIVERGED, "search.003": LegEnd.TIMED_OUT}

    def train(leg):
        if leg.trial in ends:
            return LegResult(leg, ends[leg.trial], None)
        return LegResult(leg, LegEnd.COMPLETED, -1e9)

    end, _ = searched(task_of(resumable=False), train)
    assert [trial for trial, _, _ in end.ranking[-3:]] == ["search.002", "search.001", "search.003"]


def test_a_completed_leg_whose_score_is_not_finite_counts_as_diverged():
    end, _ = searched(task_of(), lambda leg: LegResult(leg, LegEnd.COMPLETED, math.nan))
    assert end.failed
    assert end.incumbent_score is None


def test_a_space_of_three_choices_is_enumerated_and_ends_early():
    space = Space.of([OPTIMISER])
    scores = {"sgd": 1.0, "adamw": 2.0, "lion": 0.0}
    end, history = searched(
        task_of(space, {"optimiser": "sgd"}),
        lambda leg: trained(leg, lambda configuration: scores[configuration["optimiser"]]),
    )
    assert {result.request.trial for result in history} == {"search.000", "search.001", "search.002"}
    assert end.winner == {"optimiser": "adamw"}


def test_a_space_in_which_all_is_fixed_ends_at_once():
    space = Space.of([Hyperparameter("lr", Kind.FLOAT)])
    end = decide(task_of(space, {"lr": 0.1}), [])
    assert isinstance(end, Finished)
    assert end.nothing_better
    assert "nothing to search" in end.reason


def test_an_incumbent_outside_its_bounds_is_trained_as_it_stands():
    step = decide(task_of(incumbent={**STORED, "lr": 9.0}), [])
    assert step.legs[0].configuration["lr"] == 9.0
    assert all(SPACE.outside(leg.configuration) == () for leg in step.legs[1:])


@pytest.mark.parametrize(
    ("full_runs", "resumable", "sizes"),
    [
        (None, True, (9, 3, (3, 3, 2, 1))),  # no cap
        (15, True, (9, 3, (3, 3, 2, 1))),  # just enough
        (10, True, (6, 2, (3, 1, 1))),
        (4, True, (2, 1, (1,))),
        (2, True, (2, 1, ())),  # less than the least: the incumbent and two challengers anyway
        (0, True, (2, 1, ())),
        (None, False, (6, 6, (3, 3, 3, 2, 1))),
        (10, False, (3, 3, (3, 2, 1))),
        (3, False, (2, 2, ())),
        (0, False, (2, 2, ())),
    ],
)
def test_a_cap_shrinks_the_search_but_leaves_two_challengers(full_runs, resumable, sizes):
    plan = plan_search(18, full_runs, 300, BudgetUnit.STEPS, resumable)
    assert (plan.first, plan.kept, plan.waves) == sizes


@given(st.integers(2, 80), st.floats(0.0, 200.0), st.booleans())
def test_a_plan_keeps_within_its_cap_unless_it_is_the_smallest(challengers, cap, resumable):
    plan = plan_search(challengers, cap, 90.0, BudgetUnit.SECONDS, resumable)
    smallest = plan_search(2, 0.0, 90.0, BudgetUnit.SECONDS, resumable)
    assert plan.full_runs <= cap + 1e-6 or plan == smallest
    assert plan.first >= 2


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 25.0), st.booleans())
def test_the_cost_of_a_search_is_what_its_plan_says(seed, cap, resumable):
    _, history = searched(
        task_of(seed=seed, full_runs=cap, resumable=resumable), lambda leg: trained(leg, lambda _: 1.0)
    )
    cost = sum(result.request.to_step - result.request.from_step for result in history) / 300.0
    assert cost == pytest.approx(plan_search(18, cap, 300, BudgetUnit.STEPS, resumable).full_runs)


@pytest.mark.parametrize(
    ("budget", "unit", "rungs"),
    [
        (6, BudgetUnit.EPOCHS, (2.0, 6)),
        (5, BudgetUnit.EPOCHS, (2.0, 5)),  # whole epochs
        (1, BudgetUnit.EPOCHS, (1,)),  # not divisible: one rung
        (1, BudgetUnit.SECONDS, (1 / 3, 1)),  # time always is
    ],
)
def test_rungs_are_whole_steps_and_epochs(budget, unit, rungs):
    assert rung_budgets(budget, unit, True) == pytest.approx(rungs)


def test_conditional_hyperparameters_appear_only_where_they_are_active():
    nesterov = Hyperparameter("nesterov", Kind.BOOL, when=("optimiser", ("sgd",)))
    space = Space.of([LR, OPTIMISER, nesterov])
    _, history = searched(
        task_of(space, {"lr": 0.1, "optimiser": "adamw"}),
        lambda leg: trained(leg, lambda configuration: -configuration["lr"]),
    )
    assert all(
        ("nesterov" in result.request.configuration) == (result.request.configuration["optimiser"] == "sgd")
        for result in history
    )


@pytest.mark.parametrize("resumable", [True, False])
def test_better_settings_are_found_on_a_shifted_landscape_in_most_seeds(resumable):
    ends = [
        searched(task_of(seed=seed, resumable=resumable), lambda leg: trained(leg, noise=0.3))[0] for seed in range(12)
    ]
    gains = [(skill(end.winner) - skill(STORED)) / (1.0 - skill(STORED)) for end in ends]
    assert sum(gain > 0.5 for gain in gains) >= 11


def test_the_smallest_search_still_tries_the_best_warm_configuration():
    good = {"lr": 0.1, "decay": 1e-4, "momentum": 0.5, "batch": 64}
    step = decide(task_of(warm=(good,), full_runs=0), [])
    assert [leg.configuration for leg in step.legs[:2]] == [STORED, good]
    assert len(step.legs) == 3


def test_the_reason_speaks_in_the_metrics_own_direction():
    scores = {"lower_is_better": True, "challengers": 8}
    end, _ = searched(
        task_of(**scores), lambda leg: trained(leg, lambda configuration: -0.24 if configuration == STORED else -0.5)
    )
    assert "no challenger did better than the incumbent's 0.74 in the search" in end.reason
    end, _ = searched(
        task_of(**scores), lambda leg: trained(leg, lambda configuration: -0.24 if configuration == STORED else -0.1)
    )
    assert "scored 0.6 in the search, the incumbent 0.74; chosen by its own score" in end.reason


def reporting(leg):
    """Ten reports that settle soon at what the configuration is worth."""
    worth = max(skill(leg.configuration) or -3.0, -3.0)
    curve = tuple((30.0 * step, worth * (1.0 - math.exp(-1.5 * step))) for step in range(1, 11))
    return LegResult(leg, LegEnd.COMPLETED, curve[-1][1], curve=curve)


def searched_with_stops(task):
    """The search, its runs stopped wherever the rule that was proposed with them says so; and the rules by trial."""
    results, rules = {}, {}
    while isinstance(step := decide(task, list(results.values())), Propose):
        for leg in step.legs:
            rules[leg.trial], whole = step.rule, reporting(leg)
            run = None if step.rule is None else WatchedRun(step.rule)
            reasons = () if run is None else (run.see(at, score) for at, score in whole.curve)
            reason = next((reason for reason in reasons if reason is not None), None)
            upto = [point for point in whole.curve if reason is None or point[0] <= reason.step]
            early = replace(whole, end=LegEnd.STOPPED, score=None, curve=tuple(upto))
            results[leg.name] = whole if reason is None else early
    return step, list(results.values()), rules


@pytest.mark.parametrize("wave", [range(7, 10), range(10, 13), range(13, 16), range(16, 18), range(18, 19)])
def test_the_first_wave_is_never_stopped_and_later_ones_are_compared_with_complete_waves_alone(wave):
    _, history, rules = searched_with_stops(task_of(seed=0, resumable=False, stops_hopeless=True))
    before = [leg for leg in history if leg.request.trial < f"search.{wave.start:03d}"]
    curves = tuple(leg.curve for leg in before if leg.end is LegEnd.COMPLETED)
    assert {rules[f"search.{number:03d}"] for number in range(7)} == {None}
    assert {rules[f"search.{number:03d}"] for number in wave} == {StopRule(curves, len(before) - len(curves), 300.0)}


@pytest.mark.parametrize(("resumable", "stops_hopeless"), [(True, True), (False, False)])
def test_no_rule_is_given_where_runs_can_be_resumed_or_the_owner_wants_none(resumable, stops_hopeless):
    _, _, rules = searched_with_stops(task_of(resumable=resumable, stops_hopeless=stops_hopeless))
    assert set(rules.values()) == {None}


@pytest.mark.parametrize("seed", [10, 28, 29])
def test_stopped_runs_are_reported_rank_below_all_scores_and_do_not_make_a_search_fail(seed):
    end, history, _ = searched_with_stops(task_of(seed=seed, resumable=False, stops_hopeless=True))
    stopped = {leg.request.trial for leg in history if leg.end is LegEnd.STOPPED}
    count = len(stopped)
    assert count > 0
    assert not end.failed
    assert {trial for trial, _, _ in end.ranking[-count:]} == stopped
    assert f"{18 - count} of 18 challengers completed, {count} stopped early, hopeless by the median" in end.reason


@pytest.mark.parametrize("resumable", [True, False])
def test_a_second_stage_goes_on_with_as_many_trials_and_names_what_pairs_have_not_tested(resumable):
    task = task_of(resumable=resumable)
    first, history = searched(task)
    pairs = [(STORED, -0.1), (first.winner, 0.1)] * 4
    again = replace(task, more=9, paired=Observations(tuple(pairs), Source.PAIRED))
    second, whole = searched(again, history=history)
    assert whole[: len(history)] == history
    added = whole[len(history) :]
    assert len(added) == 9
    assert {leg.request.to_step for leg in added} == {300.0}
    assert min(leg.request.number for leg in added) == 19
    assert configuration_key(second.winner) != configuration_key(first.winner)
    shuffled = random.Random(1).sample(whole, len(whole))
    assert decide(again, shuffled) == second


def test_the_pairs_of_the_first_challenger_count_in_the_second_stage():
    task = task_of(resumable=False)
    first, history = searched(task)
    distances = {}
    for difference in (2.0, -2.0):
        half = difference / 2
        pairs = Observations(((STORED, -half), (first.winner, half)) * 8, Source.PAIRED)
        step = decide(replace(task, more=24, paired=pairs), history)
        places = [SPACE.to_unit(leg.configuration) for leg in step.legs]
        distances[difference] = sum(math.dist(place, SPACE.to_unit(first.winner)) for place in places)
    assert distances[2.0] < 0.9 * distances[-2.0]


def test_a_second_stage_in_a_space_that_is_used_up_ends():
    space = Space.of([Hyperparameter("x", Kind.CATEGORICAL, choices=("a", "b", "c", "d"))])
    task = task_of(space=space, incumbent={"x": "a"})
    values = {"a": 0.5, "b": 0.2, "c": 0.9, "d": 0.7}
    first, history = searched(task, lambda leg: trained(leg, lambda tried: values[tried["x"]]))
    assert first.winner == {"x": "c"}
    pairs = Observations((({"x": "a"}, 0.1), ({"x": "c"}, -0.1)), Source.PAIRED)
    second = decide(replace(task, more=18, paired=pairs), history)
    assert isinstance(second, Finished)
    assert second.winner == {"x": "d"}


def test_a_search_in_which_nothing_was_hopeless_says_nothing_of_stopping():
    end, _ = searched(task_of(resumable=False, stops_hopeless=True), lambda leg: trained(leg, lambda _: 0.5))
    assert end.reason.endswith("18 of 18 challengers completed")


def test_a_search_most_of_which_was_stopped_is_sound():
    def train(leg):
        if leg.trial > "search.006":
            return LegResult(leg, LegEnd.STOPPED, None, curve=((150.0, 0.0),))
        return LegResult(leg, LegEnd.COMPLETED, 1.0 if leg.trial == INCUMBENT else 0.5)

    end, _ = searched(task_of(resumable=False, stops_hopeless=True), train)
    assert (end.failed, end.nothing_better) == (False, True)
    assert "6 of 18 challengers completed, 12 stopped early" in end.reason
    assert "which saved 50% of their steps" in end.reason


def test_what_was_stopped_counts_as_the_worst_that_was_seen():
    legs = decide(task_of(resumable=False), []).legs[:3]
    results = {
        legs[0].name: LegResult(legs[0], LegEnd.COMPLETED, 3.0),
        legs[1].name: LegResult(legs[1], LegEnd.COMPLETED, 1.0),
        legs[2].name: LegResult(legs[2], LegEnd.STOPPED, None, curve=((150.0, 2.0),)),
    }
    (observations,) = observations_in({leg.trial: leg.configuration for leg in legs}, 0, results)
    assert [score for _, score in observations.scores] == [3.0, 1.0, 1.0]
