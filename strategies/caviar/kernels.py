"""How alike the scores of two configurations are expected to be: two kernels over the hyperparameters' distances."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..hyperparameter import Kind
from ..records import Configuration
from ..space import Space

Floats = NDArray[np.float64]

KERNELS = ("squared exponential", "additive")
TOGETHER = 0.15  # share of the additive kernel in which all hyperparameters act together
_ROOT_3 = math.sqrt(3)
_OTHER_CHOICE = math.sqrt(0.5)  # puts two unordered choices a whole range apart


def coordinates(space: Space, configuration: Configuration) -> tuple[float, ...]:
    """The configuration's place in the space of the kernel: a coordinate per range, one per choice without an order.

    A range of floats or schedules has three, for the first, mean and last level; two constant schedules are as far
    apart as the two numbers.
    """
    numbers: list[float] = []
    for hyperparameter, place in zip(space.hyperparameters, space.to_unit(configuration), strict=True):
        if hyperparameter.is_fixed:
            continue
        value = configuration.get(hyperparameter.name)
        if hyperparameter.low is not None and hyperparameter.kind in (Kind.FLOAT, Kind.SCHEDULE):
            if isinstance(value, tuple):
                levels = [hyperparameter.to_unit(level) for _, level in value]
                numbers += [level / _ROOT_3 for level in (levels[0], sum(levels) / len(levels), levels[-1])]
            else:
                numbers += 3 * [place / _ROOT_3]
        elif hyperparameter.low is not None or hyperparameter.is_ordered:
            numbers.append(place)
        else:
            chosen = None if value is None else int(place * len(hyperparameter.options))
            numbers += [
                0.5 if chosen is None else _OTHER_CHOICE * (index == chosen)
                for index in range(len(hyperparameter.options))
            ]
    return tuple(numbers)


def widths(space: Space) -> tuple[int, ...]:
    """How many coordinates each hyperparameter that moves has, in the order of `coordinates`; their sum is c."""
    counts: list[int] = []
    for hyperparameter in space.movable:
        if hyperparameter.low is not None and hyperparameter.kind in (Kind.FLOAT, Kind.SCHEDULE):
            counts.append(3)
        else:
            counts.append(
                1 if hyperparameter.low is not None or hyperparameter.is_ordered else len(hyperparameter.options)
            )
    return tuple(counts)


def squared_distances(left: Floats, right: Floats, counts: Sequence[int]) -> Floats:
    """Squared distances (h, a, b) by hyperparameter, of places (a, c) and (b, c)."""
    squared = np.zeros((len(counts), len(left), len(right)))
    for column, of in enumerate(np.repeat(np.arange(len(counts)), counts)):
        squared[of] += (left[:, column, None] - right[None, :, column]) ** 2
    return squared


def kernel(name: str, squared: Floats, length: float) -> Floats:
    """Correlations (a, b) at squared distances (h, a, b).

    Lengths are for two hyperparameters and grow with the root of their number, as distances do. "additive": mostly a
    mean of functions of one hyperparameter each. Source: Duvenaud, Nickisch & Rasmussen, Additive Gaussian Processes,
    NeurIPS 2011.
    """
    scale = -0.5 / (length**2 * len(squared) / 2)
    together = np.exp(scale * squared.sum(axis=0))
    if name == KERNELS[0]:
        return np.asarray(together, dtype=np.float64)
    alone = np.exp(scale * squared).mean(axis=0)
    return np.asarray((1 - TOGETHER) * alone + TOGETHER * together, dtype=np.float64)
