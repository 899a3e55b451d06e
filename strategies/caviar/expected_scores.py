"""What a configuration is worth, judged by its own score and by those of configurations like it.

The best score of a search is the luckiest one as well as, perhaps, the best: of sixteen noisy scores the highest lies
well above its own true value. A model of the scores over the space shares each trial's luck with its neighbours.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..records import Configuration
from ..search.observations import Observations
from ..space import Space
from .gaussian_process import Landscape, coordinates

LEAST = 6  # scores; fewer say nothing about a landscape
MEMBERS = 12  # of the model's grid that an uncertainty is taken from
MOST_LIFT = 4.0  # standard deviations of the noise by which a trial may be held better than its own score


def smoothed(
    space: Space,
    configurations: Mapping[str, Configuration],
    scores: Mapping[str, float],
    others: Sequence[Observations] = (),
) -> dict[str, float]:
    """The expected score of each scored trial, by trial; the scores themselves where they are too few or all equal.

    `others`: what lower rungs and earlier campaigns scored. A trial whose own score lies further below what its
    neighbours promise than noise can explain keeps its own.
    """
    trials = sorted(scores)
    model = _model(space, configurations, scores, others)
    if model is None:
        return dict(scores)
    raw = np.array([scores[trial] for trial in trials])
    expected = model.means(np.array([coordinates(space, configurations[trial]) for trial in trials]))
    is_believed = expected - raw <= MOST_LIFT * model.noise
    return dict(zip(trials, np.where(is_believed, expected, raw).tolist(), strict=True))


def hope(
    space: Space,
    configurations: Mapping[str, Configuration],
    scores: Mapping[str, float],
    others: Sequence[Observations],
    trial: str,
    rival: str,
) -> float:
    """By how many of its own standard deviations the expected gain of a trial over a rival is above 0; infinite where
    the scores alone tell, or where the rival's own score is too low for chance."""
    model = _model(space, configurations, scores, others)
    if model is None:
        return math.inf if scores[trial] > scores[rival] else -math.inf
    places = np.array([coordinates(space, configurations[one]) for one in (trial, rival)])  # (2, d)
    if model.means(places)[1] - scores[rival] > MOST_LIFT * model.noise:
        return math.inf
    mean = square = 0.0
    for one in model.beliefs(places, MEMBERS):
        gain = float(one.means[0] - one.means[1])
        variance = float(one.covariance[0, 0] + one.covariance[1, 1] - 2 * one.covariance[0, 1])
        mean, square = mean + one.weight * gain, square + one.weight * (variance + gain**2)
    return mean / math.sqrt(max(square - mean**2, 1e-12))


def _model(
    space: Space,
    configurations: Mapping[str, Configuration],
    scores: Mapping[str, float],
    others: Sequence[Observations],
) -> Landscape | None:
    if len(scores) < LEAST:
        return None
    seen = Observations(tuple((configurations[trial], scores[trial]) for trial in sorted(scores)))
    return Landscape.fit(space, (seen, *others))
