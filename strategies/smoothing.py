"""What a configuration is worth, judged by its own score and by those of configurations like it.

The best score of a search is the luckiest one as well as, perhaps, the best: of sixteen noisy scores the highest lies
well above its own true value. A model of the scores over the space shares each trial's luck with its neighbours.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .records import Configuration
from .space import Space

Floats = NDArray[np.float64]

LEAST = 6  # scores; fewer say nothing about a landscape
MOST_LIFT = 4.0  # standard deviations of the noise by which a trial may be held better than its own score
LENGTHS = (0.15, 0.3, 0.6, 1.2, 2.4)  # over which scores are alike, as shares of a range
NOISE = (0.0001, 0.001, 0.01, 0.05, 0.15, 0.4, 0.8)  # shares of the variance of scores that are chance
DEEPEST = 10.0  # how far below the best a score counts, in units of the median's distance from it
_OTHER_CHOICE = math.sqrt(0.5)  # places two choices without an order a whole range apart


def smoothed(
    space: Space, configurations: Mapping[str, Configuration], scores: Mapping[str, float]
) -> dict[str, float]:
    """The expected score of each scored trial, by trial; the scores themselves where they are too few or all equal, or
    where a schedule is among the trials: its place in the space does not say what schedule it is.

    The posterior mean of a Gaussian process with a Matern 5/2 kernel and a constant mean, averaged over a grid of
    lengths and noise shares by their likelihood. An absurdly low score is raised: how bad a bad configuration is must
    not stretch the scale on which the good ones differ. A trial whose own score lies further below what its neighbours
    promise than noise can explain keeps its own.
    Source: Rasmussen & Williams, Gaussian Processes for Machine Learning, equations 2.25 and 2.30.
    """
    trials = sorted(scores)
    if len(trials) < LEAST or any(_has_schedule(configurations[trial]) for trial in trials):
        return dict(scores)
    raw = np.array([scores[trial] for trial in trials])
    best = float(raw.max())
    values = np.maximum(raw, best - DEEPEST * (best - float(np.median(raw))))
    spread = float(values.std())
    if spread <= 1e-12 * float(np.abs(values).max()):
        return dict(scores)
    places = np.array([coordinates(space, configurations[trial]) for trial in trials])  # (trial, coordinate)
    distances = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))  # (trial, trial)
    middle = float(values.mean())
    means, noise = _posterior_means(distances, (values - middle) / spread)
    expected = middle + spread * means
    is_believed = expected - raw <= MOST_LIFT * spread * noise
    return dict(zip(trials, np.where(is_believed, expected, raw).tolist(), strict=True))


def coordinates(space: Space, configuration: Configuration) -> tuple[float, ...]:
    """The configuration's place for measuring likeness: a coordinate a range, one for each choice without an order."""
    found: list[float] = []
    for one, place in zip(space.hyperparameters, space.to_unit(configuration), strict=True):
        if one.is_fixed:
            continue
        if one.low is not None or one.is_ordered or one.name not in configuration:
            found.append(place)
            found += [0.0] * (0 if one.low is not None or one.is_ordered else len(one.options) - 1)
        else:
            chosen = int(place * len(one.options))
            found += [_OTHER_CHOICE * (index == chosen) for index in range(len(one.options))]
    return tuple(found)


def _has_schedule(configuration: Configuration) -> bool:
    return any(isinstance(value, tuple) for value in configuration.values())


def _posterior_means(distances: Floats, values: Floats) -> tuple[Floats, float]:
    """Posterior means (trial,) of values with mean 0 and variance 1 at their own places, and the noise's deviation."""
    count = len(values)
    ones, likelihoods, means, noises = np.ones(count), [], [], []
    for length in LENGTHS:
        scaled = math.sqrt(5) * distances / length
        kernel = (1 + scaled + scaled**2 / 3) * np.exp(-scaled)  # (trial, trial)
        for noise in NOISE:
            covariance = (1 - noise) * kernel + noise * np.eye(count)
            solved = np.linalg.solve(covariance, np.stack([values, ones], axis=1))  # (trial, 2)
            level = float(ones @ solved[:, 0] / (ones @ solved[:, 1]))
            weights = solved[:, 0] - level * solved[:, 1]
            _, log_determinant = np.linalg.slogdet(covariance)
            variance = max(float((values - level) @ weights) / count, 1e-12)
            likelihoods.append(-0.5 * (count * math.log(variance) + log_determinant))
            means.append(level + (1 - noise) * kernel @ weights)
            noises.append(math.sqrt(noise * variance))
    weight = np.exp(np.array(likelihoods) - max(likelihoods))
    weight /= weight.sum()
    return np.asarray(weight @ np.array(means), dtype=np.float64), float(weight @ np.array(noises))
