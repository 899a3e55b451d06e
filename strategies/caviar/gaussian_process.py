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
    """A kernel of the grid, with the correlations of the groups' functions."""

    kernel: str
    length: float
    rung: float
    earlier: float


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """The covariances (n, n) of the observations without noise, as eigenvalues (n,) and eigenvectors (n, n)."""

    shape: _Shape
    correlation: Floats  # (n,) of each observation's function with the modelled one
    unit: float  # the kernel's variance over the tried places, which it is divided by
    values: Floats
    vectors: Floats

    def alike(self, squared: Floats) -> Floats:
        """Covariances (p, n) of the modelled function with the n observations, at squared distances (h, p, n)."""
        alike = kernel(self.shape.kernel, squared, self.shape.length)
        return np.asarray(self.correlation * alike / self.unit, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Member:
    """A fitted point of the grid: `weights` (n,) of the observations; `noise` as a share of the `variance`."""

    weight: float
    spectrum: _Spectrum
    noise: float
    level: float
    weights: Floats
    variance: float


@dataclass(frozen=True, slots=True)
class _Data:
    """What a grid is fitted to: squared distances (h, n, n), the group of each observation, and the groups' sources."""

    squared: Floats
    of_group: NDArray[np.int64]
    sources: tuple[Source, ...]

    @property
    def levels(self) -> Floats:
        """Which observations (n, group) have each group's level."""
        return np.asarray(self.of_group[:, None] == np.arange(len(self.sources)), dtype=np.float64)


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
        of_group = np.repeat(np.arange(len(groups)), [len(scores) for scores in lifted])  # (n,)
        data = _Data(squared_distances(places, places, counts), of_group, tuple(group.source for group in groups))
        warped = [_Warped.of(lifted, scale) for scale in scales(lifted[0], noise)]
        middles = [correlations[len(correlations) // 2] for correlations in _correlations(data)]
        spectra = [_spectrum(data, _Shape(*shape, *middles)) for shape in product(KERNELS, LENGTHS)]
        fits = [_fitted(data, spectra, scores, noise) for scores in warped]
        best = max(range(len(fits)), key=lambda index: (fits[index][0], -index))
        members = fits[best][1]
        if any(len(correlations) > 1 for correlations in _correlations(data)):
            likely = sorted(members, key=lambda member: -member.weight)[:_MOST_REFINED]
            kept = dict.fromkeys((member.spectrum.shape.kernel, member.spectrum.shape.length) for member in likely)
            shapes = [_Shape(*shape, *correlation) for shape in kept for correlation in product(*_correlations(data))]
            members = _fitted(data, [_spectrum(data, shape) for shape in shapes], warped[best], noise)[1]
        return cls(places, counts, warped[best].warp, warped[best].spread, members)

    def means(self, places: Floats) -> Floats:
        """The expected scores (p,) at places (p, c) in the first group, in the unit of the scores."""
        return self.warp.back(self.warped_means(places))

    def warped_means(self, places: Floats) -> Floats:
        """The expected warped scores (p,)."""
        squared = squared_distances(places, self.places, self.counts)
        mean = np.full(len(places), sum(member.weight * member.level for member in self.members))
        for spectrum in {id(member.spectrum): member.spectrum for member in self.members}.values():
            weights = sum(
                member.weight * (1 - member.noise) * member.weights
                for member in self.members
                if member.spectrum is spectrum
            )
            mean += spectrum.alike(squared) @ weights
        return self.spread * mean

    @property
    def noise(self) -> float:
        """The standard deviation of the noise in a warped score; near the best also that of a score itself."""
        return self.spread * sum(member.weight * math.sqrt(member.noise * member.variance) for member in self.members)

    def posteriors(self, places: Floats, most: int = 6) -> Iterator[Posterior]:
        """The posteriors of the `most` likeliest members at places (p, c), in units of the spread of warped scores."""
        likeliest = sorted(self.members, key=lambda member: -member.weight)[:most]
        total = sum(member.weight for member in likeliest)
        between = squared_distances(places, places, self.counts)
        to_observed = squared_distances(places, self.places, self.counts)
        for member in likeliest:
            across, shape = (1 - member.noise) * member.spectrum.alike(to_observed), member.spectrum.shape  # (p, n)
            half = (across @ member.spectrum.vectors) / np.sqrt(_noisy(member.spectrum, member.noise))  # (p, n)
            prior = (1 - member.noise) / member.spectrum.unit * kernel(shape.kernel, between, shape.length)
            yield Posterior(
                weight=member.weight / total,
                means=member.level + across @ member.weights,
                covariance=(prior - half @ half.T) * member.variance,
                noise=member.noise * member.variance,
            )


@dataclass(frozen=True, slots=True)
class _Warped:
    """Scores warped with one scale: values (n,) in units of their spread; `log_slopes` makes likelihoods comparable."""

    warp: Warp
    values: Floats
    spread: float
    log_slopes: float

    @classmethod
    def of(cls, groups: Sequence[Floats], scale: float | None) -> Self:
        """The scores of all groups, each warped around its own best; `warp` is that of the first."""
        warps = [Warp(float(scores.max()), scale) for scores in groups]
        warped = [warp.of(scores) for warp, scores in zip(warps, groups, strict=True)]
        spread = float(np.concatenate([values - values.mean() for values in warped]).std())
        values = np.concatenate(warped) / spread
        slopes = sum(warp.log_jacobian(scores) for warp, scores in zip(warps, groups, strict=True))
        return cls(warps[0], values, spread, slopes - len(values) * math.log(spread))


def _correlations(data: _Data) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The correlations to try of lower rungs and of earlier campaigns with this search."""
    rungs, campaigns = (CORRELATIONS if source in data.sources else (1.0,) for source in (Source.RUNG, Source.EARLIER))
    return rungs, campaigns


def _spectrum(data: _Data, shape: _Shape) -> _Spectrum:
    of_source = {Source.RUNG: shape.rung, Source.EARLIER: shape.earlier}
    correlation = np.array([of_source.get(source, 1.0) for source in data.sources])[data.of_group]
    full = data.of_group == 0
    alike = kernel(shape.kernel, data.squared, shape.length)
    unit = max(1.0 - float(alike[np.ix_(full, full)].mean()), 1e-6)
    same_group = data.of_group[:, None] == data.of_group[None]
    covariance = np.where(same_group, 1.0, correlation[:, None] * correlation[None]) * alike / unit
    values, vectors = np.linalg.eigh(covariance)
    return _Spectrum(shape, correlation, unit, np.maximum(values, 0.0), vectors)


def _fitted(
    data: _Data, spectra: Sequence[_Spectrum], warped: _Warped, noise: float | None
) -> tuple[float, tuple[_Member, ...]]:
    """The logarithm of the evidence, and the members; those far less likely than the likeliest are left out.

    `noise`: the expected standard deviation of a score; the prior on it is log-normal.
    """
    fitted = [_at_noises(spectrum, data.levels, warped.values) for spectrum in spectra]
    logs = np.array([log for log, *_ in fitted])  # (spectrum, noise)
    if noise is not None:
        noises = 0.5 * np.log(np.array(NOISE) * np.array([variances for _, variances, *_ in fitted]))
        logs = logs - 0.5 * ((noises - math.log(noise / warped.spread)) / NOISE_WIDTH) ** 2
    likelihoods = np.exp(logs - logs.max())
    likely = [(int(row), int(column)) for row, column in np.argwhere(likelihoods >= _LEAST_WEIGHT)]
    total = sum(float(likelihoods[place]) for place in likely)
    members = tuple(
        _Member(
            weight=float(likelihoods[row, column]) / total,
            spectrum=spectra[row],
            noise=NOISE[column],
            level=float(fitted[row][2][column, 0]),
            weights=spectra[row].vectors @ fitted[row][3][column],
            variance=float(fitted[row][1][column]),
        )
        for row, column in likely
    )
    return float(logs.max()) + math.log(float(likelihoods.mean())) + warped.log_slopes, members


def _at_noises(spectrum: _Spectrum, levels: Floats, values: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """For each of m noises: log likelihood (m,), variance (m,), levels (m, group), rotated weights (m, n)."""
    count = len(values)
    diagonal = np.stack([_noisy(spectrum, share) for share in NOISE])  # (m, n)
    value, level = spectrum.vectors.T @ values, spectrum.vectors.T @ levels  # (n,), (n, group)
    scaled = level[None] / diagonal[..., None]  # (m, n, group)
    fitted = np.linalg.solve(level.T @ scaled, (value @ scaled)[..., None])[..., 0]  # (m, group)
    left = value - fitted @ level.T  # (m, n)
    weights = left / diagonal
    variances = np.maximum((left * weights).sum(axis=1) / count, 1e-12)
    logs = -0.5 * (count * np.log(variances) + np.log(diagonal).sum(axis=1))
    return np.asarray(logs, dtype=np.float64), variances, np.asarray(fitted, dtype=np.float64), weights


def _noisy(spectrum: _Spectrum, share: float) -> Floats:
    """The eigenvalues (n,) of the covariances with noise."""
    return (1 - share) * spectrum.values + share + 1e-9
