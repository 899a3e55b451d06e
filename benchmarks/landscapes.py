"""True scores over a search space, to measure searches on: bowls, cliffs, and fits of real trainings.

A run's score has a standard deviation of 1 around its true value, and all losses are in that unit.
"""

import math
from dataclasses import dataclass

import numpy as np
from retuned.strategies.records import Configuration
from retuned.strategies.space import Hyperparameter, Kind, Space
from retuned.strategies.verdict.safe_t_test import Floats

CURVATURE = 8.0  # of a direction that matters: 2 are lost at half of its range


@dataclass(frozen=True)
class Landscape:
    """A true score of 0 at the optimum that falls with the distance, weighted by `curvature` in each direction and
    raised to `power`.

    `most`: what a configuration can lose in all, which the loss approaches. `cliff`: beyond 0.15 on one side of the
    optimum in the first direction, so much more is lost. `levels`: directions, from the last, of five levels each.
    `wrong_choice`: there is a choice of three beside the cube, two of which cost that much.
    """

    name: str
    curvature: tuple[float, ...]
    power: float = 2.0
    most: float = math.inf
    cliff: float = 0.0
    levels: int = 0
    wrong_choice: float = 0.0

    @property
    def space(self) -> Space:
        """The unit cube, and the choice."""
        count = len(self.curvature)
        cube = [Hyperparameter(f"x{i}", Kind.FLOAT, 0.0, 1.0) for i in range(count - self.levels)]
        fifths = tuple(step / 4 for step in range(5))
        cube += [Hyperparameter(f"x{i}", Kind.FLOAT, choices=fifths) for i in range(count - self.levels, count)]
        choice = Hyperparameter("choice", Kind.CATEGORICAL, choices=("wrong", "right", "wrong too"))
        return Space.of([*cube, choice] if self.wrong_choice else cube)

    def value(self, configuration: Configuration, optimum: Floats) -> float:
        """The true score of a configuration."""
        place = np.array([configuration[f"x{i}"] for i in range(len(optimum))], dtype=np.float64)
        loss = float(np.sum(np.asarray(self.curvature) * (place - optimum) ** 2)) ** (self.power / 2)
        loss += self.cliff * (place[0] > optimum[0] + 0.15)
        if math.isfinite(self.most):
            loss = self.most * (1 - math.exp(-loss / self.most))
        return -loss - self.wrong_choice * (configuration.get("choice", "right") != "right")

    def draw(self, gap: float, generator: np.random.Generator) -> tuple[Configuration, Floats]:
        """An incumbent and an optimum anywhere in the cube, in any direction, the incumbent `gap` worse."""
        curvature = np.asarray(self.curvature)
        choice = {"choice": "right"} if self.wrong_choice else {}
        loss = -self.most * math.log(1 - gap / self.most) if math.isfinite(self.most) else gap
        while True:
            optimum, direction = generator.random(len(curvature)), generator.standard_normal(len(curvature))
            place = optimum + direction * math.sqrt(loss ** (2 / self.power) / float(np.sum(curvature * direction**2)))
            if self.levels:
                optimum, place = (self._on_levels(point) for point in (optimum, place))
            incumbent = {**{f"x{i}": float(coordinate) for i, coordinate in enumerate(place)}, **choice}
            is_inside = np.all((place >= 0) & (place <= 1)) and (not self.cliff or place[0] <= optimum[0] + 0.15)
            slack = 0.15 * min(gap, 1.0) if self.levels else 1e-6
            if is_inside and abs(-self.value(incumbent, optimum) - gap) <= slack:
                return incumbent, optimum

    def _on_levels(self, point: Floats) -> Floats:
        count = len(point) - self.levels
        return np.concatenate([point[:count], np.round(4 * np.clip(point[count:], 0, 1)) / 4])


def bowl(dimensions: int) -> Landscape:
    """A round bowl."""
    return Landscape(f"{dimensions} dimensions" if dimensions > 2 else "bowl", (CURVATURE,) * dimensions)


SATURATING = Landscape("saturating, 4 dimensions", (CURVATURE,) * 4, most=4.0)
CLIFF = Landscape("cliff, 4 dimensions", (CURVATURE,) * 4, cliff=10.0)
MIXED = Landscape("mixed, 6 dimensions", (CURVATURE,) * 5, levels=1, wrong_choice=1.5)
CONE = Landscape("cone, 4 dimensions", (CURVATURE,) * 4, power=1.0)
