"""The configurations that a search tries: first mostly around the incumbent, then where a model of the scores leads.

Settings that rust lie near good ones, and outside the region of good ones scores fall off a cliff, of which a search
learns little: so wide points stay within a part of each range around the incumbent, and the search walks on from the
most promising.
"""

import math
import random
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from ..errors import CampaignFailed
from ..records import Configuration
from ..search.observations import Observations
from ..search.samplers import Sampler
from ..space import Space, configuration_key, derive_seed
from .gaussian_process import GaussianProcess
from .kernels import Floats, coordinates

MOST_WARM = 4  # top configurations of earlier campaigns that are tried again
LOCAL_SHARE = 2 / 3  # fraction of the first wave that are moves around the incumbent
REACH = 0.3  # of wide points around the incumbent, as a fraction of each range
FIRST_SCALES = (0.1, 0.2, 0.35)  # of moves around the incumbent, as fractions of a range
NEAR_SCALES = (0.03, 0.08, 0.2)  # of moves around the most promising, which are candidates of later waves
CANDIDATES = 64  # of a later wave within reach, and as many around the most promising
PROMISING = 3
CLIMBS = 5  # rounds in which the highest expected score is looked for
_NODES, _SHARES = np.polynomial.hermite_e.hermegauss(7)
_SHARES = _SHARES / _SHARES.sum()
_MOST_NODE = float(np.abs(_NODES).max())
_LEAST_VARIANCE = 1e-12
ATTEMPTS = 40  # draws per new configuration before a small space counts as exhausted


def first_wave(
    space: Space,
    incumbent: Configuration,
    warm: Sequence[Configuration],
    seed: int,
    count: int,
    sampler: Sampler = Sampler.AUTO,
) -> tuple[Configuration, ...]:
    """Up to `count` distinct configurations besides the incumbent; fewer only where the space has no more.

    A space of at most that size is enumerated. Otherwise: earlier top configurations that are still allowed, then the
    draws of a Sobol or random sampler; for the others two thirds of moves around the incumbent, then scrambled Sobol
    points within reach of it.
    """
    everything = space.enumerate(incumbent, count + 1)
    new = _Distinct([incumbent])
    if everything is not None:
        return new.take(everything, count)
    wave = list(new.take(space.allowed(warm), min(MOST_WARM, max(1, count // 4))))
    if sampler in (Sampler.SOBOL, Sampler.RANDOM):
        return (*wave, *_drawn(space, (), (incumbent, *wave), seed, count - len(wave), sampler))
    generator = random.Random(derive_seed(seed, "search", "local"))
    moves = (space.neighbour(incumbent, generator, scale, True) for scale in _cycle(FIRST_SCALES, ATTEMPTS * count))
    wave += new.take(moves, min(math.ceil(count * LOCAL_SHARE), count - len(wave)))
    wave += new.take(_sobol(space, incumbent, derive_seed(seed, "search", "wide"), 4 * count, REACH), count - len(wave))
    return (*wave, *new.take(_anywhere(space, incumbent, generator, count), count - len(wave)))


def next_wave(
    space: Space,
    observations: Sequence[Observations],
    tried: Sequence[Configuration],
    seed: int,
    count: int,
    *,
    is_last: bool = False,
    sampler: Sampler = Sampler.AUTO,
    noise: float | None = None,
    floor: float | None = None,
) -> tuple[Configuration, ...]:
    """Up to `count` untried configurations: those of the highest knowledge gradient; in the last wave those of the
    highest expected score. Samplers other than our own model propose in their own way.

    `observations`: scores in groups, those of this search at the full budget first. Where there are none, or all are
    equal, further points within reach of the incumbent, which is `tried[0]`. `noise`, `floor`: of GaussianProcess.fit.
    Source: Frazier, Powell & Dayanik, The Knowledge-Gradient Policy for Correlated Normal Beliefs, 2009, equation 10,
    its expectation by Gauss-Hermite quadrature; later choices of a wave treat the earlier ones as already observed.
    """
    if sampler is not Sampler.AUTO:
        return _drawn(space, observations, tried, seed, count, sampler)
    generator = random.Random(derive_seed(seed, "search", "wave", len(tried)))
    has_scores = any(group.scores for group in observations)
    model = GaussianProcess.fit(space, observations, noise, floor) if has_scores else None
    everything = space.enumerate(tried[0], CANDIDATES)
    wide = everything or tuple(
        _sobol(space, tried[0], derive_seed(seed, "search", "candidates", len(tried)), CANDIDATES, REACH)
    )
    if model is None:
        return _Distinct(tried).take(chain(wide, _anywhere(space, tried[0], generator, count)), count)
    if is_last:
        return _Distinct(tried).take(_peaks(space, model, (*tried, *wide), generator), count)
    known = (*tried, *wide)
    promising = _highest(model, known, _places(space, known), PROMISING)
    fresh = _Distinct(tried)
    candidates = [*fresh.take(wide, CANDIDATES), *fresh.take(_moves(space, promising, generator), CANDIDATES)]
    if not candidates:
        return ()
    places = _places(space, (*candidates, *tried))
    chosen = highest_knowledge_gradient(model, places, len(candidates), min(count, len(candidates)))
    return tuple(candidates[index] for index in chosen)


def _moves(
    space: Space, promising: Sequence[Configuration], generator: random.Random, scales: Sequence[float] = NEAR_SCALES
) -> Iterable[Configuration]:
    """Moves around each of the most promising in turn, of one coordinate or so and of all of them by turns."""
    for index, scale in enumerate(_cycle(scales, ATTEMPTS * CANDIDATES)):
        moves_all = (index // len(promising)) % 2 == 1
        yield space.neighbour(promising[index % len(promising)], generator, scale, moves_all)


def _peaks(
    space: Space, model: GaussianProcess, known: Sequence[Configuration], generator: random.Random
) -> tuple[Configuration, ...]:
    """Configurations by their expected score, the highest first: the known ones, and others that climb from them."""
    found, places = list(known), _places(space, known)
    for climb in range(CLIMBS):
        promising = _highest(model, found, places, PROMISING)
        scales = [scale / (1 + climb) for scale in NEAR_SCALES]
        new = _Distinct(found).take(_moves(space, promising, generator, scales), CANDIDATES)
        if new:
            found += new
            places = np.vstack([places, _places(space, new)])
    return _highest(model, found, places, len(found))


def _highest(
    model: GaussianProcess, configurations: Sequence[Configuration], places: Floats, count: int
) -> tuple[Configuration, ...]:
    expected = model.warped_means(places)
    return tuple(configurations[index] for index in np.argsort(-expected, kind="stable")[:count])


def _places(space: Space, configurations: Sequence[Configuration]) -> Floats:
    return np.array([coordinates(space, configuration) for configuration in configurations])  # (p, c)


def highest_knowledge_gradient(model: GaussianProcess, places: Floats, candidates: int, count: int) -> list[int]:
    """Which of the first `candidates` places (p, d) to train next: greedily those whose scores will on average raise
    the highest expectation over all places most, with each chosen place treated as observed."""
    posteriors = [
        (posterior.weight, posterior.means, posterior.covariance.copy(), posterior.noise)
        for posterior in model.posteriors(places)
    ]
    chosen: list[int] = []
    for _ in range(count):
        gains = np.zeros(candidates)
        for weight, means, covariance, noise in posteriors:
            variances = np.diag(covariance)[:candidates] + noise
            steps = covariance[:, :candidates] / np.sqrt(np.maximum(variances, _LEAST_VARIANCE))  # (p, candidate)
            best = int(np.argmax(means))
            reach = _MOST_NODE * np.abs(steps - steps[best]).max(axis=1)  # (p,)
            can_lead = ~(means + reach < means[best])  # (p,); no other place is ever the highest
            leading, moves = means[can_lead, None], steps[can_lead]  # (l, 1), (l, candidate)
            for node, share in zip(_NODES, _SHARES, strict=True):
                gains += weight * share * ((leading + node * moves).max(axis=0) - means[best])
        gains[chosen] = -math.inf
        place = int(np.argmax(gains))
        chosen.append(place)
        for _, _, covariance, noise in posteriors:
            column = covariance[:, place].copy()  # (p,)
            covariance[...] -= np.outer(column, column) / max(float(column[place]) + noise, _LEAST_VARIANCE)
    return chosen


def _drawn(
    space: Space,
    observations: Sequence[Observations],
    tried: Sequence[Configuration],
    seed: int,
    count: int,
    sampler: Sampler,
) -> tuple[Configuration, ...]:
    """Up to `count` new configurations by Optuna; for Sobol, and where Optuna has no more, the next points of the
    search's one Sobol sequence."""
    proposed = _of_optuna(space, observations, tried, seed, count, sampler) if sampler.is_optuna else ()
    points = _sobol(space, tried[0], derive_seed(seed, "search", "wide"), 4 * (len(tried) + count))
    generator = random.Random(derive_seed(seed, "search", "anywhere", len(tried)))
    rest = space.enumerate(tried[0], CANDIDATES) or _anywhere(space, tried[0], generator, count)
    return _Distinct(tried).take(chain(proposed, points, rest), count)


def _of_optuna(
    space: Space,
    observations: Sequence[Observations],
    tried: Sequence[Configuration],
    seed: int,
    count: int,
    sampler: Sampler,
) -> tuple[Configuration, ...]:
    try:
        from .optuna_proposals import propose_with_optuna
    except ImportError:
        raise CampaignFailed(*sampler.refusal(None)) from None
    return propose_with_optuna(space, observations, tried, seed, count, sampler)


class _Distinct:
    """Filters out configurations that were already known or taken."""

    def __init__(self, known: Iterable[Configuration]) -> None:
        self._keys = {configuration_key(configuration) for configuration in known}

    def take(self, configurations: Iterable[Configuration], count: int) -> tuple[Configuration, ...]:
        """The first `count` that are new, in order; fewer where there are no more."""
        new: list[Configuration] = []
        for configuration in configurations:
            if len(new) >= count:
                break
            key = configuration_key(configuration)
            if key not in self._keys:
                self._keys.add(key)
                new.append(configuration)
        return tuple(new)


def _sobol(
    space: Space, base: Configuration, seed: int, count: int, reach: float | None = None
) -> Iterable[Configuration]:
    """At least `count` scrambled Sobol points, within `reach` of the base or anywhere; drawn at once as a power of two,
    which keeps them balanced."""
    movable = [index for index, hyperparameter in enumerate(space.hyperparameters) if not hyperparameter.is_fixed]
    from scipy.stats import qmc  # a second of work, which a baseline and the processes of other searches do not need

    sequence = qmc.Sobol(d=len(movable), scramble=True, rng=seed)
    for drawn in sequence.random_base2(math.ceil(math.log2(max(2, count)))):
        point = [0.5] * len(space.hyperparameters)
        for index, coordinate in zip(movable, drawn, strict=True):
            point[index] = float(coordinate)
        yield space.from_unit(point, base, reach)


def _anywhere(space: Space, base: Configuration, generator: random.Random, count: int) -> Iterable[Configuration]:
    for _ in range(ATTEMPTS * count):
        yield space.from_unit([generator.random() for _ in space.hyperparameters], base)


def _cycle(scales: Sequence[float], count: int) -> Iterable[float]:
    return (scales[index % len(scales)] for index in range(count))
