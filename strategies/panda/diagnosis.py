"""What an evening shows of the training so far, and the rate that follows from it.

Departs from the design where measurement said so (benchmarks/panda.py). The best rate of a short probe is three to
thirty times too high for a whole run that comes to memorise its rows. There the sum of the rate over the steps to the
best evening is what carries over: it gives the second, lower panda its rate.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

from ..hyperparameter import Hyperparameter
from .states import TAIL_SHARE, Morning, within_bounds
from .task import PandaRules

LOST = 0.05  # of what was learnt since the initialisation: a loss that two evenings must show
LOWER_FROM = 0.6  # of the rate: above it a second panda would only repeat the first
LEAST_FOR_SECOND = 0.25  # of the budget
AS_FAR = 0.7  # of the sum of the rate up to the best evening: at a lower rate less of it goes as far
SMALL_MOVE = 10.0**0.25  # the factor of a daily nudge
MOMENTUM_MOVE = 0.5  # of the distance between a momentum and one


class Sign(StrEnum):
    """What two evenings in a row show."""

    GOES_WELL = "goes well"
    MEMORISES = "memorises"  # worse on the development rows, better on the training rows
    TOO_HOT = "both losses rise"
    NONE_AS_GOOD = "no evening as good as the probe"  # hot or memorising: so soon, the two cannot be told apart


def best_of(mornings: Sequence[Morning]) -> Morning:
    """The morning of the highest score, of equals the first."""
    scored = [one for one in mornings if one.score is not None]
    return max(scored, key=lambda one: (one.score or 0.0, -one.step))


def sign_of(mornings: Sequence[Morning], learnt: float) -> Sign:
    """What the last two of a training's mornings show; `learnt`: what the best one gained since the initialisation."""
    scored = [one for one in mornings if one.score is not None]
    if len(scored) < 3:
        return Sign.GOES_WELL
    best, last = best_of(scored), scored[-1]
    lost = [(best.score or 0.0) - (one.score or 0.0) for one in scored[-2:]]
    if best in scored[-2:] or lost[0] <= LOST / 2 * learnt or lost[1] <= LOST * learnt:
        return Sign.GOES_WELL
    if best.day == 0:
        return Sign.NONE_AS_GOOD
    is_known = best.training_loss is not None and last.training_loss is not None
    is_falling = not is_known or (last.training_loss or 0.0) < (best.training_loss or 0.0)
    return Sign.MEMORISES if is_falling else Sign.TOO_HOT


def lower_rate(
    rules: PandaRules, best: Morning, left: float, most: float = math.inf, further: float | None = None
) -> float | None:
    """The rate, `most` at most, of a second panda that learns as much with what is left as the first one had at its
    best; None where that is no new rate or too little is left. `further`: how far, as a sum of the rate over steps, a
    run came that did better."""
    name = rules.rate.name
    if left < LEAST_FOR_SECOND * rules.search.budget:
        return None
    came = AS_FAR * best.path.summed(name, best.step) if further is None else further
    lower = within_bounds(rules.rate, min(came / ((1.0 - TAIL_SHARE / 2.0) * left), most))
    return lower if lower < LOWER_FROM * best.path.at(name, best.step) else None


def small_move(one: Hyperparameter, value: float, is_down: bool) -> float:
    """The value of a daily nudge: a momentum moves towards one or away from it, all else by a factor."""
    if one.name in ("momentum", "beta1"):
        return within_bounds(one, 1.0 - (1.0 - value) * (1.0 / MOMENTUM_MOVE if is_down else MOMENTUM_MOVE))
    return within_bounds(one, value / SMALL_MOVE if is_down else value * SMALL_MOVE)
