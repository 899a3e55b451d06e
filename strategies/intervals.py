"""Intervals around a change in score: of the same runs made twice, or of two groups of runs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

LEVEL = 0.90
_ROUNDING = 1e-12  # a spread below this share of the scores is rounding


class Interval(NamedTuple):
    """A mean change and the interval that covers the true one with probability LEVEL, in score units."""

    mean: float
    low: float
    high: float


def paired(before: Sequence[float], now: Sequence[float]) -> Interval | None:
    """The change from `before` to `now`, run by run; None with fewer than two runs.

    Equal changes have no spread, so their interval is the point itself. Source: Student's t on the differences.
    """
    if len(now) < 2:
        return None
    differences = np.subtract(now, before)  # (run,)
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    return _around(float(differences.mean()), error, len(differences) - 1)


def welch(before: Sequence[float], now: Sequence[float]) -> Interval | None:
    """The change of the mean from one group of runs to another; None where either has fewer than two.

    Source: Welch's t with the degrees of freedom of Satterthwaite.
    """
    if len(before) < 2 or len(now) < 2:
        return None
    shares = [float(np.var(scores, ddof=1)) / len(scores) for scores in (before, now)]
    total, mean = sum(shares), float(np.mean(now) - np.mean(before))
    if math.sqrt(total) <= _ROUNDING * max(map(abs, (*before, *now))):
        return Interval(mean, mean, mean)
    freedom = total**2 / sum(s**2 / (len(x) - 1) for s, x in zip(shares, (before, now), strict=True))
    return _around(mean, math.sqrt(total), freedom)


def _around(mean: float, error: float, freedom: float) -> Interval:
    reach = float(special.stdtrit(freedom, (1 + LEVEL) / 2)) * error
    return Interval(mean, mean - reach, mean + reach)
