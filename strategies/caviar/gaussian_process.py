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

from ..hyperparameter import Kind
from ..records import Configuration
from ..search.observations import Observations, Source
from ..space import Space

Floats = NDArray[np.float64]

KERNELS = ("squared exponential", "matern 5/2")
LENGTHS = (0.15, 0.3, 0.6, 1.2, 2.4)  # of correlation, as fractions of a range
NOISE = (0.0001, 0.001, 0.01, 0.05, 0.15, 0.4, 0.8)  # noise as fractions of the variance of scores
CORRELATIONS = (0.2, 0.6, 0.9)  # of the function of a lower rung, or of an earlier campaign, with the modelled one
DEEPEST = 10.0  # how far below the best a score may lie, in units of the median's distance from it
_OTHER_CHOICE = math.sqrt(0.5)  # puts two unordered choices a whole range apart
_LEAST_WEIGHT = 1e-3  # of a member of the grid, relative to the likeliest one


@dataclass(frozen=True, slots=True)
class Posterior:
    """The prediction of one member of the grid at p places: weight, means (p,), covariances (p, p), noise variance."""

    weight: float
    means: Floats
    covariance: Floats
    noise: float


@dataclass(frozen=True, slots=True)
class _Member:
    """A fitted member of the grid: `weights` (n,) of the observations and the Cholesky factor (n, n)."""

    weight: float
    kernel: str
    length: float
    noise: float
    correlation: Floats  # (n,) of each observation's function with the modelled one
    level: float
    weights: Floats
    factor: Floats
    variance: float


@dataclass(frozen=True, slots=True)
class GaussianProcess:
    """A Gaussian process with a level for each group, averaged over a grid of kernels (squared exponential and Matern
    5/2), lengths, noise fractions and correlations of groups, weighted by likelihood.

    Source: Rasmussen & Williams, Gaussian Processes for Machine Learning, equations 2.25, 2.30 and 4.17; groups are
    tasks with one latent function each: Bonilla, Chai & Williams, Multi-task Gaussian Process Prediction, 2007.
    """

    places: Floats  # (n, d)
    middle: float
    spread: float
    members: tuple[_Member, ...]

    @classmethod
    def fit(cls, space: Space, groups: Sequence[Observations]) -> Self | None:
        """The model of these scores, predicting those of the first group; None where all are equal.

        An absurdly low score is raised, so that one very bad configuration does not stretch the scale on which the
        good ones differ.
        """
        groups = [group for group in groups if group.scores]
        raised = [_raised([score for _, score in group.scores]) for group in groups]
        values, middle = np.concatenate(raised), float(raised[0].mean())  # (n,)
        spread = float(np.concatenate([scores - scores.mean() for scores in raised]).std())
        if spread <= 1e-12 * float(np.abs(values).max()):
            return None
        places = np.array(
            [coordinates(space, configuration) for group in groups for configuration, _ in group.scores]
        )  # (n, d)
        of_group = np.repeat(np.arange(len(groups)), [len(group.scores) for group in groups])  # (n,)
        members = _members(places, (values - middle) / spread, of_group, [group.source for group in groups])
        return cls(places, middle, spread, members)

    def means(self, places: Floats) -> Floats:
        """The expected scores (p,) at places (p, d) in the first group, in the unit of the scores."""
        distances = _distances(places, self.places)
        mean = sum(
            member.weight * (member.level + _across(member, distances) @ member.weights) for member in self.members
        )
        return np.asarray(self.middle + self.spread * mean, dtype=np.float64)

    @property
    def noise(self) -> float:
        """The standard deviation of the noise in a score, in the unit of the scores."""
        return self.spread * sum(member.weight * math.sqrt(member.noise * member.variance) for member in self.members)

    def posteriors(self, places: Floats, most: int = 6) -> Iterator[Posterior]:
        """The posteriors of the `most` likeliest members at places (p, d), in units of the spread of scores."""
        likeliest = sorted(self.members, key=lambda member: -member.weight)[:most]
        total = sum(member.weight for member in likeliest)
        between, to_observed = _distances(places, places), _distances(places, self.places)
        for member in likeliest:
            across = _across(member, to_observed)  # (p, n)
            half = np.linalg.solve(member.factor, across.T)  # (n, p)
            prior = (1 - member.noise) * _kernel(member.kernel, between / member.length)
            yield Posterior(
                weight=member.weight / total,
                means=member.level + across @ member.weights,
                covariance=(prior - half.T @ half) * member.variance,
                noise=member.noise * member.variance,
            )


def coordinates(space: Space, configuration: Configuration) -> tuple[float, ...]:
    """The configuration's place in the space of the kernel: a coordinate per range, one per choice without an order.

    A range of floats or schedules has three, for the first, mean and last level; two constant schedules are as far
    apart as the two numbers.
    """
    numbers: list[float] = []
    for hyperparameter, place in zip(space.hyperparameters, space.to_unit(configuration), strict=True):
        if hyperparameter.is_fixed:
            continue
        value = configuration.get(hyperparameter.name)
        if hyperparameter.low is not None and hyperparameter.kind in (Kind.FLOAT, Kind.SCHEDULE):
            levels = [hyperparameter.to_unit(level) for _, level in value] if isinstance(value, tuple) else [place]
            numbers += [level / math.sqrt(3) for level in (levels[0], sum(levels) / len(levels), levels[-1])]
        elif hyperparameter.low is not None or hyperparameter.is_ordered:
            numbers.append(place)
        else:
            chosen = None if value is None else int(place * len(hyperparameter.options))
            numbers += [
                0.5 if chosen is None else _OTHER_CHOICE * (index == chosen)
                for index in range(len(hyperparameter.options))
            ]
    return tuple(numbers)


def _raised(scores: Sequence[float]) -> Floats:
    raw = np.array(scores, dtype=np.float64)
    best = float(raw.max())
    return np.maximum(raw, best - DEEPEST * (best - float(np.median(raw))))


def _members(
    places: Floats, values: Floats, of_group: NDArray[np.int64], sources: Sequence[Source]
) -> tuple[_Member, ...]:
    """The fitted grid of m members, computed at once; those far less likely than the likeliest are left out."""
    count, distances = len(values), _distances(places, places)
    levels = (of_group[:, None] == np.arange(len(sources))).astype(np.float64)  # (n, group)
    rungs, campaigns = (CORRELATIONS if source in sources else (1.0,) for source in (Source.RUNG, Source.EARLIER))
    grid = list(product(rungs, campaigns, KERNELS, LENGTHS, NOISE))
    of_member = []  # m of (n,)
    for rung, earlier, *_ in grid:
        of_source = {Source.FULL: 1.0, Source.RUNG: rung, Source.EARLIER: earlier}
        of_member.append(np.array([of_source[source] for source in sources])[of_group])
    noise = np.array([share for *_, share in grid])[:, None, None]  # (m, 1, 1)
    correlations = np.array(
        [
            np.where(of_group[:, None] == of_group[None], 1.0, correlation[:, None] * correlation[None])
            * _kernel(kernel, distances / length)
            for correlation, (*_, kernel, length, _) in zip(of_member, grid, strict=True)
        ]
    )  # (m, n, n)
    covariances = (1 - noise) * correlations + noise * np.eye(count)
    factors = np.linalg.cholesky(covariances)
    solved = np.linalg.solve(covariances, np.column_stack([values, levels]))  # (m, n, 1 + group)
    level = np.linalg.solve(levels.T @ solved[..., 1:], levels.T @ solved[..., :1])  # (m, group, 1)
    weights = solved[..., 0] - (solved[..., 1:] @ level)[..., 0]  # (m, n)
    variances = np.maximum(((values - (levels @ level)[..., 0]) * weights).sum(axis=1) / count, 1e-12)  # (m,)
    logs = -0.5 * count * np.log(variances) - np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    likelihoods = np.exp(logs - logs.max())
    likely = [index for index in range(len(grid)) if likelihoods[index] >= _LEAST_WEIGHT]
    return tuple(
        _Member(
            weight=float(likelihoods[index] / likelihoods[likely].sum()),
            kernel=grid[index][2],
            length=grid[index][3],
            noise=grid[index][4],
            correlation=of_member[index],
            level=float(level[index, 0, 0]),
            weights=weights[index],
            factor=factors[index],
            variance=float(variances[index]),
        )
        for index in likely
    )


def _across(member: _Member, distances: Floats) -> Floats:
    """Covariances (p, n) of the modelled function at p places with the n observations."""
    return np.asarray(
        (1 - member.noise) * member.correlation * _kernel(member.kernel, distances / member.length), dtype=np.float64
    )


def _kernel(name: str, scaled: Floats) -> Floats:
    if name == KERNELS[0]:
        return np.asarray(np.exp(-0.5 * scaled**2), dtype=np.float64)
    stretched = math.sqrt(5) * scaled
    return np.asarray((1 + stretched + stretched**2 / 3) * np.exp(-stretched), dtype=np.float64)


def _distances(left: Floats, right: Floats) -> Floats:
    """Distances (a, b) of places (a, d) and (b, d)."""
    return np.asarray(np.sqrt(((left[:, None] - right[None]) ** 2).sum(axis=2)), dtype=np.float64)
