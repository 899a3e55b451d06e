"""What the noise of a training's score is made of, from a few runs that differ in the seed alone or the split alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import special

from .confidence_intervals import LEVEL, pooled_sigma


@dataclass(frozen=True, slots=True)
class NoiseParts:
    """Variances of a score between seeds on one split, and between splits with one seed; from `runs` runs in all.

    `split_share` is the splits' part of their sum, in the interval from `share_low` to `share_high`; `sigma` is the
    standard deviation of a run with a new seed and a new split, from `sigma_low` to `sigma_high`: each interval covers
    the truth in 90% of cases where scores are normal, and from so few runs it is wide. Scores are on their own scale.
    """

    seed_variance: float
    split_variance: float
    runs: int
    split_share: float
    share_low: float
    share_high: float
    sigma: float
    sigma_low: float
    sigma_high: float

    @property
    def sigma_of_pairs(self) -> tuple[float, float]:
        """Between which values the standard deviation of a pair's difference should lie: both sides share the split,
        and all that comes with it cancels at best; at worst no more than half of a run's variance is common to both."""
        low, high = sorted((math.sqrt(2 * self.seed_variance), self.sigma))
        return low, high

    def sigma_with_slices(self, times: float) -> float:
        """The standard deviation with evaluation slices that many times as large, if all that the splits bring is the
        luck of the slice; less of it goes away where the draw of training rows has a part in it."""
        return math.sqrt(self.seed_variance + self.split_variance / times)


def noise_parts(by_seed: Sequence[float], by_split: Sequence[float]) -> NoiseParts | None:
    """The parts, from scores that differ in the seed alone and in the split alone; the first of both is the same run.

    None with fewer than three of either, or without any spread. Source: the ratio of two variances has the F
    distribution; a sum of variances has about a chi-square one (Satterthwaite).
    """
    if min(len(by_seed), len(by_split)) < 3:
        return None
    seeds, splits = pooled_sigma([by_seed]), pooled_sigma([by_split])
    seed_variance, split_variance = (seeds.sigma or 0.0) ** 2, (splits.sigma or 0.0) ** 2
    total = seed_variance + split_variance
    if not (total > 0 and math.isfinite(total)):
        return None
    low, high = _share_interval(split_variance, seed_variance, splits.degrees_of_freedom, seeds.degrees_of_freedom)
    squares = seed_variance**2 / seeds.degrees_of_freedom + split_variance**2 / splits.degrees_of_freedom
    freedom, tail = total**2 / squares, (1 - LEVEL) / 2
    return NoiseParts(
        seed_variance=seed_variance,
        split_variance=split_variance,
        runs=len(by_seed) + len(by_split) - 1,
        split_share=split_variance / total,
        share_low=low,
        share_high=high,
        sigma=math.sqrt(total),
        sigma_low=math.sqrt(total * freedom / float(special.chdtri(freedom, tail))),
        sigma_high=math.sqrt(total * freedom / float(special.chdtri(freedom, 1 - tail))),
    )


def _share_interval(split: float, seed: float, split_freedom: int, seed_freedom: int) -> tuple[float, float]:
    """Where the splits' true share lies, from the interval of the ratio of both variances."""
    if seed == 0 or split == 0:
        return (1.0, 1.0) if seed == 0 else (0.0, 0.0)
    tail = (1 - LEVEL) / 2
    reach = [float(special.fdtri(split_freedom, seed_freedom, level)) for level in (1 - tail, tail)]
    low, high = (split / seed / value for value in reach)
    return low / (1 + low), high / (1 + high)
