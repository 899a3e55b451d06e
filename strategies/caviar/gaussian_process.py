"""A model of scores over the search space: what a configuration is expected to score, and how sure that is.

Scores come in groups: those of this search at the full budget, those of trials that were stopped at a lower rung, and
those of each earlier campaign. A group has a level of its own and a landscape like that of the others, no more.
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
LENGTHS = (0.15, 0.3, 0.6, 1.2, 2.4)  # over which scores are alike, as shares of a range
NOISE = (0.0001, 0.001, 0.01, 0.05, 0.15, 0.4, 0.8)  # shares of the variance of scores that are chance
LIKENESS = (
    0.2,
    0.6,
    0.9,
)  # correlation of the landscape of a lower rung, or of an earlier campaign, with that in question
DEEPEST = 10.0  # how far below the best a score counts, in units of the median's distance from it
_OTHER_CHOICE = math.sqrt(0.5)  # places two choices without an order a whole range apart
_LEAST_WEIGHT = 1e-3  # of a member of the grid, as a share of the likeliest one's


@dataclass(frozen=True, slots=True)
class Belief:
    """What one member of the grid expects at p places: weight, means (p,), covariances (p, p), variance of noise."""

    weight: float
    means: Floats
    covariance: Floats
    noise: float


@dataclass(frozen=True, slots=True)
class _Member:
    """One kernel, length, noise share and likeness, fitted: `weights` (n,) of the observations, their factor (n, n)."""

    weight: float
    kernel: str
    length: float
    noise: float
    likeness: Floats  # (n,) of each observation with the landscape that is asked about
    level: float
    weights: Floats
    factor: Floats
    variance: float


@dataclass(frozen=True, slots=True)
class Landscape:
    """A Gaussian process with a level for each group, averaged over a grid of kernels (squared exponential and Matern
    5/2), lengths, noise shares and likenesses by their likelihood.

    Source: Rasmussen & Williams, Gaussian Processes for Machine Learning, equations 2.25, 2.30 and 4.17; groups are
    tasks of one latent landscape each: Bonilla, Chai & Williams, Multi-task Gaussian Process Prediction, 2007.
    """

    places: Floats  # (n, d)
    middle: float
    spread: float
    members: tuple[_Member, ...]

    @classmethod
    def fit(cls, space: Space, groups: Sequence[Observations]) -> Self | None:
        """The model of these scores, the first group being the one asked about; None where they are all equal.

        An absurdly low score is raised: how bad a bad configuration is must not stretch the scale on which the good
        ones differ.
        """
        groups = [group for group in groups if group.scores]
        raised = [_raised([score for _, score in group.scores]) for group in groups]
        values, middle = np.concatenate(raised), float(raised[0].mean())  # (n,)
        spread = float(np.concatenate([one - one.mean() for one in raised]).std())
        if spread <= 1e-12 * float(np.abs(values).max()):
            return None
        places = np.array([coordinates(space, one) for group in groups for one, _ in group.scores])  # (n, d)
        of_group = np.repeat(np.arange(len(groups)), [len(group.scores) for group in groups])  # (n,)
        members = _members(places, (values - middle) / spread, of_group, [group.source for group in groups])
        return cls(places, middle, spread, members)

    def means(self, places: Floats) -> Floats:
        """The expected scores (p,) at places (p, d), in the first group and the scores' own unit."""
        distances = _distances(places, self.places)
        found = sum(one.weight * (one.level + _across(one, distances) @ one.weights) for one in self.members)
        return np.asarray(self.middle + self.spread * found, dtype=np.float64)

    @property
    def noise(self) -> float:
        """The standard deviation of chance in a score, in the scores' own unit."""
        return self.spread * sum(one.weight * math.sqrt(one.noise * one.variance) for one in self.members)

    def beliefs(self, places: Floats, most: int = 6) -> Iterator[Belief]:
        """What the `most` likeliest members expect at places (p, d), on the scale of the spread of scores."""
        likeliest = sorted(self.members, key=lambda one: -one.weight)[:most]
        total = sum(one.weight for one in likeliest)
        between, to_seen = _distances(places, places), _distances(places, self.places)
        for one in likeliest:
            across = _across(one, to_seen)  # (p, n)
            half = np.linalg.solve(one.factor, across.T)  # (n, p)
            prior = (1 - one.noise) * _kernel(one.kernel, between / one.length)
            yield Belief(
                weight=one.weight / total,
                means=one.level + across @ one.weights,
                covariance=(prior - half.T @ half) * one.variance,
                noise=one.noise * one.variance,
            )


def coordinates(space: Space, configuration: Configuration) -> tuple[float, ...]:
    """The configuration's place for measuring likeness: a coordinate a range, one for each choice without an order.

    What may be a schedule has three, for the first, mean and last level: two constants are as far apart as two numbers.
    """
    found: list[float] = []
    for one, place in zip(space.hyperparameters, space.to_unit(configuration), strict=True):
        if one.is_fixed:
            continue
        value = configuration.get(one.name)
        if one.low is not None and one.kind in (Kind.FLOAT, Kind.SCHEDULE):
            levels = [one.to_unit(level) for _, level in value] if isinstance(value, tuple) else [place]
            found += [level / math.sqrt(3) for level in (levels[0], sum(levels) / len(levels), levels[-1])]
        elif one.low is not None or one.is_ordered:
            found.append(place)
        else:
            chosen = None if value is None else int(place * len(one.options))
            found += [0.5 if chosen is None else _OTHER_CHOICE * (index == chosen) for index in range(len(one.options))]
    return tuple(found)


def _raised(scores: Sequence[float]) -> Floats:
    raw = np.array(scores, dtype=np.float64)
    best = float(raw.max())
    return np.maximum(raw, best - DEEPEST * (best - float(np.median(raw))))


def _members(
    places: Floats, values: Floats, of_group: NDArray[np.int64], sources: Sequence[Source]
) -> tuple[_Member, ...]:
    """The grid, fitted; members that are far less likely than the likeliest are left out. All at once: m members."""
    count, distances = len(values), _distances(places, places)
    levels = (of_group[:, None] == np.arange(len(sources))).astype(np.float64)  # (n, group)
    rungs, campaigns = (LIKENESS if one in sources else (1.0,) for one in (Source.RUNG, Source.EARLIER))
    grid = list(product(rungs, campaigns, KERNELS, LENGTHS, NOISE))
    likes = []  # m of (n,)
    for rung, earlier, *_ in grid:
        of_source = {Source.FULL: 1.0, Source.RUNG: rung, Source.EARLIER: earlier}
        likes.append(np.array([of_source[one] for one in sources])[of_group])
    noise = np.array([share for *_, share in grid])[:, None, None]  # (m, 1, 1)
    correlations = np.array(
        [
            np.where(of_group[:, None] == of_group[None], 1.0, like[:, None] * like[None])
            * _kernel(kernel, distances / length)
            for like, (*_, kernel, length, _) in zip(likes, grid, strict=True)
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
    kept = [index for index in range(len(grid)) if likelihoods[index] >= _LEAST_WEIGHT]
    return tuple(
        _Member(
            weight=float(likelihoods[index] / likelihoods[kept].sum()),
            kernel=grid[index][2],
            length=grid[index][3],
            noise=grid[index][4],
            likeness=likes[index],
            level=float(level[index, 0, 0]),
            weights=weights[index],
            factor=factors[index],
            variance=float(variances[index]),
        )
        for index in kept
    )


def _across(one: _Member, distances: Floats) -> Floats:
    """Covariances (p, n) of the landscape that is asked about with the observations."""
    return np.asarray((1 - one.noise) * one.likeness * _kernel(one.kernel, distances / one.length), dtype=np.float64)


def _kernel(name: str, scaled: Floats) -> Floats:
    if name == KERNELS[0]:
        return np.asarray(np.exp(-0.5 * scaled**2), dtype=np.float64)
    stretched = math.sqrt(5) * scaled
    return np.asarray((1 + stretched + stretched**2 / 3) * np.exp(-stretched), dtype=np.float64)


def _distances(one: Floats, other: Floats) -> Floats:
    """Distances (a, b) of places (a, d) and (b, d)."""
    return np.asarray(np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=2)), dtype=np.float64)
