"""What an adoption promised and what came, and the running account of a model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.adoption.account import Measured, account_of
from retuned.strategies.adoption.follow_up import gain_of, runs_to_repeat
from retuned.strategies.adoption.gain import Arrival, Gain, Promise, arrival_of, gain_sentence
from retuned.strategies.legs import names
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role

PROMISE = Promise(mean=0.4, at_least=0.2, e_value=900.0)


def gain(low, high, before=-2.0):
    return Gain(8, (low + high) / 2, low, high, before)


@pytest.mark.parametrize(
    ("promise", "found", "arrival"),
    [
        (PROMISE, gain(0.1, 0.5), Arrival.ARRIVED),
        (PROMISE, gain(0.05, 0.15), Arrival.LESS),  # better, but not by what was promised
        (PROMISE, gain(-0.1, 0.15), Arrival.LESS),
        (PROMISE, gain(-0.1, 0.5), Arrival.UNCLEAR),  # nothing and all of it are both possible
        (PROMISE, gain(-0.5, -0.1), Arrival.LOST),
        (None, gain(0.1, 0.5), Arrival.ARRIVED),  # a rollback promises nothing
        (None, gain(-0.1, 0.5), Arrival.UNCLEAR),
        (None, gain(-0.5, -0.1), Arrival.LOST),
    ],
)
def test_a_promise_is_held_against_the_interval(promise, found, arrival):
    assert arrival_of(promise, found) is arrival


def test_the_sentence_names_the_interval_and_the_promise():
    assert gain_sentence(PROMISE, gain(0.1, 0.5), "loss") == (
        "the gain arrived: loss better by 0.3 on average over 8 pairs with the settings before "
        "(90% interval 0.1 to 0.5; promised was at least 0.2)"
    )


@given(st.floats(-10, 10), st.floats(0, 10), st.none() | st.floats(-1, 1))
def test_every_interval_has_one_answer(low, width, at_least):
    promise = None if at_least is None else Promise(None, at_least, 1.0)
    assert gain_sentence(promise, gain(low, low + width), "loss")


def test_the_gain_is_that_of_the_pairs_and_failed_runs_are_counted():
    found = gain_of({0: 1.0, 1: 2.0, 2: 3.0, 3: None}, {0: 0.5, 1: 1.5, 2: None, 3: 1.0})
    assert (found.pairs, found.mean, found.low, found.high, found.before, found.failed) == (2, 0.5, 0.5, 0.5, 1.0, 1)
    assert gain_of({0: 1.0, 1: 2.0}, {0: 0.5, 1: None}) is None


def run(number, score, role=Role.INCUMBENT):
    name = names.full_run(Purpose.CONFIRM, role, number)
    request = LegRequest(name, name, Purpose.CONFIRM, {"lr": 1.0}, 1, 2, 0.0, 1.0, role=role, number=number)
    return LegResult(request, LegEnd.COMPLETED if score is not None else LegEnd.DIVERGED, score)


def test_the_first_eight_completed_runs_of_the_new_settings_are_repeated():
    results = [run(number, float(number)) for number in reversed(range(12))]
    results += [run(number, 9.0, Role.CHALLENGER) for number in range(12)]
    assert [request.number for request in runs_to_repeat(results)] == list(range(8))
    assert [request.number for request in runs_to_repeat([run(0, None), *results[3:]])] == list(range(8))
    assert runs_to_repeat(results[:3]) == ()  # an interval of three says nothing


SO_FAR = "in 14 months for 31 compute hours"


@pytest.mark.parametrize(
    ("adoptions", "sentence"),
    [
        ([gain(0.2, 0.4)], f"re-tuning has earned 0.3 loss (+15%) {SO_FAR}"),
        # gains are added; a share is of the first settings
        ([gain(0.2, 0.4), gain(-0.2, 0.0, -1.0)], f"re-tuning has earned 0.2 loss (+10%) {SO_FAR}"),
        ([gain(-0.4, -0.2)], f"re-tuning has cost 0.3 loss (-15%) {SO_FAR}"),
        ([gain(0.2, 0.4), None], f"re-tuning has earned 0.3 loss (+15%) {SO_FAR}; 1 of 2 adoptions measured"),
        ([gain(0.2, 0.4, 0.0)], f"re-tuning has earned 0.3 loss {SO_FAR}"),
        (
            [None],
            f"re-tuning: 1 adoption {SO_FAR}; whether the gain arrived is measured in the next re-evaluation",
        ),
    ],
)
def test_the_account_says_what_was_earned(adoptions, sentence):
    measured = [Measured("loss", True, found) for found in adoptions]
    assert account_of(measured, "loss", True, 31 * 3600.0, 426.0).sentence == sentence


def test_an_account_counts_adoptions_by_the_present_metric_alone():
    assert account_of([Measured("loss", True, gain(0.1, 0.2))], "accuracy", False, 1.0, 1.0) is None
    assert account_of([], "loss", True, 1.0, 1.0) is None
