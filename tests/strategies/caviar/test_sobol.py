"""Scrambled Sobol points against those of scipy, which are drawn by other code."""

import numpy as np
import pytest
from retuned.strategies.caviar.sobol import MOST, sobol_points
from scipy.stats import qmc


@pytest.mark.parametrize("seed", [0, 7, 2**63 + 5])
@pytest.mark.parametrize("log2_count", [1, 4, 7])
@pytest.mark.parametrize("coordinates", [1, 2, 3, 9, MOST, MOST + 1])  # the last: left to scipy
def test_the_points_are_those_of_scipy_to_the_last_bit(coordinates, log2_count, seed):
    theirs = qmc.Sobol(d=coordinates, scramble=True, rng=seed).random_base2(log2_count)
    ours = sobol_points(coordinates, log2_count, seed)
    assert np.array_equal(ours, theirs)


def test_every_coordinate_with_direction_numbers_of_its_own_is_that_of_scipy():
    theirs = qmc.Sobol(d=MOST, scramble=True, rng=11).random_base2(9)
    assert np.array_equal(sobol_points(MOST, 9, 11), theirs)
