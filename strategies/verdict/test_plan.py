"""The rules of a campaign's test, fixed before its first pair."""

import math
from collections.abc import Sequence

from ..errors import InputError
from .confidence_intervals import PooledSigma, pooled_sigma
from .margin import LEAST_EFFECT, LEAST_SHARE, Margin, Share, in_score_units, skill_of
from .runs import Run, clipped
from .safe_t_test import FIRST_LOOK
from .verdict_records import TestPlan

LEAST_FINAL = 12  # pairs of a final look: an ordinary t-test of fewer leans too much on differences being normal
WELL_KNOWN = 20  # degrees of freedom; with fewer, an estimated effect size costs power


def plan_test(
    *,
    campaigns_a_year: float,
    replicates: Sequence[Run] = (),
    earlier_scores: Sequence[Sequence[float]] = (),
    earlier_differences: Sequence[Sequence[float]] = (),
    margin: Margin | None = None,
    floor: float | None = None,
    trivial: float | None = None,
    drop_least: Margin | None = None,
    n_max: int = 32,
    beta: float = 0.10,
    stages: int = 1,
) -> TestPlan:
    """The rules of a campaign's test, to be recorded before its first pair.

    `replicates` are the incumbent's baseline runs; `earlier_scores` the incumbent's confirm scores and
    `earlier_differences` the paired differences of the model's earlier campaigns, one group per campaign. The pairs
    and trials of the campaign itself must never be among them. `margin` (delta), `floor`, `trivial` (the score of a
    model that has learned nothing) and `drop_least` are declared by the owner, as scores or shares of the skill.
    `stages` of a search and a test share the error rates.

    Without a margin, an improvement matters from one standard deviation of a paired difference on, and from 2% of the
    skill on. The spread of single runs is no measure of it: the luck of a run's held-out rows is most of that spread,
    and cancels within a pair. Raises InputError for values that make no test.
    """
    _check(margin, floor, drop_least, n_max)
    scores = tuple(clipped(run.finite_score, floor) for run in replicates if run.finite_score is not None)
    skill = skill_of(scores, floor if trivial is None else trivial)
    delta = in_score_units(LEAST_SHARE if margin is None else margin, skill)
    paired = pooled_sigma(earlier_differences)
    return TestPlan(
        alpha=YEARLY_ALPHA / max(1.0, campaigns_a_year),
        beta=beta,
        d0=_effect_size(delta, paired) if margin is not None else max(LEAST_EFFECT, _effect_size(delta, paired)),
        delta=delta,
        n_max=n_max,
        floor=floor,
        drop_least=_least_drop(drop_least, margin, delta, skill, pooled_sigma([scores, *earlier_scores]), paired),
        birth_scores=scores,
        birth_runs=sum(not run.is_void for run in replicates),
        birth_failed=sum(run.has_failed for run in replicates),
        least_effect=LEAST_EFFECT if margin is None else None,
        skill=skill,
        stages=stages,
        final_look=n_max if n_max >= LEAST_FINAL else None,
    )


def _effect_size(delta: float | None, noise: PooledSigma) -> float:
    """d0: the improvement that matters in standard deviations of a paired difference; 1 while that is uncertain."""
    if delta is None or not noise.sigma or noise.degrees_of_freedom < WELL_KNOWN:
        return 1.0
    return min(max(delta / noise.sigma, 0.7), 1.4)


def _least_drop(
    declared: Margin | None,
    margin: Margin | None,
    delta: float | None,
    skill: float | None,
    single: PooledSigma,
    paired: PooledSigma,
) -> float | None:
    """The smallest fall since the baseline that counts: as declared, else the declared margin, else 2% of the skill and
    the noise of a pair, or that of single runs while no pairs are known."""
    if declared is not None or margin is not None:
        return delta if declared is None else in_score_units(declared, skill)
    noise = paired.sigma or single.sigma
    return max((value for value in (delta, noise) if value), default=None)


def _check(margin: Margin | None, floor: float | None, drop_least: Margin | None, n_max: int) -> None:
    for name, declared in (("margin", margin), ("drop_least", drop_least)):
        value = declared.of_skill if isinstance(declared, Share) else declared
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value}", f"{name} must be a number above 0, in the metric's unit")
    if floor is not None and not math.isfinite(floor):
        raise InputError(f"floor = {floor}", "floor must be a finite number")
    if n_max < FIRST_LOOK:
        raise InputError(f"at most {n_max} pairs", f"a test needs at least {FIRST_LOOK} pairs")


YEARLY_ALPHA = 0.05  # the share of unchanged models that may be called stale in a year
