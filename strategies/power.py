"""What a campaign of a model can find: the smallest loss that its test detects nearly always, before it runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from . import stats
from .judgement import TestPlan

WANTED = 0.90
WELL_KNOWN = 20  # degrees of freedom, as for the effect size of the test
_LARGEST = 64.0  # standard deviations; a test that misses such a loss has too few pairs for any
_STEPS = 12  # halvings: the answer is good to a fifth of a percent of the simulation's own error


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest loss found with probability WANTED, in score units; None where the pairs suffice for none.

    `sigma` is the standard deviation of a paired difference: `is_known` from earlier campaigns' pairs, else that of
    single runs, which it equals where half of a run's variance is common to both sides of a pair.
    `pairs_unchanged`: the mean number of pairs that decide where the challenger is exactly as good.
    """

    loss: float | None
    sigma: float
    is_known: bool
    known_pairs: int
    pairs_unchanged: float


def detectable(plan: TestPlan, differences: Sequence[Sequence[float]] = ()) -> Detectable | None:
    """What the test of `plan` finds; `differences` are those of earlier campaigns' pairs, a group a campaign.

    None while neither pairs nor replicates tell the noise. A loss counts as found when the verdict is STALE, so a
    loss below delta, which ends FRESH, does not. By bisection on simulated power, the same numbers at every call.
    """
    paired = stats.pooled_sigma(differences)
    is_known = bool(paired.sigma) and paired.degrees_of_freedom >= WELL_KNOWN
    sigma = paired.sigma if is_known else stats.pooled_sigma([plan.birth_scores]).sigma
    if sigma is None or sigma <= 0:
        return None
    return Detectable(
        loss=_smallest_found(plan, sigma),
        sigma=sigma,
        is_known=is_known,
        known_pairs=sum(map(len, differences)) if is_known else 0,
        pairs_unchanged=_power(plan, sigma, 0.0).mean_pairs,
    )


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


def _power(plan: TestPlan, sigma: float, gain: float) -> stats.Power:
    """Power at a gain in standard deviations of a paired difference."""
    delta = None if plan.delta is None else plan.delta / sigma
    return stats.power(gain, delta, plan.alpha, plan.beta, plan.d0, plan.n_max)
