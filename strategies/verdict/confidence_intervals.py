"""Confidence intervals for a change in score: of the same runs made twice, or of two groups of runs."""

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
    change = _welch(before, now)
    if change is None:
        return None
    mean, error, freedom = change
    return _around(mean, error, freedom) if error > 0 else Interval(mean, mean, mean)


class PooledSigma(NamedTuple):
    """A standard deviation pooled within groups; None where no group has two values."""

    sigma: float | None
    degrees_of_freedom: int


def pooled_sigma(groups: Sequence[Sequence[float]]) -> PooledSigma:
    """Standard deviation within groups of scores that share settings and data; groups of one are ignored."""
    usable = [np.asarray(group, dtype=np.float64) for group in groups if len(group) >= 2]
    freedom = sum(len(group) - 1 for group in usable)
    if freedom == 0:
        return PooledSigma(None, 0)
    with np.errstate(over="ignore"):  # scores near the largest float: the spread is infinite then
        squares = sum(float(np.sum((group - group.mean()) ** 2)) for group in usable)
    return PooledSigma(math.sqrt(squares / freedom), freedom)


def welch_p_drop(before: Sequence[float], now: Sequence[float]) -> float:
    """One-sided p-value of the mean score being as high now as before; a small one means that it fell.

    Unequal variances (Welch). 1.0 where either side has fewer than two scores or neither has any spread.
    """
    change = _welch(before, now)
    if change is None or change.error == 0:
        return 1.0
    return float(special.stdtr(change.freedom, change.mean / change.error))


class _Change(NamedTuple):
    """A mean change, its standard error (0 where the spread is only rounding) and the degrees of freedom."""

    mean: float
    error: float
    freedom: float


def _welch(before: Sequence[float], now: Sequence[float]) -> _Change | None:
    """The change between two groups of unequal variances; None where either has fewer than two scores."""
    if len(before) < 2 or len(now) < 2:
        return None
    shares = [float(np.var(scores, ddof=1)) / len(scores) for scores in (before, now)]
    total, mean = sum(shares), float(np.mean(now) - np.mean(before))
    if math.sqrt(total) <= _ROUNDING * max(map(abs, (*before, *now))):
        return _Change(mean, 0.0, math.inf)
    freedom = total**2 / sum(s**2 / (len(x) - 1) for s, x in zip(shares, (before, now), strict=True))
    return _Change(mean, math.sqrt(total), freedom)


def _around(mean: float, error: float, freedom: float) -> Interval:
    reach = float(special.stdtrit(freedom, (1 + LEVEL) / 2)) * error
    return Interval(mean, mean - reach, mean + reach)
