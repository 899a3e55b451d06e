"""Values of hyperparameters: numbers, and schedules of them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeGuard

from .errors import InputError
from .records import Schedule, Value

LARGEST_INT = 2**52
"""Of the bounds of an int, on either side of 0: up to it floats tell whole numbers apart, and half ones too."""


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number, true and false aside."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def peak(value: Value) -> float:
    """The number itself, or a schedule's highest value."""
    return max(level for _, level in value) if isinstance(value, tuple) else number_of(value)


def number_of(value: object) -> float:
    """The number; raises TypeError for anything else."""
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return value


def schedule_of(name: str, value: object) -> Schedule:
    """The schedule in canonical form; a single number means a constant schedule."""
    remedy = "write [[0, first value], [step, next value]] with first step 0 and ascending steps"
    refusal = InputError(f"hyperparameter {name!r} has the schedule {value!r}", "not a schedule", remedy)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = ((0.0, value),)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise refusal
    points: list[tuple[float, float]] = []
    for point in value:
        if not isinstance(point, Sequence) or isinstance(point, str) or len(point) != 2:
            raise refusal
        if not all(is_number(number) for number in point):
            raise refusal
        points.append((float(point[0]), float(point[1])))
    steps = [step for step, _ in points]
    if steps[0] != 0.0 or any(later <= earlier for earlier, later in pairwise(steps)):
        raise refusal
    return tuple(points)
