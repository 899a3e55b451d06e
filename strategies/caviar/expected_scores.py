"""The expected score of a configuration, given its own score and those of similar configurations.

The highest score of a search is lucky as well as, perhaps, the best: of sixteen noisy scores the highest is well above
its true value. A model of the scores over the space smooths out each trial's luck over its neighbours.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..records import Configuration
from ..search.observations import Observations
from ..space import Space
from .gaussian_process import GaussianProcess
from .kernels import coordinates

LEAST = 6  # scores; fewer cannot support a model
MEMBERS = 12  # of the model's grid from which an uncertainty is computed
MOST_LIFT = 4.0  # standard deviations of the noise by which an expectation may exceed the trial's own score


def smoothed(
    space: Space,
    configurations: Mapping[str, Configuration],
    scores: Mapping[str, float],
    others: Sequence[Observations] = (),
    noise: float | None = None,
    floor: float | None = None,
) -> dict[str, float]:
    """The expected score of each scored trial, by trial; the scores themselves where they are too few or all equal.

    `others`: scores of lower rungs and earlier campaigns. `noise`, `floor`: of GaussianProcess.fit. A trial whose own
    score is further below the expectation than noise can explain keeps its own.
    """
    trials = sorted(scores)
    model = _model(space, configurations, scores, others, noise, floor)
    if model is None:
        return dict(scores)
    raw = np.array([scores[trial] for trial in trials])
    warped = model.warped_means(np.array([coordinates(space, configurations[trial]) for trial in trials]))
    is_believed = warped - model.warp.of(raw) <= MOST_LIFT * model.noise
    return dict(zip(trials, np.where(is_believed, model.warp.back(warped), raw).tolist(), strict=True))


def standardized_improvement(
    space: Space,
    configurations: Mapping[str, Configuration],
    scores: Mapping[str, float],
    others: Sequence[Observations],
    trial: str,
    rival: str,
    noise: float | None = None,
    floor: float | None = None,
) -> float:
    """The expected improvement of a trial over a rival, in standard deviations of its uncertainty.

    Infinite where there is no model and the scores alone decide, or where noise cannot explain the rival's low score.
    """
    model = _model(space, configurations, scores, others, noise, floor)
    if model is None:
        return math.inf if scores[trial] > scores[rival] else -math.inf
    places = np.array([coordinates(space, configurations[name]) for name in (trial, rival)])  # (2, d)
    if model.warped_means(places)[1] - float(model.warp.of(np.array(scores[rival]))) > MOST_LIFT * model.noise:
        return math.inf
    mean = square = 0.0
    for posterior in model.posteriors(places, MEMBERS):
        covariance = posterior.covariance
        improvement = float(posterior.means[0] - posterior.means[1])
        variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        mean += posterior.weight * improvement
        square += posterior.weight * (variance + improvement**2)
    return mean / math.sqrt(max(square - mean**2, 1e-12))


def _model(
    space: Space,
    configurations: Mapping[str, Configuration],
    scores: Mapping[str, float],
    others: Sequence[Observations],
    noise: float | None,
    floor: float | None,
) -> GaussianProcess | None:
    if len(scores) < LEAST:
        return None
    own = Observations(tuple((configurations[trial], scores[trial]) for trial in sorted(scores)))
    return GaussianProcess.fit(space, (own, *others), noise, floor)
