"""One hyperparameter: its declaration, its allowed values, and its place on the unit interval."""

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from .errors import InputError
from .grid import Grid, grid_of
from .records import Schedule, Value
from .values import is_number, number_of, peak, schedule_of

FINEST = 1e-4  # proposals are rounded to this fraction of the range, to stay easy to read and copy
SCHEDULABLE = frozenset({"lr", "learning_rate", "momentum", "beta1", "weight_decay"})
"""Floats with these names may have a schedule as their value, such as the one that a babysat run ended with."""


class Kind(StrEnum):
    """What the values of a hyperparameter are."""

    FLOAT = "float"
    INT = "int"
    CATEGORICAL = "categorical"
    BOOL = "bool"
    SCHEDULE = "schedule"


@dataclass(frozen=True)
class Hyperparameter:
    """A name and the values that a search may try: a range, a list of choices, or neither (fixed).

    A range with a `step` has the values low, low + step, ... high only. `when` names an earlier hyperparameter and
    those of its values for which this one exists. `stored` is the value of a fixed hyperparameter where a configuration
    has none; only a conditional one needs it.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()
    when: tuple[str, tuple[Value, ...]] | None = None
    stored: Value | None = None
    step: float | None = None

    @cached_property
    def options(self) -> tuple[Value, ...]:
        """The choices in the order of the unit interval: numbers ascending, others as declared; empty for a range."""
        if self.kind is Kind.BOOL and not self.choices:
            return (False, True)
        if self.kind is Kind.FLOAT:
            return tuple(sorted(float(number_of(choice)) for choice in self.choices))
        if self.kind is Kind.INT:
            return tuple(sorted(int(number_of(choice)) for choice in self.choices))
        return tuple(sorted(self.choices, key=number_of)) if self.is_ordered else self.choices

    @cached_property
    def is_ordered(self) -> bool:
        """Whether the choices are numbers, so that neighbouring choices are similar."""
        return bool(self.choices) and all(is_number(choice) for choice in self.choices)

    @cached_property
    def is_fixed(self) -> bool:
        """Whether a search never moves it: no range, and fewer than two choices."""
        return self.low is None and len(self.options) < 2

    @cached_property
    def may_be_schedule(self) -> bool:
        """Whether its value may be a schedule."""
        is_free = self.kind is Kind.FLOAT and not self.choices and self.step is None
        return self.kind is Kind.SCHEDULE or (is_free and self.name in SCHEDULABLE)

    @cached_property
    def grid(self) -> Grid | None:
        """The values of a range of ints or of one with a step; None for others, which have too many to tell apart."""
        if self.low is None or self.high is None or (self.step is None and self.kind is not Kind.INT):
            return None
        return grid_of(self.low, self.high, 1.0 if self.step is None else self.step, self.kind is Kind.INT)

    @cached_property
    def allowed(self) -> str:
        """The allowed values, in words."""
        if self.low is not None and self.high is not None:
            noun = {Kind.INT: "a whole number", Kind.SCHEDULE: "[step, value] pairs with values"}.get(
                self.kind, "a number"
            )
            return (
                f"{noun} from {self.low:g} to {self.high:g}{'' if self.step is None else f' in steps of {self.step:g}'}"
            )
        if self.options:
            return ", ".join(repr(option) for option in self.options)
        nouns = {Kind.CATEGORICAL: "a string, number or boolean", Kind.INT: "a whole number"}
        return nouns.get(self.kind, "[step, value] pairs" if self.kind is Kind.SCHEDULE else "a finite number")

    def canonical(self, value: object) -> Value:
        """The value in its canonical type (3 becomes 3.0 for a float, a list a schedule's tuple), in bounds or not.

        Raises InputError where the type does not fit.
        """
        if self.kind is Kind.SCHEDULE:
            return schedule_of(self.name, value)
        if self.may_be_schedule and isinstance(value, list | tuple):
            points = schedule_of(self.name, value)
            return points if len(points) > 1 else points[0][1]
        if self.kind is Kind.BOOL or self.kind is Kind.CATEGORICAL:
            return self._canonical_choice(value)
        if not is_number(value) or (self.kind is Kind.INT and value != int(number_of(value))):
            raise InputError(f"hyperparameter {self.name!r} has the value {value!r}", f"allowed: {self.allowed}")
        if self.kind is Kind.INT:
            return int(number_of(value))
        number = float(number_of(value))
        return number if self.step is None or self.grid is None else self.grid.snapped(number)

    def contains(self, value: object) -> bool:
        """Whether a search may propose the value."""
        return self.explain(value) is None

    def explain(self, value: object) -> str | None:
        """Why the value is not allowed, in one sentence; None when it is."""
        try:
            canonical = self.canonical(value)
        except InputError as error:
            return str(error)
        if self.low is None or self.high is None:
            is_inside = not self.options or any(same(canonical, option) for option in self.options)
        elif isinstance(canonical, tuple):
            levels = [level for _, level in canonical]  # a decaying rate ends below any range
            is_inside = self.low <= max(levels) <= self.high and min(levels) >= min(self.low, 0.0)
        else:
            number, grid = number_of(canonical), self.grid
            is_inside = self.low <= number <= self.high and (grid is None or grid.at(grid.nearest(number)) == number)
        return None if is_inside else f"hyperparameter {self.name!r} has the value {value!r}; allowed: {self.allowed}"

    def to_unit(self, value: Value) -> float:
        """The value's place in [0, 1], clipped; a schedule is placed by its highest value, a fixed one at 0.5."""
        if self.is_fixed:
            return 0.5
        if self.low is None:
            return (self._index(value) + 0.5) / len(self.options)
        start, end = self._edges
        number = min(max(peak(value), start), end)
        if self.log:
            return min(max(math.log(number / start) / math.log(end / start), 0.0), 1.0)
        return (number - start) / (end - start)

    def from_unit(self, place: float) -> Value:
        """The allowed value at a place in [0, 1]; a schedule is constant. Raises ValueError for a fixed one."""
        if self.is_fixed:
            raise ValueError(f"{self.name} is fixed and has no place on the unit interval")
        place = min(max(place, 0.0), 1.0)
        if self.low is None or self.high is None:
            return self.options[min(int(place * len(self.options)), len(self.options) - 1)]
        start, end = self._edges
        number = start * (end / start) ** place if self.log else start + (end - start) * place
        if self.grid is not None:
            return self.grid.at(self.grid.nearest(number))
        level = self._readable(number)
        return ((0.0, level),) if self.kind is Kind.SCHEDULE else level

    def nearest(self, value: Value) -> Value:
        """The value itself where it is allowed, otherwise an allowed value close to it."""
        if self.is_fixed or self.contains(value):
            return value
        if isinstance(value, tuple) and self.low is not None and self.high is not None:
            raised = tuple((step, max(level, min(self.low, 0.0))) for step, level in value)
            return self._scaled(raised, min(max(peak(raised), self.low), self.high))
        return self.from_unit(self.to_unit(value))

    def moved(self, value: Value, generator: random.Random, scale: float) -> Value:
        """Another allowed value near this one: a normally distributed step of `scale` ranges, reflected at the ends.

        Numeric choices step to a neighbouring choice, other choices to any other; a schedule is
        scaled as a whole.
        """
        here = self.nearest(value)
        step = generator.gauss(0.0, scale)
        if self.low is None:
            return self._other_choice(here, step, generator)
        shift = math.copysign(min(max(abs(step), 20 * FINEST), 0.5), step)
        place = self.to_unit(here)
        there = self.from_unit(place + shift if 0.0 <= place + shift <= 1.0 else place - shift)
        if isinstance(here, tuple):
            return self._scaled(here, peak(there))
        if self.grid is not None and there == here:
            index, aside = self.grid.nearest(number_of(here)), 1 if shift > 0 else -1
            return self.grid.at(index + aside if 0 <= index + aside < self.grid.count else index - aside)
        return there

    def drifted(self, value: Value, generator: random.Random, scale: float) -> Value:
        """An allowed value near this one, often the same: as `moved`, but a choice may stay.

        Choices without an order change with the probability `scale`, the others by as many as the step spans.
        """
        here = self.nearest(value)
        if self.low is not None:
            return self.moved(here, generator, scale)
        if not self.is_ordered:
            return self._other_choice(here, 0.0, generator) if generator.random() < scale else here
        place = self.to_unit(here) + generator.gauss(0.0, scale)
        return self.from_unit(-place if place < 0.0 else 2.0 - place if place > 1.0 else place)

    def near(self, value: Value, coordinate: float, reach: float) -> Value:
        """The allowed value at a coordinate in [0, 1] of the part of the range within `reach` of this value.

        Of choices without an order, this one has half of the part, the others share the rest.
        """
        here = self.nearest(value)
        if self.low is None and not self.is_ordered:
            others = [option for option in self.options if not same(option, here)]
            return here if coordinate < 0.5 else others[min(int((2 * coordinate - 1) * len(others)), len(others) - 1)]
        place = self.to_unit(here)
        start, end = max(0.0, place - reach), min(1.0, place + reach)
        return self.from_unit(start + (end - start) * coordinate)

    def _canonical_choice(self, value: object) -> Value:
        if self.kind is Kind.BOOL and not isinstance(value, bool):
            raise InputError(f"hyperparameter {self.name!r} has the value {value!r}", "allowed: true or false")
        if isinstance(value, str | bool) or is_number(value):
            return next((option for option in self.options if same(option, value)), value)
        raise InputError(f"hyperparameter {self.name!r} has the value {value!r}", f"allowed: {self.allowed}")

    def _index(self, value: Value) -> int:
        options = self.options
        if self.is_ordered and isinstance(value, int | float):
            return min(range(len(options)), key=lambda index: abs(number_of(options[index]) - value))
        return next((index for index, option in enumerate(options) if same(option, value)), 0)

    @cached_property
    def _edges(self) -> tuple[float, float]:
        """The range that maps to the unit interval, half a step wider for a grid so that each is equally likely."""
        if self.low is None or self.high is None:
            raise ValueError(f"{self.name} has no range")
        margin = 0.0 if self.grid is None else 0.5 * self.grid.step
        return self.low - margin, self.high + margin

    def _readable(self, number: float) -> float:
        """The number rounded to the digits that the range needs, within the bounds."""
        low, high = self._edges
        resolution = FINEST * (abs(number) * math.log(high / low) if self.log else high - low)
        digits = -math.floor(math.log10(resolution)) if resolution > 0.0 else 400
        return min(max(round(number, digits), low), high) + 0.0  # never -0.0

    def _other_choice(self, here: Value, step: float, generator: random.Random) -> Value:
        options, index = self.options, self._index(here)
        if not self.is_ordered:
            return generator.choice([option for option in options if not same(option, here)])
        width = min(max(1, round(abs(step) * len(options))), max(1, len(options) // 2))
        target = index + (width if step > 0 else -width)
        return options[target if 0 <= target < len(options) else 2 * index - target]

    def _scaled(self, schedule: Schedule, top: float) -> Schedule:
        """The schedule scaled so that its highest value becomes `top`; constant where the highest value is zero."""
        highest = peak(schedule)
        if highest == 0.0:
            return ((0.0, top),)
        lowest = -math.inf if self.low is None else min(self.low, 0.0)
        return tuple(
            (step, top if level == highest else min(max(level * (top / highest), lowest), top))
            for step, level in schedule
        )


def same(left: object, right: object) -> bool:
    """Whether two values are equal; unlike ==, true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right
