"""Ranges with a step: exact values, places, neighbours, all of them in order, and what is refused."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.hyperparameter import Hyperparameter, Kind
from retuned.strategies.space import Space, configuration_key

DROPOUT = Hyperparameter("dropout", Kind.FLOAT, low=0.0, high=0.5, step=0.1)
WIDTH = Hyperparameter("width", Kind.INT, low=16, high=112, step=32)
DECIMAL = st.decimals(-1000, 1000, places=4, allow_nan=False)


@st.composite
def stepped(draw):
    """A range of floats or ints with a step, and the decimals on its grid."""
    count = draw(st.integers(1, 300))
    if draw(st.booleans()):
        low, step = Decimal(draw(st.integers(-(10**6), 10**6))), Decimal(draw(st.integers(1, 10**4)))
        kind = Kind.INT
    else:
        low, step = draw(DECIMAL), draw(st.decimals("0.0001", 100, places=4))
        kind = Kind.FLOAT
    values = [low + index * step for index in range(count + 1)]
    return Hyperparameter("x", kind, low=float(low), high=float(values[-1]), step=float(step)), values


@given(stepped(), st.floats(0.0, 1.0))
def test_a_place_becomes_the_float_that_its_decimal_is_written_as(made, place):
    hyperparameter, values = made
    value = hyperparameter.from_unit(place)
    assert value in [float(exact) for exact in values]
    assert hyperparameter.contains(value)
    assert hyperparameter.from_unit(hyperparameter.to_unit(value)) == value


@given(stepped(), st.integers(0, 2**31 - 1), st.floats(1e-6, 3.0), st.data())
def test_a_move_is_to_another_value_of_the_grid(made, seed, scale, data):
    hyperparameter, values = made
    here = float(data.draw(st.sampled_from(values)))
    moved = hyperparameter.moved(here, random.Random(seed), scale)
    assert moved in [float(exact) for exact in values]
    assert moved != here


@given(stepped())
def test_all_values_are_enumerated_in_order(made):
    hyperparameter, values = made
    space = Space.of([hyperparameter])
    assert [each["x"] for each in space.enumerate({}, len(values))] == [float(exact) for exact in values]
    assert space.enumerate({}, len(values) - 1) is None


@given(stepped(), st.data())
def test_what_lies_between_is_not_allowed_and_the_nearest_is_within_half_a_step(made, data):
    hyperparameter, values = made
    share = data.draw(st.floats(0.01, 0.99))
    start = data.draw(st.sampled_from(values[:-1]))
    number = float(start) + share * hyperparameter.step
    between = Hyperparameter("x", Kind.FLOAT, hyperparameter.low, hyperparameter.high, step=hyperparameter.step)
    assert "in steps of" in between.explain(number)
    assert abs(between.nearest(number) - number) <= 0.5001 * hyperparameter.step


def test_steps_of_a_tenth_come_to_three_tenths():
    configurations = Space.of([DROPOUT]).enumerate({}, 10)
    assert [str(each["dropout"]) for each in configurations] == ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]


def test_a_value_off_by_rounding_is_the_grids_own():
    valid = Space.of([DROPOUT]).validate({"dropout": 0.1 + 0.2})
    assert repr(valid["dropout"]) == "0.3"


def test_all_values_are_equally_likely():
    drawn = [DROPOUT.from_unit((index + 0.5) / 600) for index in range(600)]
    assert {drawn.count(value) for value in set(drawn)} == {100}


def test_a_current_value_off_the_grid_is_kept_and_reported():
    space = Space.of([DROPOUT, WIDTH])
    current = space.validate({"dropout": 0.25, "width": 17}, strict=False)
    assert current == {"dropout": 0.25, "width": 17}
    assert space.outside(current) == (
        "hyperparameter 'dropout' has the value 0.25; allowed: a number from 0 to 0.5 in steps of 0.1",
        "hyperparameter 'width' has the value 17; allowed: a whole number from 16 to 112 in steps of 32",
    )
    assert space.outside(space.neighbour(current, random.Random(4), 0.1)) == ()


def test_the_neighbours_of_an_end_lie_inside():
    moved = {WIDTH.moved(112, random.Random(seed), 0.01) for seed in range(20)}
    assert moved == {80}


def test_a_number_with_a_step_is_no_schedule():
    space = Space.of([Hyperparameter("momentum", Kind.FLOAT, 0.0, 0.9, step=0.1)])
    with pytest.raises(InputError, match=r"'momentum'.*in steps of 0\.1"):
        space.validate({"momentum": [[0, 0.1], [5, 0.2]]})


def test_equal_values_of_a_grid_have_one_key():
    assert configuration_key({"dropout": DROPOUT.from_unit(0.6)}) == configuration_key({"dropout": 0.3})


@pytest.mark.parametrize(
    ("kind", "low", "high", "step", "log", "message"),
    [
        # the nearest highs are named
        (Kind.FLOAT, 0.0, 0.5, 0.2, False, r"high = 0.5 and step = 0.2; high is not on the grid.*0.4 or 0.6"),
        (Kind.INT, 1, 64, 16, False, "high is not on the grid.*49 or 65"),
        (Kind.FLOAT, 0.1, 1.0, 0.1, True, "log = true and step = 0.1; only one of them; leave one out"),
        (Kind.INT, 1, 8, 1, True, "only one of them"),
        (Kind.FLOAT, 0.0, 1.0, 0.0, False, "a step above 0"),
        (Kind.FLOAT, 0.0, 1.0, -0.5, False, "a step above 0"),
        (Kind.FLOAT, 0.0, 1.0, 2.0, False, "at most high - low"),
        (Kind.FLOAT, 0.0, 1.0, float("nan"), False, "a step above 0"),
        (Kind.INT, 0, 9, 1.5, False, "whole number"),
        (Kind.FLOAT, 1e6, 1e6 + 1, 1e-12, False, "too small to tell"),  # floats there are 1e-10 apart
        (Kind.SCHEDULE, 0.0, 1.0, 0.1, False, "is a schedule with a step"),
        (Kind.FLOAT, None, None, 0.1, False, "has step but no range"),
    ],
)
def test_a_step_that_leads_nowhere_is_refused_in_one_line(kind, low, high, step, log, message):
    with pytest.raises(InputError, match=message) as caught:
        Space.of([Hyperparameter("x", kind, low=low, high=high, log=log, step=step)])
    assert "\n" not in str(caught.value)
