"""The statistics under every verdict: the safe paired t-test, the divergence test, noise pooled over runs.

An e-value is a betting score against "nothing changed": its expectation is at most 1 when nothing did, at
whatever moment the runs are stopped, so e >= 1/alpha happens with probability at most alpha (Ville).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]

FIRST_LOOK = 4
EQUAL_DIFFERENCES = 1e-9  # a spread below this share of the largest difference is rounding, not noise
_DIVERGENCE_RISES = (0.2, 0.5, 0.9)
_DIVERGENCE_RATE = 0.05
_NODES: Floats = np.arange(-40.0, 12.0, 0.25)  # in standard deviations around the peak of the integrand


class Bounds(NamedTuple):
    """What n paired differences say: bounds on the gain, in score units, and the evidence for a gain.

    `lower` is -inf and `upper` is inf where n is too small for that error rate, and where the differences
    have no noise to measure by (`has_noise` is False; `e_value` is then 1).
    """

    mean: float
    sd: float
    lower: float
    upper: float
    e_value: float
    n: int
    has_noise: bool


class PooledSigma(NamedTuple):
    """A standard deviation pooled within groups; None where no group has two values."""

    sigma: float | None
    degrees_of_freedom: int


class Power(NamedTuple):
    """How often the sequential test ends STALE and FRESH, and after how many pairs on average."""

    stale: float
    fresh: float
    mean_pairs: float


def looks(n_max: int) -> tuple[int, ...]:
    """The numbers of pairs at which the test is read: 4, 6, 8 ... and n_max itself."""
    return (*range(FIRST_LOOK, n_max, 2), n_max) if n_max >= FIRST_LOOK else ()


def log_e(t: float | Floats, n: int, d0: float) -> Floats:
    """Logarithm of the e-value of n differences whose t statistic is `t`, elementwise.

    The likelihood ratio of effect size `d0` (in standard deviations of one difference) against 0, with the
    standard deviation integrated out under the right-Haar prior. Rises with t, from a finite limit at -inf to
    a finite limit at inf. Source: Wang & Ramdas, arXiv 2310.03722, the ratio of the noncentral to the central
    t density with n - 1 degrees of freedom and noncentrality sqrt(n) d0. That ratio depends on t through
    c = sqrt(n) d0 t / sqrt(t^2 + n - 1) alone, as exp(-n d0^2 / 2) E[exp(c Y)] with Y chi-distributed with n
    degrees of freedom; in this form it neither overflows nor loses digits in the tails.
    """
    if n < 2:
        raise ValueError(f"a t statistic needs at least 2 differences, not {n}")
    shift = math.sqrt(n) * d0
    return _log_chi_mgf(shift * _sine(np.asarray(t, dtype=np.float64), n), n) - shift**2 / 2


def e_value(differences: Sequence[float], d0: float) -> float:
    """Evidence that the differences (challenger - incumbent) have a mean above 0; 1 is none.

    Differences without noise (fewer than two, or all equal up to rounding, zero or not) give exactly 1:
    the test measures in units of the noise, and what has none is a broken contract, not overwhelming evidence.
    """
    _, _, t = _moments(differences)
    return 1.0 if t is None else float(np.exp(log_e(t, len(differences), d0)))


@lru_cache(maxsize=4096)
def threshold(n: int, alpha: float, d0: float) -> float:
    """The t statistic at which the e-value of n differences is 1/alpha; inf where no t reaches it."""
    target = -math.log(alpha)
    shift = math.sqrt(n) * d0

    def missing(angle: float) -> float:
        return float(_log_chi_mgf(np.asarray(shift * math.sin(angle)), n)) - shift**2 / 2 - target

    if n < 2 or missing(math.pi / 2) <= 0:
        return math.inf
    angle: float = optimize.brentq(missing, 0.0, math.pi / 2, xtol=1e-15)
    return math.sqrt(n - 1) * math.tan(angle)


def bounds(differences: Sequence[float], alpha: float, beta: float, d0: float, least_sd: float = 0.0) -> Bounds:
    """Mean gain with its lower bound at error rate `alpha` and its upper bound at `beta`.

    Both hold at any stopping time. `lower` > 0 exactly when the e-value is at least 1/alpha. A standard
    deviation of `least_sd` or less counts as no noise: the caller knows the rounding of the scores.
    Source: L_n and U_n = mean -+ t* s / sqrt(n), t* from `threshold`.
    """
    n = len(differences)
    mean, sd, t = _moments(differences)
    if t is None or sd <= least_sd:
        return Bounds(mean, sd, -math.inf, math.inf, 1.0, n, has_noise=False)
    log_evidence = float(log_e(t, n, d0))
    lower = mean - threshold(n, alpha, d0) * sd / math.sqrt(n)
    upper = mean + threshold(n, beta, d0) * sd / math.sqrt(n)
    # The threshold is a root found to the last few digits; on the boundary itself the e-value has the say.
    lower = max(lower, math.ulp(0.0)) if log_evidence >= -math.log(alpha) else min(lower, 0.0)
    return Bounds(mean, sd, lower, upper, math.exp(log_evidence), n, has_noise=True)


def divergence_e_value(failed: int, runs: int, birth_failed: int, birth_runs: int) -> float:
    """Evidence that the incumbent now fails (diverges or crashes) more often than at birth.

    `failed` of `runs` independent runs now, `birth_failed` of `birth_runs` replicates then. The rate held
    against it is 0.05, or (k + 1) / (birth_runs + 2) when k >= 1 failed at birth. Finite for any count.
    Source: a mixture of likelihood ratios over three higher rates.
    """
    rate = _DIVERGENCE_RATE if birth_failed == 0 else max(_DIVERGENCE_RATE, (birth_failed + 1) / (birth_runs + 2))
    raised = [rate + (1 - rate) * rise for rise in _DIVERGENCE_RISES]
    logs = [failed * math.log(p / rate) + (runs - failed) * math.log((1 - p) / (1 - rate)) for p in raised]
    return math.exp(min(float(special.logsumexp(logs)) - math.log(len(logs)), 700.0))


def pooled_sigma(groups: Sequence[Sequence[float]]) -> PooledSigma:
    """Standard deviation within groups of scores that share settings and data; groups of one teach nothing."""
    usable = [np.asarray(group, dtype=np.float64) for group in groups if len(group) >= 2]
    freedom = sum(len(group) - 1 for group in usable)
    if freedom == 0:
        return PooledSigma(None, 0)
    with np.errstate(over="ignore"):  # scores near the largest float: the spread is infinite then
        squares = sum(float(np.sum((group - group.mean()) ** 2)) for group in usable)
    return PooledSigma(math.sqrt(squares / freedom), freedom)


def welch_p_drop(before: Sequence[float], now: Sequence[float]) -> float:
    """One-sided p-value of the scores now having a mean as high as before; small means that they fell.

    Unequal variances (Welch). 1.0 where either side has fewer than two scores or neither has any spread.
    """
    if len(before) < 2 or len(now) < 2:
        return 1.0
    shares = [float(np.var(scores, ddof=1)) / len(scores) for scores in (before, now)]
    total = sum(shares)
    scale = max(map(abs, (*before, *now)))
    if total <= (1e-12 * scale) ** 2:
        return 1.0
    freedom = total**2 / sum(s**2 / (len(x) - 1) for s, x in zip(shares, (before, now), strict=True))
    return float(special.stdtr(freedom, (np.mean(now) - np.mean(before)) / math.sqrt(total)))


def power(
    gain: float,
    delta: float | None,
    alpha: float,
    beta: float,
    d0: float,
    n_max: int,
    *,
    runs: int = 4000,
    seed: int = 0,
) -> Power:
    """What the test would say of a true `gain`; gain and delta in standard deviations of one paired difference.

    By simulation of normal differences with a generator of its own, so that equal calls give equal answers.
    """
    draws = np.random.default_rng(seed).standard_normal((runs, n_max)) + gain
    stale_at, fresh_at = first_crossings(draws, delta, alpha, beta, d0, looks(n_max))
    is_fresh = (fresh_at <= stale_at) & (fresh_at <= n_max)  # fresh wins a tie
    is_stale = (stale_at < fresh_at) & (stale_at <= n_max)
    pairs = np.minimum(np.minimum(stale_at, fresh_at), n_max)
    return Power(float(is_stale.mean()), float(is_fresh.mean()), float(pairs.mean()))


def first_crossings(
    draws: Floats,  # (run, pair)
    delta: float | Floats | None,  # one for all, or one a run
    alpha: float,
    beta: float,
    d0: float,
    at: Sequence[int],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The looks, for many simulated campaigns at once, at which L_n > 0 and U_n < delta first hold.

    A look that never comes is given as the largest integer.
    """
    never = np.iinfo(np.int64).max
    lower_at = np.full(len(draws), never)
    upper_at = np.full(len(draws), never)
    for n in at:
        mean = draws[:, :n].mean(axis=1)  # (run,)
        error = draws[:, :n].std(axis=1, ddof=1) / math.sqrt(n)  # (run,)
        lower_at[(mean - threshold(n, alpha, d0) * error > 0) & (lower_at == never)] = n
        if delta is not None:
            upper_at[(mean + threshold(n, beta, d0) * error < delta) & (upper_at == never)] = n
    return lower_at, upper_at


def _moments(differences: Sequence[float]) -> tuple[float, float, float | None]:
    """Mean, standard deviation and t statistic; t is None where there is no noise to measure by."""
    values = np.asarray(differences, dtype=np.float64)
    if len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"paired differences must be finite and at least one, not {list(differences)!r}")
    scale = float(np.abs(values).max())
    if scale == 0.0:
        return 0.0, 0.0, None
    scaled = values / scale  # so that squares of very large or small differences neither overflow nor vanish
    mean = float(scaled.mean())
    sd = float(scaled.std(ddof=1)) if len(values) >= 2 else 0.0
    t = mean / sd * math.sqrt(len(values)) if sd > EQUAL_DIFFERENCES else None
    return mean * scale, sd * scale, t


def _sine(t: Floats, n: int) -> Floats:
    """t / sqrt(t^2 + n - 1), between -1 and 1, its limits at infinity included."""
    root = math.sqrt(n - 1)
    return np.where(np.isinf(t), np.sign(t), t / np.hypot(np.where(np.isinf(t), 1.0, t), root))


def _log_chi_mgf(c: Floats, n: int) -> Floats:
    """log E[exp(c Y)], Y chi-distributed with n degrees of freedom, elementwise.

    The integral of y^(n-1) exp(c y - y^2 / 2), with y = exp(s), by the trapezoidal rule around its peak: the
    integrand is smooth and falls off on both sides, so the rule is exact to rounding. Series and recurrences
    for the same function cancel for negative c.
    """
    root = np.sqrt(c**2 + 4 * n)
    peak = np.where(
        c >= 0, (root + c) / 2, 2 * n / (root + np.abs(c))
    )  # the root of y^2 - c y - n, without cancellation
    width = 1 / np.sqrt(peak**2 + n)
    log_ratio = width[..., None] * _NODES  # (..., node): log(y / peak)
    y = peak[..., None] * np.exp(log_ratio)
    exponent = n * np.log(peak)[..., None] + n * log_ratio + c[..., None] * y - y**2 / 2
    total = special.logsumexp(exponent, axis=-1) + np.log(width * (_NODES[1] - _NODES[0]))
    return np.asarray(total - (n / 2 - 1) * math.log(2) - special.gammaln(n / 2), dtype=np.float64)
