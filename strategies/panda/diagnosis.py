"""What the last days of a training show: it goes well, it memorises its rows, or its rate is too high."""

from collections.abc import Sequence
from enum import StrEnum

from .states import ResumePoint

LOST = 0.05  # of what was learnt since the initialisation: a loss that the ends of two days must show


class Sign(StrEnum):
    """What the ends of two days in a row show; the value is how the log says it."""

    GOES_WELL = "goes well"
    MEMORISES = "memorises"  # worse on the development rows, better on the training rows
    RATE_TOO_HIGH = "both losses rise"
    NONE_AS_GOOD = "no day ended as well as the probe"  # too high or memorising: so soon, the two look alike


def best_of(points: Sequence[ResumePoint]) -> ResumePoint:
    """The point of the highest score; of equals that of the lowest step, then the first. One must have a score."""
    scored = [point for point in points if point.score is not None]
    return max(scored, key=lambda point: (point.score or 0.0, -point.step))


def sign_of(points: Sequence[ResumePoint], best: ResumePoint, learnt: float) -> Sign:
    """What the last two of a training's scored points show.

    `best`: the best of them. `learnt`: by how much its score is above that of the initialisation.
    """
    if len(points) < 3:
        return Sign.GOES_WELL
    last = points[-1]
    lost = [(best.score or 0.0) - (point.score or 0.0) for point in points[-2:]]
    if best in points[-2:] or lost[0] <= LOST / 2 * learnt or lost[1] <= LOST * learnt:
        return Sign.GOES_WELL
    if best.day == 0:
        return Sign.NONE_AS_GOOD
    is_known = best.training_loss is not None and last.training_loss is not None
    is_falling = not is_known or (last.training_loss or 0.0) < (best.training_loss or 0.0)
    return Sign.MEMORISES if is_falling else Sign.RATE_TOO_HIGH
