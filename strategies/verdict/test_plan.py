"""The rules of a campaign's test, fixed before its first pair."""

import math
from collections.abc import Sequence

from ..errors import InputError
from .confidence_intervals import PooledSigma, pooled_sigma
from .runs import Run, clipped
from .safe_t_test import FIRST_LOOK
from .verdict_records import TestPlan

WELL_KNOWN = 20  # degrees of freedom; with fewer, an estimated effect size costs power


def plan_test(
    *,
    campaigns_a_year: float,
    replicates: Sequence[Run] = (),
    earlier_scores: Sequence[Sequence[float]] = (),
    earlier_differences: Sequence[Sequence[float]] = (),
    margin: float | None = None,
    floor: float | None = None,
    drop_least: float | None = None,
    n_max: int = 32,
    beta: float = 0.10,
) -> TestPlan:
    """The rules of a campaign's test, to be recorded before its first pair.

    `replicates` are the incumbent's baseline runs; `earlier_scores` the incumbent's confirm scores and
    `earlier_differences` the paired differences of the model's earlier campaigns, one group per campaign. The pairs
    and trials of the campaign itself must never be among them. `margin` (delta), `floor` and `drop_least` are
    declared by the owner, as scores. Raises InputError for values that make no test.
    """
    _check(margin, floor, drop_least, n_max)
    scores = tuple(clipped(run.finite_score, floor) for run in replicates if run.finite_score is not None)
    sigma = pooled_sigma([scores, *earlier_scores]).sigma
    delta = margin if margin is not None else sigma if sigma is not None and sigma > 0 else None
    return TestPlan(
        alpha=YEARLY_ALPHA / max(1.0, campaigns_a_year),
        beta=beta,
        d0=_effect_size(delta, pooled_sigma(earlier_differences)),
        delta=delta,
        n_max=n_max,
        floor=floor,
        drop_least=drop_least if drop_least is not None else delta,
        birth_scores=scores,
        birth_runs=sum(not run.is_void for run in replicates),
        birth_failed=sum(run.has_failed for run in replicates),
    )


def _effect_size(delta: float | None, noise: PooledSigma) -> float:
    """d0: the improvement that matters in standard deviations of a paired difference; 1 while that is uncertain."""
    if delta is None or not noise.sigma or noise.degrees_of_freedom < WELL_KNOWN:
        return 1.0
    return min(max(delta / noise.sigma, 0.7), 1.4)


def _check(margin: float | None, floor: float | None, drop_least: float | None, n_max: int) -> None:
    for name, value in (("margin", margin), ("drop_least", drop_least)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value}", f"{name} must be a number above 0, in the metric's unit")
    if floor is not None and not math.isfinite(floor):
        raise InputError(f"floor = {floor}", "floor must be a finite number")
    if n_max < FIRST_LOOK:
        raise InputError(f"at most {n_max} pairs", f"a test needs at least {FIRST_LOOK} pairs")


YEARLY_ALPHA = 0.05  # the share of unchanged models that may be called stale in a year
