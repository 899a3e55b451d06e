"""Configurations that a sampler of Optuna asks for, from a study that is rebuilt from the scores at each decision.

The study lives in memory for one call, so that nothing is kept beside the record, and the same scores and the same
seed give the same configurations. Only this module imports Optuna, and only a search that wants it this module.

A hyperparameter with a range of numbers is a parameter from 0 to 1, its place on the range (a schedule stands at its
highest level); whole numbers are whole numbers; numbers among choices are their rank, other choices have no order. What
is fixed is none. A parameter is asked for where its condition holds, and only there.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from ..hyperparameter import Hyperparameter, Kind
from ..records import Configuration
from ..search.observations import Seen, Source
from ..search.samplers import Sampler
from ..space import Space, configuration_key, derive_seed

STARTUP = 1  # scores before a sampler models them: the first wave stands for its own random start
MOST_ASKS = 4  # for each configuration that is wanted, those that were tried already among them


def asked(
    space: Space, seen: Sequence[Seen], tried: Sequence[Configuration], seed: int, count: int, sampler: Sampler
) -> tuple[Configuration, ...]:
    """Up to `count` configurations that were not tried, in the order in which they were asked for; fewer where the
    sampler keeps asking for what was tried. `tried[0]` gives the values of what is fixed.

    `seen`: scores in groups as in proposals.next_wave. Those of earlier campaigns are left out: they have a level of
    their own, for which a study has no place.
    """
    with _quiet(), _single_threaded(sampler):
        study = optuna.create_study(
            study_name="search", direction="maximize", sampler=_made(space, sampler, seed, tried)
        )
        study.add_trials(_trials(space, seen, sampler))
        known = {configuration_key(configuration) for configuration in tried}
        found: list[Configuration] = []
        for _ in range(MOST_ASKS * count):
            if len(found) == count:
                break
            configuration = _next(space, study.ask(), tried[0])  # stays open, so that the next one keeps away from it
            key = configuration_key(configuration)
            if key not in known:
                known.add(key)
                found.append(configuration)
    return tuple(found)


def _made(space: Space, sampler: Sampler, seed: int, tried: Sequence[Configuration]) -> BaseSampler:
    number = derive_seed(seed, "search", sampler.value, len(tried))
    if sampler is Sampler.RANDOM:
        return RandomSampler(seed=number)
    if sampler is Sampler.GP:
        return GPSampler(seed=number, n_startup_trials=STARTUP, warn_independent_sampling=False)
    has_conditions = any(one.when is not None for one in space.movable)
    return TPESampler(seed=number, n_startup_trials=STARTUP, multivariate=True, group=has_conditions)


def _trials(space: Space, seen: Sequence[Seen], sampler: Sampler) -> list[FrozenTrial]:
    """The scores as finished trials, a configuration once.

    One that was stopped at a lower rung is a pruned trial: TPE ranks those below the completed ones, the further a
    trial came and the better it scored there the higher. The Gaussian process passes pruned trials over; it is told
    that such a one scored like the worst that completed, below which halving put it.
    """
    groups = [group for group in seen if group.source is not Source.EARLIER and group.scores]
    lowest = min((score for group in groups if group.source is Source.FULL for _, score in group.scores), default=None)
    known: set[str] = set()
    trials: list[FrozenTrial] = []
    for rung, group in zip(range(len(groups), 0, -1), groups, strict=True):
        for configuration, score in group.scores:
            key = configuration_key(configuration)
            if key in known:
                continue
            known.add(key)
            parameters, kinds = _parameters(space, configuration)
            if group.source is Source.FULL or (sampler is Sampler.GP and lowest is not None):
                value = score if group.source is Source.FULL else lowest
                trials.append(create_trial(params=parameters, distributions=kinds, value=value))
            else:
                trials.append(
                    create_trial(
                        params=parameters,
                        distributions=kinds,
                        state=TrialState.PRUNED,
                        intermediate_values={rung: score},
                    )
                )
    return trials


def _parameters(
    space: Space, configuration: Configuration
) -> tuple[dict[str, float | int], dict[str, BaseDistribution]]:
    """A configuration as Optuna's parameters with their distributions, what is outside its bounds moved to them."""
    active, places = set(space.active(configuration)), space.to_unit(configuration)
    chosen = {
        one.name: (one, place)
        for one, place in zip(space.hyperparameters, places, strict=True)
        if one.name in active and not one.is_fixed
    }
    return (
        {name: _parameter(one, place) for name, (one, place) in chosen.items()},
        {name: _distribution(one) for name, (one, _) in chosen.items()},
    )


def _next(space: Space, trial: Trial, base: Configuration) -> Configuration:
    """The configuration of a trial, its parameters asked for in the order of declaration."""
    places = [0.5] * len(space.hyperparameters)
    for index, one in enumerate(space.hyperparameters):
        # Whether it is active hangs on earlier ones alone, and those have their places by now.
        if not one.is_fixed and one.name in space.from_unit(places, base):
            places[index] = _place(one, trial)
    return space.validate(space.from_unit(places, base))


def _place(one: Hyperparameter, trial: Trial) -> float:
    """What the trial wants of a hyperparameter, as a place on the unit interval."""
    if one.low is None or one.high is None:
        last = len(one.options) - 1
        ranks = range(last + 1)
        rank = trial.suggest_int(one.name, 0, last) if one.is_ordered else trial.suggest_categorical(one.name, ranks)
        return (rank + 0.5) / (last + 1)
    if one.kind is Kind.INT:
        return one.to_unit(trial.suggest_int(one.name, int(one.low), int(one.high), log=one.log))
    return trial.suggest_float(one.name, 0.0, 1.0)


def _distribution(one: Hyperparameter) -> BaseDistribution:
    """The same as `_place` asks for."""
    if one.low is None or one.high is None:
        last = len(one.options) - 1
        return IntDistribution(0, last) if one.is_ordered else CategoricalDistribution(range(last + 1))
    if one.kind is Kind.INT:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(0.0, 1.0)


def _parameter(one: Hyperparameter, place: float) -> float | int:
    """A place on the unit interval as a value of that distribution."""
    if one.low is None:
        return min(int(place * len(one.options)), len(one.options) - 1)
    number = one.from_unit(place) if one.kind is Kind.INT else place
    assert isinstance(number, int | float)
    return number


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna's log lines and its remarks on what is experimental are for people who call it themselves."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _single_threaded(sampler: Sampler) -> Iterator[None]:
    """Optuna's Gaussian process computes with torch on matrices so small that threads make it three times as slow."""
    if sampler is not Sampler.GP:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
