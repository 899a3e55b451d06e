"""What a campaign can find, computed before it runs: the smallest loss that its test almost always detects."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .confidence_intervals import pooled_sigma
from .safe_t_test import (
    Floats,
    improvement_threshold,
    log_e_by_table,
    log_e_immaterial,
    look_sizes,
    seems_material,
)
from .test_plan import WELL_KNOWN
from .verdict_records import TestPlan

WANTED = 0.90
_LARGEST = 64.0  # standard deviations; a test that misses such a loss has too few pairs for any loss
_STEPS = 12  # halvings: the answer is good to a fifth of a percent of the simulation's own error


class Power(NamedTuple):
    """How often the sequential test ends STALE and FRESH, and after how many pairs on average."""

    stale: float
    fresh: float
    mean_pairs: float


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest loss found with probability WANTED, in score units; None where there are too few pairs for any.

    `sigma` is the standard deviation of a paired difference: from earlier campaigns' pairs where `is_known`, else that
    of single runs, which it equals where half of a run's variance is common to both sides of a pair.
    `pairs_unchanged` is the mean number of pairs to a decision where the challenger is exactly as good.
    """

    loss: float | None
    sigma: float
    is_known: bool
    known_pairs: int
    pairs_unchanged: float


def detectable(plan: TestPlan, differences: Sequence[Sequence[float]] = ()) -> Detectable | None:
    """What the test of `plan` finds; `differences` are those of earlier campaigns' pairs, one group per campaign.

    None while neither pairs nor replicates show the noise. A loss counts as found when the verdict is STALE, so a
    loss below delta, which ends FRESH or undecided, does not. By bisection on simulated power; every call gives equal
    numbers.
    """
    paired = pooled_sigma(differences)
    is_known = bool(paired.sigma) and paired.degrees_of_freedom >= WELL_KNOWN
    sigma = paired.sigma if is_known else pooled_sigma([plan.birth_scores]).sigma
    if sigma is None or sigma <= 0:
        return None
    return Detectable(
        loss=_smallest_found(plan, sigma),
        sigma=sigma,
        is_known=is_known,
        known_pairs=sum(map(len, differences)) if is_known else 0,
        pairs_unchanged=_power(plan, sigma, 0.0).mean_pairs,
    )


def loss_found(plan: TestPlan, sigma: float) -> float | None:
    """The smallest loss that the test of `plan` finds with probability WANTED, in score units, where the differences of
    pairs vary by `sigma`; None where it has too few pairs for any."""
    return _smallest_found(plan, sigma)


def loss_told(plan: TestPlan, finds: float, sd: float) -> float:
    """The loss of which about 8 of 10 campaigns tell, in score units.

    `finds`: that loss where the noise alone limits what is told, in standard deviations of a paired difference, of
    which `sd` is one in score units. By how much a challenger falls short of the best settings hardly depends on the
    loss (benchmarks/verdict.py); so the loss is larger by what delta asks to be seen beyond what the test asks for. It
    is never below delta.
    """
    if plan.delta is None:
        return finds * sd
    by_noise = improvement_threshold(plan.n_max, plan.stage_alpha, plan.d0, plan.final_look) / math.sqrt(plan.n_max)
    return max(finds * sd + max(0.0, plan.delta - by_noise * sd), plan.delta)


def simulated_power(
    gain: float,
    delta: float | None,
    alpha: float,
    beta: float,
    d0: float,
    n_max: int,
    *,
    least_effect: float | None = None,
    final_look: int | None = None,
    runs: int = 4000,
    seed: int = 0,
) -> Power:
    """What the test would find if the true improvement were `gain`.

    `gain` and `delta` are in standard deviations of a paired difference. Simulates normal differences with its own
    generator, so that equal calls give equal answers.
    """
    draws = np.random.default_rng(seed).standard_normal((runs, n_max)) + gain
    stale_at, fresh_at = first_crossings(draws, delta, alpha, beta, d0, look_sizes(n_max), least_effect, final_look)
    is_fresh = (fresh_at <= stale_at) & (fresh_at <= n_max)  # fresh wins a tie
    is_stale = (stale_at < fresh_at) & (stale_at <= n_max)
    pairs = np.minimum(np.minimum(stale_at, fresh_at), n_max)
    return Power(float(is_stale.mean()), float(is_fresh.mean()), float(pairs.mean()))


def first_crossings(
    draws: Floats,  # (run, pair)
    delta: float | Floats | None,  # one for all runs, or (run,)
    alpha: float,
    beta: float,
    d0: float,
    at: Sequence[int],
    least_effect: float | None = None,
    final_look: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The looks at which L_n > 0 first holds, with a mean of `delta` or more, and at which a material improvement is
    first ruled out, for many simulated campaigns at once; each (run,).

    A look that never comes is the largest integer. `final_look` as in `mean_bounds`.
    """
    never = np.iinfo(np.int64).max
    lower_at = np.full(len(draws), never)
    upper_at = np.full(len(draws), never)
    kept = np.zeros(len(draws), dtype=bool)  # (run,): what the final look won, for the looks behind it
    if final_look is not None and max(at, default=0) > final_look:
        _, _, kept = _look(draws[:, :final_look], improvement_threshold(final_look, alpha, d0, final_look))
    for n in at:
        mean, sd, is_improved = _look(draws[:, :n], improvement_threshold(n, alpha, d0, final_look))
        if final_look is not None and n > final_look:
            is_improved |= kept
        is_improved &= seems_material(mean, delta)
        lower_at[is_improved & (lower_at == never)] = n
        if delta is not None or least_effect is not None:
            is_immaterial = log_e_immaterial(mean, sd, n, d0, delta, least_effect, log_e_by_table) >= -math.log(beta)
            upper_at[is_immaterial & (upper_at == never)] = n
    return lower_at, upper_at


def _look(draws: Floats, threshold: float) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Mean and standard deviation of each row of differences, and whether its t statistic is above the threshold."""
    mean, sd = draws.mean(axis=1), draws.std(axis=1, ddof=1)
    return mean, sd, mean > threshold * sd / math.sqrt(draws.shape[1])


def _smallest_found(plan: TestPlan, sigma: float) -> float | None:
    low, high = 0.0, 1.0
    while _power(plan, sigma, high).stale < WANTED:
        low, high = high, 2 * high
        if high > _LARGEST + (0.0 if plan.delta is None else plan.delta / sigma):
            return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        is_found = _power(plan, sigma, middle).stale >= WANTED
        low, high = (low, middle) if is_found else (middle, high)
    return high * sigma


def _power(plan: TestPlan, sigma: float, gain: float) -> Power:
    """Power at an improvement of `gain`, in standard deviations of a paired difference."""
    delta = None if plan.delta is None else plan.delta / sigma
    rates = plan.stage_alpha, plan.stage_beta
    least, final = plan.least_effect, plan.final_look
    return simulated_power(gain, delta, *rates, plan.d0, plan.n_max, least_effect=least, final_look=final)
