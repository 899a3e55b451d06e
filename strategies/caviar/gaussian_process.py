"""A model of scores over the search space: the expected score of a configuration and its uncertainty.

Scores come in groups: those of this search at the full budget, those of trials that were stopped at a lower rung, and
those of each earlier campaign. Each group has its own level, and a function of its own correlated with the others'.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..search.observations import Observations, Source
from ..space import Space
from .kernels import KERNELS, Floats, coordinates, kernel, squared_distances, widths
from .score_warp import Warp, raised, scales

LENGTHS = (0.15, 0.3, 0.6, 1.2, 2.4)  # of correlation, as fractions of a range
NOISE = (0.0002, 0.002, 0.02, 0.06, 0.15, 0.3, 0.5, 0.7, 0.9)  # noise as fractions of the variance of scores
CORRELATIONS = (0.2, 0.6, 0.9)  # of the function of a lower rung, or of an earlier campaign, with the modelled one
NOISE_WIDTH = 0.7  # of the prior on the noise: the standard deviation of the logarithm of its standard deviation
_LEAST_WEIGHT = 1e-3  # of a member of the grid, relative to the likeliest one
_MOST_REFINED = 8  # members for which all correlations are tried


@dataclass(frozen=True, slots=True)
class Posterior:
    """The prediction of one member of the grid at p places: weight, means (p,), covariances (p, p), noise variance."""

    weight: float
    means: Floats
    covariance: Floats
    noise: float


@dataclass(frozen=True, slots=True)
class _Shape:
    """A point of the grid."""

    kernel: str
    length: float
    noise: float
    rung: float
    earlier: float


@dataclass(frozen=True, slots=True)
class _Member:
    """A fitted point of the grid: `weights` (n,) of the observations and the Cholesky factor (n, n)."""

    weight: float
    shape: _Shape
    correlation: Floats  # (n,) of each observation's function with the modelled one
    unit: float  # the kernel's variance over the tried places, which it is divided by
    level: float
    weights: Floats
    factor: Floats
    variance: float


@dataclass(frozen=True, slots=True)
class _Data:
    """What a grid is fitted to: values (n,), squared distances (h, n, n), each one's group, and its source."""

    values: Floats
    squared: Floats
    of_group: NDArray[np.int64]
    sources: tuple[Source, ...]
    noise: float | None  # expected standard deviation of the noise, in the unit of the values


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A Gaussian process with a level for each group, averaged over a grid of kernels, lengths, noise fractions and
    correlations of groups, weighted by likelihood, of scores that are warped where that makes them likelier.

    Kernels are divided by the variance that a draw has over the tried places, so that a length that hardly bends there
    is not punished. Source: Rasmussen & Williams, Gaussian Processes for Machine Learning, equations 2.25, 2.30 and
    4.17; groups are tasks with one latent function each: Bonilla, Chai & Williams, Multi-task Gaussian Process
    Prediction, 2007.
    """

    places: Floats  # (n, c)
    counts: tuple[int, ...]  # coordinates of each hyperparameter
    warp: Warp
    spread: float
    members: tuple[_Member, ...]

    @classmethod
    def fit(
        cls, space: Space, groups: Sequence[Observations], noise: float | None = None, floor: float | None = None
    ) -> Self | None:
        """The model of these scores, predicting those of the first group; None where all are equal.

        An absurdly low score is raised (score_warp.py). `noise`: the expected standard deviation of a score, where it
        is known; `floor`: no score counts as lower.
        """
        groups = [group for group in groups if group.scores]
        lifted = [raised([score for _, score in group.scores], floor) for group in groups]
        size = max(float(np.abs(scores).max()) for scores in lifted)
        if max(float(np.ptp(scores)) for scores in lifted) <= 1e-12 * size:
            return None
        places = np.array([coordinates(space, tried) for group in groups for tried, _ in group.scores])  # (n, c)
        counts = widths(space)
        squared = squared_distances(places, places, counts)
        of_group = np.repeat(np.arange(len(groups)), [len(scores) for scores in lifted])  # (n,)
        found: tuple[float, Warp, float, tuple[_Member, ...]] | None = None
        for scale in scales(lifted[0], noise):
            warps = [Warp(float(scores.max()), scale) for scores in lifted]
            warped = [warp.of(scores) for warp, scores in zip(warps, lifted, strict=True)]
            spread = float(np.concatenate([values - values.mean() for values in warped]).std())
            values = np.concatenate(warped) / spread
            expected = None if noise is None else noise / spread
            data = _Data(values, squared, of_group, tuple(group.source for group in groups), expected)
            evidence, members = _fitted(data)
            slopes = sum(warp.log_jacobian(scores) for warp, scores in zip(warps, lifted, strict=True))
            evidence += slopes - len(values) * math.log(spread)
            if found is None or evidence > found[0] + 1e-9:
                found = evidence, warps[0], spread, members
        assert found is not None
        return cls(places, counts, *found[1:])

    def means(self, places: Floats) -> Floats:
        """The expected scores (p,) at places (p, c) in the first group, in the unit of the scores."""
        return self.warp.back(self.warped_means(places))

    def warped_means(self, places: Floats) -> Floats:
        """The expected warped scores (p,)."""
        squared = squared_distances(places, self.places, self.counts)
        mean = sum(member.weight * (member.level + _across(member, squared) @ member.weights) for member in self.members)
        return np.asarray(self.spread * mean, dtype=np.float64)

    @property
    def noise(self) -> float:
        """The standard deviation of the noise in a warped score; near the best also that of a score itself."""
        return self.spread * sum(
            member.weight * math.sqrt(member.shape.noise * member.variance) for member in self.members
        )

    def posteriors(self, places: Floats, most: int = 6) -> Iterator[Posterior]:
        """The posteriors of the `most` likeliest members at places (p, c), in units of the spread of warped scores."""
        likeliest = sorted(self.members, key=lambda member: -member.weight)[:most]
        total = sum(member.weight for member in likeliest)
        between = squared_distances(places, places, self.counts)
        to_observed = squared_distances(places, self.places, self.counts)
        for member in likeliest:
            across, shape = _across(member, to_observed), member.shape  # (p, n)
            half = np.linalg.solve(member.factor, across.T)  # (n, p)
            prior = (1 - shape.noise) / member.unit * kernel(shape.kernel, between, shape.length)
            yield Posterior(
                weight=member.weight / total,
                means=member.level + across @ member.weights,
                covariance=(prior - half.T @ half) * member.variance,
                noise=shape.noise * member.variance,
            )


def _fitted(data: _Data) -> tuple[float, tuple[_Member, ...]]:
    """The logarithm of the evidence and the fitted members; those far less likely than the likeliest are left out.

    Where there are other groups, the correlations are tried with the likeliest kernels, lengths and noises alone.
    """
    rungs, campaigns = (CORRELATIONS if source in data.sources else (1.0,) for source in (Source.RUNG, Source.EARLIER))
    middles = [correlations[len(correlations) // 2] for correlations in (rungs, campaigns)]
    grid = [_Shape(*shape, *middles) for shape in product(KERNELS, LENGTHS, NOISE)]
    logs, members = _members(data, grid)
    if len(rungs) * len(campaigns) > 1:
        best = np.argsort(-logs, kind="stable")[:_MOST_REFINED]
        grid = [
            _Shape(grid[index].kernel, grid[index].length, grid[index].noise, *correlations)
            for index in best
            for correlations in product(rungs, campaigns)
        ]
        logs, members = _members(data, grid)
    evidence = float(logs.max()) + math.log(float(np.exp(logs - logs.max()).mean()))
    return evidence, members


def _members(data: _Data, grid: Sequence[_Shape]) -> tuple[Floats, tuple[_Member, ...]]:
    """The logarithms of the likelihoods (m,) of these points of the grid, and the likely ones as members."""
    values, count = data.values, len(data.values)
    levels = (data.of_group[:, None] == np.arange(len(data.sources))).astype(np.float64)  # (n, group)
    same_group, full = data.of_group[:, None] == data.of_group[None], data.of_group == 0
    kernels: dict[tuple[str, float], tuple[float, Floats]] = {}
    for shape in grid:
        if (shape.kernel, shape.length) not in kernels:
            alike = kernel(shape.kernel, data.squared, shape.length)
            unit = max(1.0 - float(alike[np.ix_(full, full)].mean()), 1e-6)
            kernels[shape.kernel, shape.length] = unit, alike / unit
    of_member = []  # m of (n,)
    covariances = np.empty((len(grid), count, count))
    for index, shape in enumerate(grid):
        of_source = {Source.RUNG: shape.rung, Source.EARLIER: shape.earlier}
        correlation = np.array([of_source.get(source, 1.0) for source in data.sources])[data.of_group]
        of_member.append(correlation)
        alike = np.where(same_group, 1.0, correlation[:, None] * correlation[None])
        covariances[index] = (1 - shape.noise) * alike * kernels[shape.kernel, shape.length][1]
        covariances[index].flat[:: count + 1] += shape.noise + 1e-9
    factors = np.linalg.cholesky(covariances)
    solved = np.linalg.solve(covariances, np.column_stack([values, levels])[None].repeat(len(grid), axis=0))
    level = np.linalg.solve(levels.T @ solved[..., 1:], levels.T @ solved[..., :1])  # (m, group, 1)
    weights = solved[..., 0] - (solved[..., 1:] @ level)[..., 0]  # (m, n)
    variances = np.maximum(((values - (levels @ level)[..., 0]) * weights).sum(axis=1) / count, 1e-12)  # (m,)
    logs = -0.5 * count * np.log(variances) - np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    if data.noise is not None:
        noises = 0.5 * np.log(np.array([shape.noise for shape in grid]) * variances)
        logs -= 0.5 * ((noises - math.log(data.noise)) / NOISE_WIDTH) ** 2
    likelihoods = np.exp(logs - logs.max())
    likely = [index for index in range(len(grid)) if likelihoods[index] >= _LEAST_WEIGHT]
    return logs, tuple(
        _Member(
            weight=float(likelihoods[index] / likelihoods[likely].sum()),
            shape=grid[index],
            correlation=of_member[index],
            unit=kernels[grid[index].kernel, grid[index].length][0],
            level=float(level[index, 0, 0]),
            weights=weights[index],
            factor=factors[index],
            variance=float(variances[index]),
        )
        for index in likely
    )


def _across(member: _Member, squared: Floats) -> Floats:
    """Covariances (p, n) of the modelled function with the n observations, at squared distances (h, p, n)."""
    shape = member.shape
    alike = kernel(shape.kernel, squared, shape.length) / member.unit
    return np.asarray((1 - shape.noise) * member.correlation * alike, dtype=np.float64)
