"""Search spaces: declaration, validation, the unit cube and neighbours."""

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from retuned.strategies.errors import InputError
from retuned.strategies.space import Hyperparameter, Kind, Space, configuration_key, derive_seed

LR = Hyperparameter("lr", Kind.FLOAT, low=1e-5, high=1.0, log=True)
DEPTH = Hyperparameter("depth", Kind.INT, low=1, high=8)
OPTIMISER = Hyperparameter("optimiser", Kind.CATEGORICAL, choices=("sgd", "adamw"))
NESTEROV = Hyperparameter("nesterov", Kind.BOOL, when=("optimiser", ("sgd",)))
MOMENTUM = Hyperparameter("momentum", Kind.FLOAT, low=0.0, high=0.99, when=("nesterov", (True,)))
BATCH = Hyperparameter("batch", Kind.CATEGORICAL, choices=(16, 64, 256))
RATE = Hyperparameter("rate", Kind.SCHEDULE, low=1e-4, high=1.0, log=True)
SEEDED = Hyperparameter("layers", Kind.INT)  # fixed

SPACE = Space.of((LR, DEPTH, OPTIMISER, NESTEROV, MOMENTUM, BATCH, RATE, SEEDED))
INCUMBENT = {
    "lr": 0.01,
    "depth": 3,
    "optimiser": "sgd",
    "nesterov": True,
    "momentum": 0.9,
    "batch": 64,
    "rate": ((0.0, 0.1), (100.0, 0.01)),
    "layers": 2,
}

units = st.floats(0.0, 1.0)
points = st.tuples(*(units for _ in SPACE.hyperparameters))


@st.composite
def ranges(draw):
    """A float, int or schedule range, logarithmic or not."""
    kind = draw(st.sampled_from([Kind.FLOAT, Kind.INT, Kind.SCHEDULE]))
    log = draw(st.booleans())
    low = draw(st.integers(1, 1000) if kind is Kind.INT else st.floats(1e-6, 1e3)) * (1 if log else draw(st.just(-1)))
    width = draw(st.integers(1, 5000) if kind is Kind.INT else st.floats(1e-3, 1e6))
    return Hyperparameter("x", kind, low=low, high=low + width, log=log)


@given(ranges(), units)
def test_a_place_on_the_unit_interval_comes_back_from_its_value(hyperparameter, place):
    value = hyperparameter.from_unit(place)
    assert hyperparameter.contains(value)
    assume(hyperparameter.kind is not Kind.INT)  # whole numbers may be coarser: see the next test
    assert hyperparameter.to_unit(value) == pytest.approx(place, abs=1e-3)


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6), st.data())
def test_every_whole_number_has_its_own_place(low, width, data):
    hyperparameter = Hyperparameter("x", Kind.INT, low=low, high=low + width, log=low > 0)
    value = data.draw(st.integers(low, low + width))
    assert hyperparameter.from_unit(hyperparameter.to_unit(value)) == value


@given(st.lists(st.one_of(st.integers(-9, 9), st.text(max_size=3)), min_size=2, max_size=6, unique=True), st.data())
def test_every_choice_has_its_own_place(choices, data):
    hyperparameter = Hyperparameter("x", Kind.CATEGORICAL, choices=tuple(choices))
    value = data.draw(st.sampled_from(choices))
    assert hyperparameter.from_unit(hyperparameter.to_unit(value)) == value


@given(points)
def test_a_configuration_from_the_unit_cube_is_valid_and_its_place_returns_it(point):
    configuration = SPACE.from_unit(point, INCUMBENT)
    assert SPACE.validate(configuration) == configuration
    again = SPACE.from_unit(SPACE.to_unit(configuration), INCUMBENT)
    assert SPACE.active(again) == SPACE.active(configuration)
    assert again["depth"] == configuration["depth"]
    assert again["lr"] == pytest.approx(configuration["lr"], rel=2e-3)


@given(points, st.integers(0, 2**31 - 1), st.floats(0.001, 2.0))
def test_a_neighbour_is_allowed_and_differs(point, seed, scale):
    configuration = SPACE.from_unit(point, INCUMBENT)
    neighbour = SPACE.neighbour(configuration, random.Random(seed), scale)
    assert SPACE.validate(neighbour) == neighbour
    assert neighbour["layers"] == 2
    assert configuration_key(neighbour) != configuration_key(configuration)


@given(ranges(), units, st.integers(0, 2**31 - 1), st.floats(1e-6, 3.0))
def test_a_move_stays_inside_its_range_and_never_stands_still(hyperparameter, place, seed, scale):
    value = hyperparameter.from_unit(place)
    moved = hyperparameter.moved(value, random.Random(seed), scale)
    assert hyperparameter.contains(moved)
    assert moved != value


@given(points, st.integers(0, 2**31 - 1))
def test_an_inactive_name_never_appears(point, seed):
    built = SPACE.from_unit(point, INCUMBENT)
    moved = SPACE.neighbour(built, random.Random(seed), 0.3)
    assert tuple(built) == SPACE.active(built)
    assert tuple(moved) == SPACE.active(moved)
    assert ("momentum" in built) == (built.get("nesterov") is True)
    assert ("nesterov" in moved) == (moved["optimiser"] == "sgd")


@given(points, st.booleans())
def test_validating_twice_changes_nothing(point, strict):
    once = SPACE.validate(dict(SPACE.from_unit(point, INCUMBENT)), strict)
    assert SPACE.validate(once, strict) == once


def test_validating_gives_canonical_types_and_drops_inactive_names():
    valid = SPACE.validate({**INCUMBENT, "depth": 3.0, "lr": 1, "nesterov": False, "rate": [[0, 0.5], [10, 0.1]]})
    assert valid["depth"] == 3
    assert isinstance(valid["depth"], int)
    assert isinstance(valid["lr"], float)
    assert valid["rate"] == ((0.0, 0.5), (10.0, 0.1))
    assert "momentum" not in valid


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": 3.0}, r"'lr'.*3\.0.*1e-05 to 1"),  # above its range
        ({"lr": "big"}, r"'lr'.*'big'.*a number from"),  # a wrong type
        ({"lr": True}, r"'lr'.*True"),  # a boolean is not a number
        ({"lr": float("nan")}, r"'lr'.*nan"),
        ({"depth": 2.5}, r"'depth'.*2\.5.*a whole number from 1 to 8"),
        ({"optimiser": "lion"}, r"'optimiser'.*'lion'.*'sgd', 'adamw'"),
        ({"batch": "64"}, r"'batch'.*'64'.*16, 64, 256"),  # the text is not the number
        ({"nesterov": 1}, r"'nesterov'.*true or false"),
        ({"rate": [[5, 0.1]]}, r"'rate'.*first step 0"),
        ({"rate": [[0, 0.1], [0, 0.2]]}, r"'rate'.*ascending"),
        ({"rate": [[0, 7.0]]}, r"'rate'.*0\.0001 to 1"),
        ({"rate": []}, r"'rate'"),
        ({"learning_rate": 0.1}, r"unknown hyperparameter 'learning_rate'.*lr, depth"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        SPACE.validate({**INCUMBENT, **change})


def test_a_missing_value_is_refused_by_name():
    with pytest.raises(InputError, match="'momentum' has no value"):
        SPACE.validate({name: value for name, value in INCUMBENT.items() if name != "momentum"})


def test_stored_values_outside_the_bounds_are_kept_for_the_incumbent_and_reported():
    stored = {**INCUMBENT, "lr": 7.5, "batch": 100, "rate": ((0.0, 3.0), (10.0, 1e-6))}
    incumbent = SPACE.validate(stored, strict=False)
    assert incumbent["lr"] == 7.5
    assert [text.split("'")[1] for text in SPACE.outside(incumbent)] == ["lr", "batch", "rate"]
    assert all(0.0 <= place <= 1.0 for place in SPACE.to_unit(incumbent))
    assert SPACE.outside(SPACE.neighbour(incumbent, random.Random(1), 0.1)) == ()


def test_of_earlier_configurations_those_that_the_space_allows_remain_in_order():
    space = Space.of([DEPTH])
    earlier = ({"depth": 7}, {"depth": 9}, {"width": 3}, {"depth": 1.0})
    assert space.allowed(earlier) == ({"depth": 7}, {"depth": 1})


def test_even_the_incumbent_needs_the_right_types():
    with pytest.raises(InputError, match="'lr'"):
        SPACE.validate({**INCUMBENT, "lr": "0.1"}, strict=False)


def test_a_schedule_moves_as_a_whole():
    moved = RATE.moved(((0.0, 0.1), (100.0, 0.01)), random.Random(3), 0.05)
    assert moved[0][1] / moved[1][1] == pytest.approx(10.0)
    assert moved[0][1] != 0.1
    assert [step for step, _ in moved] == [0.0, 100.0]


def test_a_schedulable_float_may_have_a_schedule_that_decays_to_zero():
    space = Space.of([Hyperparameter("lr", Kind.FLOAT, 1e-4, 1.0, log=True), Hyperparameter("width", Kind.FLOAT, 0, 9)])
    valid = space.validate({"lr": [[0, 0.1], [50, 0.05], [80, 0]], "width": 3})
    assert valid == {"lr": ((0.0, 0.1), (50.0, 0.05), (80.0, 0.0)), "width": 3.0}
    assert space.validate({"lr": [[0, 0.1]], "width": 3})["lr"] == 0.1
    assert space.to_unit(valid)[0] == pytest.approx(0.75)
    moved = space.neighbour(valid, random.Random(2), 0.1)
    assert space.validate(moved) == moved
    assert [step for step, _ in moved["lr"]] == [0.0, 50.0, 80.0]
    assert moved["lr"][2][1] == 0.0
    assert moved["lr"][0][1] / moved["lr"][1][1] == pytest.approx(2.0)


@pytest.mark.parametrize("value", [[[0, 2.0], [5, 0.1]], [[0, 1e-6], [5, 0]], [[0, 0.1], [5, -0.1]]])
def test_the_highest_value_of_a_schedule_lies_in_the_range_and_none_below_zero(value):
    assert not RATE.contains(value)


def test_any_other_float_has_no_schedule():
    with pytest.raises(InputError, match="'width'"):
        Space.of([Hyperparameter("width", Kind.FLOAT, 0, 9)]).validate({"width": [[0, 1.0], [5, 2.0]]})


def test_a_number_among_choices_steps_to_a_neighbouring_choice():
    generator = random.Random(0)
    assert {BATCH.moved(16, generator, 0.1) for _ in range(50)} == {64}
    assert {BATCH.moved(64, generator, 0.1) for _ in range(50)} == {16, 256}


def test_floats_and_ints_may_have_choices_instead_of_a_range():
    hyperparameter = Hyperparameter("x", Kind.FLOAT, choices=(0.9, 0, 0.5))
    space = Space.of([hyperparameter])
    assert hyperparameter.options == (0.0, 0.5, 0.9)
    assert space.validate({"x": 0}) == {"x": 0.0}
    assert isinstance(space.from_unit((0.0,))["x"], float)


def test_a_hyperparameter_without_range_or_choices_is_never_moved():
    space = Space.of([SEEDED, Hyperparameter("mode", Kind.CATEGORICAL), Hyperparameter("warmup", Kind.SCHEDULE)])
    stored = space.validate({"layers": 2, "mode": "fast", "warmup": [[0, 1], [5, 2]]})
    assert space.movable == ()
    assert space.neighbour(stored, random.Random(0), 0.5) == stored
    assert space.from_unit((0.1, 0.2, 0.3), stored) == stored
    assert space.enumerate(stored, 5) == (stored,)


def test_a_conditional_fixed_hyperparameter_takes_its_stored_value():
    beta = Hyperparameter("beta", Kind.FLOAT, stored=0.95, when=("optimiser", ("adamw",)))
    space = Space.of([OPTIMISER, beta])
    assert space.from_unit((0.9, 0.5), {"optimiser": "sgd"}) == {"optimiser": "adamw", "beta": 0.95}


def test_a_small_space_is_enumerated_with_its_conditions():
    space = Space.of([OPTIMISER, NESTEROV, BATCH])
    configurations = space.enumerate({}, 9)
    assert configurations is not None
    assert len({configuration_key(configuration) for configuration in configurations}) == 9
    assert {"optimiser": "adamw", "batch": 16} in configurations
    assert space.enumerate({}, 8) is None
    assert Space.of([LR]).enumerate({}, 1000) is None


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ([Hyperparameter("x", Kind.FLOAT, low=1.0, high=1.0)], "low = 1 and high = 1"),
        ([Hyperparameter("x", Kind.FLOAT, low=2.0, high=1.0)], "low must be below high"),
        ([Hyperparameter("x", Kind.FLOAT, low=0.0)], "only one of low and high"),
        ([Hyperparameter("x", Kind.FLOAT, low=0.0, high=1.0, log=True)], "log = true and low = 0"),
        ([Hyperparameter("x", Kind.FLOAT, log=True)], "log but no range"),
        ([Hyperparameter("x", Kind.FLOAT, low=0.0, high=math.inf)], "finite"),
        ([Hyperparameter("x", Kind.INT, low=0.5, high=3)], "whole numbers"),
        ([Hyperparameter("x", Kind.FLOAT, low=0.0, high=1.0, choices=(1.0,))], "either a range or choices"),
        ([Hyperparameter("x", Kind.BOOL, low=0, high=1)], "either a range or choices"),
        ([Hyperparameter("x", Kind.CATEGORICAL, choices=("a", "b", "a"))], "'a' twice"),
        ([Hyperparameter("x", Kind.INT, choices=("a", "b"))], "'a'; allowed: a whole number"),
        ([Hyperparameter("x", Kind.SCHEDULE, choices=(1.0, 2.0))], "schedule with choices"),
        ([LR, LR], "'lr' is declared twice"),
        ([NESTEROV], "depends on 'optimiser', which is unknown"),
        ([NESTEROV, OPTIMISER], "declared later"),
        ([Hyperparameter("x", Kind.BOOL, when=("x", (True,)))], "depends on itself"),
        (
            [Hyperparameter("x", Kind.BOOL, when=("y", (True,))), Hyperparameter("y", Kind.BOOL, when=("x", (True,)))],
            "'x' depends on itself through 'y'",
        ),
        ([LR, Hyperparameter("x", Kind.BOOL, when=("lr", (0.1,)))], "a condition needs choices"),
        ([OPTIMISER, Hyperparameter("x", Kind.BOOL, when=("optimiser", ("lion",)))], "never be active.*'lion'"),
        ([OPTIMISER, Hyperparameter("x", Kind.BOOL, when=("optimiser", ()))], "depends on no value"),
        ([OPTIMISER, Hyperparameter("x", Kind.INT, when=("optimiser", ("sgd",)))], "conditional and fixed"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_at_once(declared, message):
    with pytest.raises(InputError, match=message):
        Space.of(declared)


def test_equal_configurations_have_one_key_whatever_their_order():
    assert configuration_key({"a": 0.1 + 0.2, "b": 1}) == configuration_key({"b": 1, "a": 0.3})
    assert configuration_key({"a": True}) != configuration_key({"a": 1})
    assert configuration_key({"a": "1"}) != configuration_key({"a": 1})
    assert configuration_key({"a": 0.0}) == configuration_key({"a": -0.0})


def test_derived_seeds_are_stable_and_depend_on_every_name():
    assert derive_seed(1, "search", "seed") == 262588739
    assert len({derive_seed(1, "a"), derive_seed(2, "a"), derive_seed(1, "b"), derive_seed(1, "a", 0)}) == 4
    assert len({derive_seed(1, "ab", "c"), derive_seed(1, "a", "bc")}) == 2


@given(st.integers(0, 2**31 - 1), st.lists(st.one_of(st.text(), st.integers())))
def test_a_derived_seed_is_a_non_negative_31_bit_number(seed, names):
    assert 0 <= derive_seed(seed, *names) < 2**31


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, ""),
        ({"lr": LR.low}, "lr (lower end of 1e-05 to 1) lies at an end of its range:"),
        ({"lr": LR.high * 0.99}, "lr (upper end of 1e-05 to 1) lies at an end of its range:"),
        ({"momentum": 0.0}, ""),  # a linear range ends where momentum does
        (
            {"lr": LR.low, "rate": 1.0},
            "lr (lower end of 1e-05 to 1) and rate (upper end of 0.0001 to 1) lie at an end of their ranges:",
        ),
    ],
)
def test_a_value_at_an_end_of_a_range_in_orders_of_magnitude_is_told(changes, ends):
    told = SPACE.at_an_end(INCUMBENT | changes)
    assert told.startswith(f"{ends} better values") if ends else not told


def test_the_ends_of_a_range_of_whole_numbers_are_its_first_and_last():
    trees = Space.of([Hyperparameter("trees", Kind.INT, low=1, high=8, log=True)])
    assert [bool(trees.at_an_end({"trees": number})) for number in (1, 2, 7, 8)] == [True, False, False, True]
