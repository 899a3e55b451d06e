"""Configurations proposed by an Optuna sampler, from a study that is rebuilt from the scores at each decision.

The study lives in memory for one call, so that the record is the only state, and the same scores and the same seed
give the same configurations. Only this module imports Optuna, and only a search that uses Optuna imports this module.

A float or schedule with a range is a parameter from 0 to 1, its place on the range (a schedule is placed by its highest
level); an int is an int; floats with a step and numeric choices are their rank, other choices are categorical. Fixed
hyperparameters are left out. A parameter is suggested only where its condition holds.
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
from ..search.observations import Observations, Source
from ..search.samplers import Sampler
from ..space import Space, configuration_key, derive_seed

STARTUP = 1  # scores before a sampler models them: the first wave replaces its own random start
MOST_ASKS = 4  # per configuration wanted, including those that were already tried


def propose_with_optuna(
    space: Space,
    observations: Sequence[Observations],
    tried: Sequence[Configuration],
    seed: int,
    count: int,
    sampler: Sampler,
) -> tuple[Configuration, ...]:
    """Up to `count` untried configurations in the order proposed; fewer where the sampler keeps repeating tried ones.

    `tried[0]` gives the values of fixed hyperparameters. `observations`: scores in groups as in proposals.next_wave.
    Those of earlier campaigns are left out: their level differs, which a study cannot express.
    """
    with _quiet(), _single_threaded(sampler):
        study = optuna.create_study(
            study_name="search", direction="maximize", sampler=_sampler(space, sampler, seed, tried)
        )
        study.add_trials(_trials(space, observations, sampler))
        known_keys = {configuration_key(configuration) for configuration in tried}
        proposed: list[Configuration] = []
        for _ in range(MOST_ASKS * count):
            if len(proposed) == count:
                break
            configuration = _next(
                space, study.ask(), tried[0]
            )  # left running, so that the next proposal keeps away from it
            key = configuration_key(configuration)
            if key not in known_keys:
                known_keys.add(key)
                proposed.append(configuration)
    return tuple(proposed)


def _sampler(space: Space, sampler: Sampler, seed: int, tried: Sequence[Configuration]) -> BaseSampler:
    number = derive_seed(seed, "search", sampler.value, len(tried))
    if sampler is Sampler.RANDOM:
        return RandomSampler(seed=number)
    if sampler is Sampler.GP:
        return GPSampler(seed=number, n_startup_trials=STARTUP, warn_independent_sampling=False)
    has_conditions = any(hyperparameter.when is not None for hyperparameter in space.movable)
    return TPESampler(seed=number, n_startup_trials=STARTUP, multivariate=True, group=has_conditions)


def _trials(space: Space, observations: Sequence[Observations], sampler: Sampler) -> list[FrozenTrial]:
    """The scores as finished trials, one per configuration.

    A configuration stopped at a lower rung becomes a pruned trial: TPE ranks these below the completed ones, higher
    the further a trial got and the better it scored there. The Gaussian process ignores pruned trials; there it
    counts as scoring like the worst that completed, below which halving ranked it.
    """
    groups = [group for group in observations if group.source is not Source.EARLIER and group.scores]
    lowest = min((score for group in groups if group.source is Source.FULL for _, score in group.scores), default=None)
    known_keys: set[str] = set()
    trials: list[FrozenTrial] = []
    for rung, group in zip(range(len(groups), 0, -1), groups, strict=True):
        for configuration, score in group.scores:
            key = configuration_key(configuration)
            if key in known_keys:
                continue
            known_keys.add(key)
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
    """A configuration as Optuna's parameters and their distributions; values out of bounds are moved to the bounds."""
    active, places = set(space.active(configuration)), space.to_unit(configuration)
    chosen = {
        hyperparameter.name: (hyperparameter, place)
        for hyperparameter, place in zip(space.hyperparameters, places, strict=True)
        if hyperparameter.name in active and not hyperparameter.is_fixed
    }
    return (
        {name: _parameter(hyperparameter, place) for name, (hyperparameter, place) in chosen.items()},
        {name: _distribution(hyperparameter) for name, (hyperparameter, _) in chosen.items()},
    )


def _next(space: Space, trial: Trial, base: Configuration) -> Configuration:
    """The configuration of a trial, its parameters suggested in the order of declaration."""
    places = [0.5] * len(space.hyperparameters)
    for index, hyperparameter in enumerate(space.hyperparameters):
        # Whether it is active depends only on earlier ones, which have their places by now.
        if not hyperparameter.is_fixed and hyperparameter.name in space.from_unit(places, base):
            places[index] = _place(hyperparameter, trial)
    return space.validate(space.from_unit(places, base))


def _place(hyperparameter: Hyperparameter, trial: Trial) -> float:
    """The value that the trial suggests for a hyperparameter, as a place on the unit interval."""
    if hyperparameter.low is None or hyperparameter.high is None:
        last = len(hyperparameter.options) - 1
        ranks = range(last + 1)
        rank = (
            trial.suggest_int(hyperparameter.name, 0, last)
            if hyperparameter.is_ordered
            else trial.suggest_categorical(hyperparameter.name, ranks)
        )
        return (rank + 0.5) / (last + 1)
    if hyperparameter.kind is Kind.INT:
        return hyperparameter.to_unit(
            trial.suggest_int(
                hyperparameter.name,
                int(hyperparameter.low),
                int(hyperparameter.high),
                step=int(hyperparameter.step or 1),
                log=hyperparameter.log,
            )
        )
    if hyperparameter.grid is not None:
        count = hyperparameter.grid.count
        return (trial.suggest_int(hyperparameter.name, 0, count - 1) + 0.5) / count
    return trial.suggest_float(hyperparameter.name, 0.0, 1.0)


def _distribution(hyperparameter: Hyperparameter) -> BaseDistribution:
    """The distribution from which `_place` takes its suggestion."""
    if hyperparameter.low is None or hyperparameter.high is None:
        last = len(hyperparameter.options) - 1
        return IntDistribution(0, last) if hyperparameter.is_ordered else CategoricalDistribution(range(last + 1))
    if hyperparameter.kind is Kind.INT:
        bounds = int(hyperparameter.low), int(hyperparameter.high)
        return IntDistribution(*bounds, log=hyperparameter.log, step=int(hyperparameter.step or 1))
    if hyperparameter.grid is not None:
        return IntDistribution(0, hyperparameter.grid.count - 1)
    return FloatDistribution(0.0, 1.0)


def _parameter(hyperparameter: Hyperparameter, place: float) -> float | int:
    """A place on the unit interval as a value of the hyperparameter's distribution."""
    if hyperparameter.low is None:
        return min(int(place * len(hyperparameter.options)), len(hyperparameter.options) - 1)
    if hyperparameter.grid is None:
        return place
    number = hyperparameter.from_unit(place)
    assert isinstance(number, int | float)
    return number if hyperparameter.kind is Kind.INT else hyperparameter.grid.nearest(number)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Optuna's log lines and its warnings on experimental features: they are for its direct callers."""
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
    """Optuna's Gaussian process uses torch on matrices so small that more threads make it three times as slow."""
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
