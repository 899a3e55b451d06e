"""The statistics behind STALE and FRESH: the safe paired t-test.

An e-value is a betting score against "nothing changed": its expectation is at most 1 when nothing did, at
whatever moment the runs are stopped, so e >= 1/alpha happens with probability at most alpha (Ville).
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from .verdict_records import FINAL_STAKE

Floats = NDArray[np.float64]

FIRST_LOOK = 4
_WEIGHT_OF_EFFECT = 0.8  # where delta is the larger of the two, its evidence is overwhelming within a few pairs
EQUAL_DIFFERENCES = 1e-9  # a spread below this share of the largest difference is rounding, not noise
_NODES: Floats = np.arange(-40.0, 12.0, 0.25)  # in standard deviations around the peak of the integrand


class Bounds(NamedTuple):
    """What n paired differences say: bounds on the improvement, in score units, and the evidence for one.

    `lower` is -inf and `upper` is inf where n is too small for that error rate, and where the differences
    have no noise to measure against (`has_noise` is False and `e_value` is 1).
    """

    mean: float
    sd: float
    lower: float
    upper: float
    e_value: float
    n: int
    has_noise: bool


def look_sizes(n_max: int) -> tuple[int, ...]:
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


def log_e_immaterial(
    mean: float | Floats,
    sd: float | Floats,
    n: int,
    d0: float,
    delta: float | Floats | None,
    effect: float | None,
    log_evidence: Callable[[Floats, int, float], Floats] | None = None,
) -> Floats:
    """Logarithm of the evidence that the improvement is not material, elementwise; -inf where nothing says what is.

    Material is an improvement of at least `delta` (score units) and at least `effect` standard deviations of a paired
    difference; None for either: the other decides. Where the improvement is material, the evidence ever reaches 1/beta
    with probability at most beta: each part is a likelihood ratio whose expectation is then at most 1, and so is their
    weighted mean. An effect in units of the noise needs no estimate of the noise from elsewhere. `log_evidence` is that
    of the test, `log_e` unless given.
    Source: 1/e is an e-value against the alternative that e bets on; a mean of e-values is an e-value (Vovk and Wang,
    E-values: calibration, combination and applications, 2021).
    """
    log_evidence = log_evidence or log_e
    mean, error = np.asarray(mean, dtype=np.float64), np.asarray(sd, dtype=np.float64) / math.sqrt(n)
    by_delta = None if delta is None else log_evidence((delta - mean) / error, n, d0)
    by_effect = None if effect is None else -log_evidence(mean / error, n, effect)
    if by_delta is None or by_effect is None:
        evidence = by_effect if by_delta is None else by_delta
        return np.full(mean.shape, -math.inf) if evidence is None else evidence
    weighted = (math.log(_WEIGHT_OF_EFFECT) + by_effect, math.log1p(-_WEIGHT_OF_EFFECT) + by_delta)
    return np.asarray(np.logaddexp(*weighted), dtype=np.float64)


def seems_material(mean: float | Floats, delta: float | Floats | None) -> NDArray[np.bool_]:
    """Whether the mean improvement reaches the smallest one that matters, in score units, elementwise; None: nothing
    says what does.

    What is proven better than nothing may be far from mattering: the best of many configurations nearly always is a
    little better than settings that were chosen long ago.
    """
    return np.asarray(True if delta is None else np.asarray(mean) >= delta)


def log_e_by_table(t: Floats, n: int, d0: float) -> Floats:
    """`log_e` to four digits, from a table: for many simulated campaigns at once."""
    sines, values = _table_of_log_e(n, d0)
    return np.interp(_sine(np.asarray(t, dtype=np.float64), n), sines, values)


@lru_cache(maxsize=256)
def _table_of_log_e(n: int, d0: float) -> tuple[Floats, Floats]:
    sines = np.sin(np.linspace(-math.pi / 2, math.pi / 2, 1025))
    shift = math.sqrt(n) * d0
    return sines, _log_chi_mgf(shift * sines, n) - shift**2 / 2


@lru_cache(maxsize=4096)
def t_threshold(n: int, alpha: float, d0: float) -> float:
    """The t statistic at which the e-value of n differences is 1/alpha; inf where no t reaches it."""
    target = -math.log(alpha)
    shift = math.sqrt(n) * d0

    def missing(angle: float) -> float:
        return float(_log_chi_mgf(np.asarray(shift * math.sin(angle)), n)) - shift**2 / 2 - target

    if n < 2 or missing(math.pi / 2) <= 0:
        return math.inf
    from scipy import optimize  # slow to load, and only a test of pairs needs it

    angle: float = optimize.brentq(missing, 0.0, math.pi / 2, xtol=1e-15)
    return math.sqrt(n - 1) * math.tan(angle)


def improvement_threshold(n: int, alpha: float, d0: float, final_look: int | None = None) -> float:
    """The t statistic of n differences from which on they confirm an improvement at error rate `alpha`; inf where no t
    does. `final_look` as in `mean_bounds`."""
    if final_look is None:
        return t_threshold(n, alpha, d0)
    at_any_look = t_threshold(n, (1 - FINAL_STAKE) * alpha, d0)
    return min(at_any_look, _t_quantile(n, FINAL_STAKE * alpha)) if n == final_look else at_any_look


def _t_quantile(n: int, alpha: float) -> float:
    """The t statistic that n differences without an improvement exceed with probability alpha, at one look."""
    return float(special.stdtrit(n - 1, 1 - alpha))


def mean_bounds(
    differences: Sequence[float],
    alpha: float,
    beta: float,
    d0: float,
    least_sd: float = 0.0,
    final_look: int | None = None,
) -> Bounds:
    """Mean improvement with its lower bound at error rate `alpha` and its upper bound at `beta`.

    Both hold at any stopping time. `lower` > 0 exactly when the e-value is at least 1/alpha. A standard
    deviation of `least_sd` or less counts as no noise: the caller knows the rounding of the scores. Differences
    without noise (fewer than two, or all equal up to rounding, zero or not) give an e-value of exactly 1: the test
    measures in units of the noise, and a lack of noise is a broken contract, not overwhelming evidence.

    `final_look`, the number of differences fixed beforehand at which the test is to end, gets FINAL_STAKE of alpha: an
    ordinary t-test of the first so many, which wins 1/alpha or nothing and stays won or lost if more are run. None: all
    of alpha is spent on the safe t-test.
    Source: L_n and U_n = mean -+ t* s / sqrt(n), t* from `t_threshold`; a weighted mean of e-values is an e-value
    (Vovk and Wang, E-values: calibration, combination and applications, 2021), that of a test being 1{rejected}/alpha.
    """
    n = len(differences)
    mean, sd, t = _moments(differences)
    if t is None or sd <= least_sd:
        return Bounds(mean, sd, -math.inf, math.inf, 1.0, n, has_noise=False)
    stake = 1.0 if final_look is None else 1 - FINAL_STAKE
    log_evidence = float(log_e(t, n, d0)) + math.log(stake)
    lower = mean - t_threshold(n, stake * alpha, d0) * sd / math.sqrt(n)
    upper = mean + t_threshold(n, beta, d0) * sd / math.sqrt(n)
    # The threshold is a root found to the last few digits; on the boundary itself the e-value decides.
    lower = max(lower, math.ulp(0.0)) if log_evidence >= -math.log(alpha) else min(lower, 0.0)
    e_value = math.exp(log_evidence)
    if final_look is not None and n >= final_look:
        lower_then = _lower_at(differences[:final_look], FINAL_STAKE * alpha)
        e_value += 1 / alpha if lower_then > 0 else 0.0
        lower = max(lower, lower_then)
    return Bounds(mean, sd, lower, upper, e_value, n, has_noise=True)


def _lower_at(differences: Sequence[float], alpha: float) -> float:
    """The lower bound of an ordinary t-test; -inf where there is no noise to measure against."""
    mean, sd, t = _moments(differences)
    n = len(differences)
    return -math.inf if t is None else mean - _t_quantile(n, alpha) * sd / math.sqrt(n)


def _moments(differences: Sequence[float]) -> tuple[float, float, float | None]:
    """Mean, standard deviation and t statistic; t is None where there is no noise to measure against."""
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
