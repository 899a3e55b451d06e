"""The values low, low + step, low + 2 step, ... of a range, exact in decimals: steps of 0.1 come to 0.3, not to
0.30000000000000004."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from .errors import InputError

MOST = 2**48  # steps to the farther bound: floats tell so many apart
NEAR = 1e-9  # of a step: a value that arithmetic took so far off still counts as the grid's


@dataclass(frozen=True, slots=True)
class Grid:
    """`count` values, the first one `low`; whole numbers where `is_whole`. `at` and `nearest` count from 0."""

    low: float
    step: float
    count: int
    is_whole: bool = False

    def at(self, index: int) -> float | int:
        """The value with this number, the nearest end where there is none."""
        index = min(max(index, 0), self.count - 1)
        if self.is_whole:
            return int(self.low) + index * int(self.step)
        return float(_exact(self.low) + index * _exact(self.step)) + 0.0  # never -0.0

    def nearest(self, number: float) -> int:
        """The number of the value closest to this one."""
        steps = (number - self.low) / self.step
        index = math.floor(steps)  # adding a half first would round the odd ones among the largest
        return min(max(index + (steps - index >= 0.5), 0), self.count - 1)

    def snapped(self, number: float) -> float:
        """The grid's own value where only rounding lies between, otherwise the number itself."""
        value = self.at(self.nearest(number))
        return value if abs(value - number) <= NEAR * self.step else number

    def __iter__(self) -> Iterator[float | int]:
        return map(self.at, range(self.count))


@lru_cache(maxsize=256)
def grid_of(low: float, high: float, step: float, is_whole: bool) -> Grid:
    """The grid of a range that `check_step` found good."""
    return Grid(low, step, int((_exact(high) - _exact(low)) / _exact(step)) + 1, is_whole)


def check_step(named: str, low: float, high: float, step: float, is_whole: bool, log: bool) -> None:
    """Raise InputError where the step does not lead from low to high; `named` begins the sentence."""
    found = f"{named} has low = {low:.12g}, high = {high:.12g} and step = {step:.12g}"
    if log:
        raise InputError(f"{named} has log = true and step = {step:.12g}", "only one of them", "leave one out")
    width = _exact(high) - _exact(low)
    if not (math.isfinite(step) and 0.0 < _exact(step) <= width):
        raise InputError(found, "allowed: a step above 0, at most high - low")
    if is_whole and step != int(step):
        raise InputError(found, "the step of an int is a whole number")
    if max(abs(low), abs(high)) / step > MOST:
        raise InputError(found, "the step is too small to tell the values apart", "allowed: a larger step, or none")
    steps = width / _exact(step)
    if steps != int(steps):
        below, above = (float(_exact(low) + count * _exact(step)) for count in (int(steps), int(steps) + 1))
        raise InputError(
            found, "high is not on the grid low + k * step", f"allowed near it: {below:.12g} or {above:.12g}"
        )


def _exact(number: float) -> Decimal:
    """The shortest decimal that is this float: what its author wrote."""
    return Decimal(repr(float(number)))
