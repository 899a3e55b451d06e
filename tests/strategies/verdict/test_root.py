"""Roots against those of scipy, which are found by other code."""

import math

import numpy as np
import pytest
from retuned.strategies.verdict.root import root_between
from scipy import optimize

FUNCTIONS = [
    (lambda x: x - 1.25, 0.0, 2.0),  # a line: one step
    (lambda x: x**3 - 2, -1.0, 2.0),
    (lambda x: math.exp(x) - 5, 0.0, 100.0),  # steep: bisection first
    (lambda x: 1 - x**9, 0.0, 3.0),  # falling, and flat at the root's left
    (lambda x: math.atan(x - 1e-9), -1.0, 1e6),
    (lambda x: x, 0.0, 1.0),  # a root at the low end
    (lambda x: x - 1, 0.0, 1.0),  # and at the high one
    (lambda x: math.copysign(1.0, x - 1 / 3), 0.0, 1.0),  # a jump: the place of the sign's change
]


@pytest.mark.parametrize(("function", "low", "high"), FUNCTIONS)
@pytest.mark.parametrize("tolerance", [1e-15, 1e-6])
def test_the_root_is_that_of_scipy_to_the_last_bit(function, low, high, tolerance):
    assert root_between(function, low, high, tolerance) == optimize.brentq(function, low, high, xtol=tolerance)


@pytest.mark.parametrize("seed", range(20))
def test_so_are_those_of_random_polynomials(seed):
    generator = np.random.default_rng(seed)
    coefficients = [float(value) for value in generator.normal(size=6)]

    def function(x):
        return (x - 0.3) * (1 + sum(c * x**power for power, c in enumerate(coefficients)) ** 2)

    assert root_between(function, -1.0, 1.5, 1e-15) == optimize.brentq(function, -1.0, 1.5, xtol=1e-15)
