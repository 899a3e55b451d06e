"""The size of a search: challengers for each coordinate, and stages, by what the compute allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.search.search_size import LEAST, coordinates_of, search_size
from retuned.strategies.space import Hyperparameter, Kind, Space


def test_a_choice_without_an_order_counts_its_values_but_one():
    space = Space.of(
        [
            Hyperparameter("lr", Kind.FLOAT, 1e-4, 1.0, log=True),
            Hyperparameter("layers", Kind.INT, 1, 8),
            Hyperparameter("momentum", Kind.FLOAT, choices=(0.0, 0.5, 0.9)),
            Hyperparameter("nesterov", Kind.BOOL),
            Hyperparameter("optimiser", Kind.CATEGORICAL, choices=("sgd", "adamw", "lion")),
            Hyperparameter("fixed", Kind.FLOAT),
        ]
    )
    assert coordinates_of(space) == 6


@pytest.mark.parametrize(
    ("coordinates", "runs", "seconds", "at_once", "size"),
    [
        (4, None, None, 1, (24, 2)),  # never timed
        (4, None, 60.0, 1, (24, 2)),
        (4, None, 0.5, 1, (48, 2)),  # minutes in all
        (1, None, 60.0, 1, (LEAST, 2)),
        (8, None, 60.0, 1, (48, 2)),
        (9, None, 60.0, 1, (108, 1)),  # two stages of 54 and their tests do not fit in 160 runs
        (4, None, 1000.0, 1, (48, 1)),  # 86 runs in a day
        (4, None, 1000.0, 4, (24, 2)),
        (4, 1000.0, 60.0, 1, (48, 2)),  # the budget pays for more than is wanted
        (4, 120.0, 60.0, 1, (30, 2)),
        (4, 107.0, 60.0, 1, (48, 1)),
        (4, 50.0, 60.0, 1, (20, 1)),
        (4, 5.0, 60.0, 1, (LEAST, 1)),
    ],
)
def test_twelve_for_each_coordinate_where_runs_are_free_six_where_they_cost(coordinates, runs, seconds, at_once, size):
    found = search_size(coordinates, runs, seconds, at_once)
    assert (found.challengers, found.stages) == size


@given(st.integers(1, 40), st.floats(0.0, 5000.0), st.floats(1e-3, 1e5), st.integers(1, 64), st.floats(0.0, 7.0))
def test_what_the_budget_pays_for_is_kept_and_more_never_brings_fewer_trials(coordinates, runs, seconds, slots, probes):
    size = search_size(coordinates, runs, seconds, slots, probes)
    more = search_size(coordinates, runs + 1.0, seconds, slots, probes)
    assert size.challengers >= LEAST
    assert size.challengers * size.stages + 30 * size.stages + probes <= runs + 1 or size.challengers == LEAST
    assert more.challengers * more.stages >= size.challengers * size.stages or more.stages > size.stages
