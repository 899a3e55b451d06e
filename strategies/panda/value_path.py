"""The values that a panda moves, over time: schedules that are built day by day and replayed later as they are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from ..records import BudgetUnit, Configuration, Schedule, Value
from ..space import Space

TAIL_PIECES = 24  # of a decay to zero: constant between them, so that a command can replay it leg by leg


@dataclass(frozen=True, slots=True)
class Path:
    """Schedules by name, of the hyperparameters that move; immutable, each change gives a new path."""

    schedules: tuple[tuple[str, Schedule], ...]

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "Path":
        """Constant values from step 0 on."""
        return cls(tuple((name, ((0.0, readable(value)),)) for name, value in values.items()))

    def schedule(self, name: str) -> Schedule:
        """One hyperparameter over time: its points, step and value."""
        return dict(self.schedules)[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the hyperparameters that the path moves."""
        return tuple(name for name, _ in self.schedules)

    def at(self, name: str, step: float) -> float:
        """The value that is trained with from a step on."""
        return [value for start, value in self.schedule(name) if start <= step + 1e-9][-1]

    def values_at(self, step: float) -> dict[str, float]:
        """All values, by name, that are trained with from a step on."""
        return {name: self.at(name, step) for name in self.names}

    def summed(self, name: str, end: float) -> float:
        """The value summed over the steps up to `end`: how far a rate has come."""
        edges = (*self.schedule(name), (math.inf, 0.0))
        return sum(value * (min(until, end) - start) for (start, value), (until, _) in pairwise(edges) if start < end)

    def cut(self, step: float) -> "Path":
        """The path as it was up to a step, its last values lasting on."""
        return Path(
            tuple(
                (name, tuple(point for point in points if point[0] <= step + 1e-9)) for name, points in self.schedules
            )
        )

    def with_value(self, name: str, step: float, value: float) -> "Path":
        """The path with another value from a step on."""
        return self._extended(name, step, ((step, readable(value)),))

    def with_decay(self, name: str, start: float, end: float, unit: BudgetUnit) -> "Path":
        """The value decaying linearly to zero between two steps, in pieces, each at the height of its middle."""
        height, length = self.at(name, start), end - start
        pieces = min(TAIL_PIECES, max(1, int(length))) if unit is BudgetUnit.STEPS else TAIL_PIECES
        starts = [whole(start + length * piece / pieces, unit) for piece in range(pieces)]
        points = [(at, readable(height * (1.0 - (piece + 0.5) / pieces))) for piece, at in enumerate(starts)]
        return self._extended(name, start, tuple(points))

    def ended(self, name: str, step: float, budget: float) -> "Path":
        """The path of a training that learns nothing more from a step on, for its full budget may be longer."""
        return self.cut(step).with_value(name, step, 0.0) if step < budget - 1e-9 else self.cut(step)

    def within(self, configuration: Configuration, space: Space) -> Configuration:
        """The configuration with this path's values."""
        moved: dict[str, Value] = {name: points if len(points) > 1 else points[0][1] for name, points in self.schedules}
        return space.validate({**configuration, **moved}, strict=False)

    def _extended(self, name: str, step: float, points: Schedule) -> "Path":
        """The path with further points from a step on; those that change nothing are left out."""
        extended: list[tuple[float, float]] = [point for point in self.schedule(name) if point[0] < step - 1e-9]
        for point in points:
            if not extended or point[1] != extended[-1][1]:
                extended.append(point)
        return Path(tuple((moved, tuple(extended) if moved == name else old) for moved, old in self.schedules))


def readable(value: float) -> float:
    """A value with four digits, so that a person can copy it."""
    return float(f"{value:.4g}")


def whole(step: float, unit: BudgetUnit) -> float:
    """A step where a leg may end: whole updates, a millionth of an epoch, a millisecond."""
    return float(round(step)) if unit is BudgetUnit.STEPS else round(step, 6 if unit is BudgetUnit.EPOCHS else 3)
