"""Where a function crosses zero: Brent's method.

The same root, to the last bit, as that of `scipy.optimize.brentq`, whose import alone takes a quarter of a second of
work, which each campaign that tests pairs would pay.
Source: Brent, Algorithms for minimization without derivatives, 1973, chapter 4.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

_RELATIVE = 4 * sys.float_info.epsilon
_MOST_STEPS = 100  # bisection alone needs about 50


class _Point(NamedTuple):
    at: float
    value: float


def root_between(function: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """The root of a continuous function whose values at `low` and `high` differ in sign, up to the tolerance."""
    last, here = _Point(low, function(low)), _Point(high, function(high))
    for end in (last, here):
        if end.value == 0:
            return end.at
    across, step_before, step = last, here.at - last.at, here.at - last.at
    for _ in range(_MOST_STEPS):
        if last.value * here.value < 0:  # the root lies between the last two
            across, step_before, step = last, here.at - last.at, here.at - last.at
        if abs(across.value) < abs(here.value):
            last, here, across = here, across, here
        least_step = (tolerance + _RELATIVE * abs(here.at)) / 2
        half = (across.at - here.at) / 2
        if here.value == 0 or abs(half) < least_step:
            break
        bent = _interpolated(last, here, across) if abs(step_before) > least_step else None
        if bent is not None and 2 * abs(bent) < min(abs(step_before), 3 * abs(half) - least_step):
            step_before, step = step, bent
        else:
            step_before, step = half, half
        moved = step if abs(step) > least_step else (least_step if half > 0 else -least_step)
        last, here = here, _Point(here.at + moved, function(here.at + moved))
    return here.at


def _interpolated(last: _Point, here: _Point, across: _Point) -> float | None:
    """The step to where a line through two points, or a parabola through three, is zero; None where the last step led
    away from the root."""
    if abs(here.value) >= abs(last.value):
        return None
    if last.at == across.at:
        return -here.value * (here.at - last.at) / (here.value - last.value)
    to_last = (last.value - here.value) / (last.at - here.at)
    to_across = (across.value - here.value) / (across.at - here.at)
    numerator = -here.value * (across.value * to_across - last.value * to_last)
    return numerator / (to_across * to_last * (across.value - last.value))
