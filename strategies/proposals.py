"""The configurations that a search tries: warm starts, moves around the best, and points over the whole space."""

import math
import random
from collections.abc import Iterable, Sequence

from scipy.stats import qmc

from .errors import InputError
from .records import Configuration
from .space import Space, configuration_key, derive_seed

MOST_WARM = 4  # top configurations of earlier campaigns that are tried again
LOCAL_SHARE = 1 / 3  # of the first wave that moves around the incumbent
FIRST_SCALES = (0.1, 0.2, 0.35)  # of moves around the incumbent, as shares of a range
SECOND_SCALES = (0.2, 0.1)  # of moves around the best
ATTEMPTS = 40  # draws for one new configuration before a small space counts as used up


def first_wave(
    space: Space, incumbent: Configuration, warm: Sequence[Configuration], seed: int, count: int
) -> tuple[Configuration, ...]:
    """Up to `count` configurations beside the incumbent, all different; fewer only where the space has no more.

    A space with no more than that is enumerated. Otherwise: earlier top configurations that are still
    allowed, then a third moves around the incumbent, then scrambled Sobol points.
    """
    everything = space.enumerate(incumbent, count + 1)
    new = _Distinct([incumbent])
    if everything is not None:
        return new.take(everything, count)
    found = list(new.take(_allowed(space, warm), min(MOST_WARM, max(1, count // 4))))
    generator = random.Random(derive_seed(seed, "search", "local"))
    moves = (space.neighbour(incumbent, generator, scale) for scale in _cycle(FIRST_SCALES, ATTEMPTS * count))
    found += new.take(moves, math.ceil(count * LOCAL_SHARE))
    found += new.take(_sobol(space, incumbent, derive_seed(seed, "search", "wide"), 4 * count), count - len(found))
    return (*found, *new.take(_anywhere(space, incumbent, generator, count), count - len(found)))


def second_wave(
    space: Space, parents: Sequence[Configuration], tried: Iterable[Configuration], seed: int, count: int
) -> tuple[Configuration, ...]:
    """Up to `count` new configurations near the parents, best first: two thirds around the best one."""
    generator = random.Random(derive_seed(seed, "search", "second"))
    new = _Distinct(tried)
    order = [parents[0], parents[0], parents[-1]]
    moves = (
        space.neighbour(order[index % 3], generator, SECOND_SCALES[index // 3 % len(SECOND_SCALES)])
        for index in range(ATTEMPTS * count)
    )
    return new.take(moves, count)


class _Distinct:
    """Lets each configuration through once."""

    def __init__(self, known: Iterable[Configuration]) -> None:
        self._keys = {configuration_key(configuration) for configuration in known}

    def take(self, configurations: Iterable[Configuration], count: int) -> tuple[Configuration, ...]:
        """The first `count` that are new, in order; fewer where there are no more."""
        found: list[Configuration] = []
        for configuration in configurations:
            if len(found) >= count:
                break
            key = configuration_key(configuration)
            if key not in self._keys:
                self._keys.add(key)
                found.append(configuration)
        return tuple(found)


def _allowed(space: Space, warm: Sequence[Configuration]) -> Iterable[Configuration]:
    """Those that the space, which may have changed since, still allows."""
    for configuration in warm:
        try:
            yield space.validate(configuration)
        except InputError:
            continue


def _sobol(space: Space, base: Configuration, seed: int, count: int) -> Iterable[Configuration]:
    """At least `count` scrambled Sobol points; a power of two of them, drawn at once, keeps them balanced."""
    movable = [index for index, one in enumerate(space.hyperparameters) if not one.is_fixed]
    sequence = qmc.Sobol(d=len(movable), scramble=True, rng=seed)
    for coordinates in sequence.random_base2(math.ceil(math.log2(max(2, count)))):
        point = [0.5] * len(space.hyperparameters)
        for index, coordinate in zip(movable, coordinates, strict=True):
            point[index] = float(coordinate)
        yield space.from_unit(point, base)


def _anywhere(space: Space, base: Configuration, generator: random.Random, count: int) -> Iterable[Configuration]:
    for _ in range(ATTEMPTS * count):
        yield space.from_unit([generator.random() for _ in space.hyperparameters], base)


def _cycle(scales: Sequence[float], count: int) -> Iterable[float]:
    return (scales[index % len(scales)] for index in range(count))
