"""Which rates a panda probes before its first day: a walk in factors of the square root of ten, down where all die."""

import math
from collections.abc import Callable, Mapping

STEP = math.sqrt(10.0)
FIRST = (0, 1, -1)  # exponents of STEP, the first of them the rate that the panda was given
WALK_DOWN = 2  # exponents at once where every probe died; what lies between is looked at later


def next_exponents(
    scores: Mapping[int, float | None], most: int, is_allowed: Callable[[int], bool] = lambda _: True
) -> tuple[int, ...]:
    """The exponents to probe next; none when both neighbours of the best are known or `most` probes are made.

    `scores`: what ended so far, by exponent, higher is better; None for a probe that died.
    """
    room = most - len(scores)
    if not scores:
        return tuple(exponent for exponent in FIRST if is_allowed(exponent))[:room]
    alive = best_first(scores)
    wanted = (alive[0] + 1, alive[0] - 1) if alive else (min(scores) - WALK_DOWN, min(scores) - 1)
    new = [exponent for exponent in wanted if exponent not in scores and is_allowed(exponent)]
    return tuple(new[: min(room, 2 if alive else 1)])


def best_first(scores: Mapping[int, float | None]) -> list[int]:
    """The exponents of the probes that lived, best score first, of equals the lower rate."""
    alive = {exponent: score for exponent, score in scores.items() if score is not None}
    return sorted(alive, key=lambda exponent: (-alive[exponent], exponent))
