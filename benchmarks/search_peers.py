"""What a person might use in place of caviar in the search study: Optuna, SMAC, random search.

All train with one seed and one split seed, score on the same development rows, begin with the values in force, and
spend the trial-steps of caviar's plan, those of the values in force counted. A peer's last trial is begun while steps
are left and carried to its end, so that a peer spends up to a run more than caviar, never less. A run that diverges
costs a peer what it took, caviar the whole leg; a peer is told that it scored like a model that has learnt nothing.
"""

import logging
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retuned.strategies.hyperparameter import Hyperparameter, Kind
from search_jobs import Job
from search_methods import Searched, seeds_of, steps_allowed

REGISTRY = "OPTUNAHUB_REGISTRY"
"""The environment variable with a clone of github.com/optuna/optunahub-registry, from which AutoSampler is loaded."""
AUTO, SMAC = "Optuna AutoSampler, pruner", "SMAC"


def tpe(job: Job, seed: int) -> Searched:
    """Optuna's TPE with its median pruner, both as they come."""
    import optuna

    return _optuna(job, seed, optuna.samplers.TPESampler(seed=seed), optuna.pruners.MedianPruner())


def gaussian_process(job: Job, seed: int) -> Searched:
    """Optuna's Gaussian process with its median pruner, both as they come."""
    import optuna

    return _optuna(job, seed, optuna.samplers.GPSampler(seed=seed), optuna.pruners.MedianPruner())


def at_random(job: Job, seed: int) -> Searched:
    """Random search, every trial to its end."""
    import optuna

    return _optuna(job, seed, optuna.samplers.RandomSampler(seed=seed), optuna.pruners.NopPruner())


def auto(job: Job, seed: int) -> Searched:
    """AutoSampler of OptunaHub, which chooses Optuna's sampler by the space, with Optuna's median pruner."""
    import optuna
    import optunahub

    folder = str(Path(os.environ[REGISTRY]) / "package")
    module = optunahub.load_local_module("samplers/auto_sampler", registry_root=folder)
    return _optuna(job, seed, module.AutoSampler(seed=seed), optuna.pruners.MedianPruner())


def smac(job: Job, seed: int) -> Searched:
    """SMAC's random forest as it comes (Lindauer et al. 2022), every trial to its end."""
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory import TrialValue

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    places, first = _smac_space(job, seed)
    allowed, spent, told = steps_allowed(job), 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        trials = math.ceil(allowed / job.steps)
        scenario = Scenario(places, deterministic=True, n_trials=trials, seed=seed, output_directory=Path(folder))
        start = HyperparameterOptimizationFacade.get_initial_design(scenario, additional_configs=[first])
        search = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, initial_design=start, overwrite=True
        )
        while spent < allowed - 1e-6:
            asked = search.ask()
            values = {
                one.name: _plain(one, asked.config) for one in job.space.hyperparameters if one.name in asked.config
            }
            reached = [0.0]
            score, _ = job.train(
                job.recipe(), values, seeds_of(seed), told=lambda step, _, reached=reached: reached.append(step)
            )
            spent += reached[-1]
            known = -job.recipe().useless if score is None else score
            search.tell(asked, TrialValue(cost=-known))
            told.append((known, values))
    return Searched(max(told, key=lambda each: each[0])[1], spent, len(told))


def _smac_space(job: Job, seed: int) -> tuple[Any, Any]:
    """The space as a user of SMAC writes it, and the values in force in it."""
    import ConfigSpace

    def declared(one: Hyperparameter) -> Any:  # noqa: ANN401 - ConfigSpace's
        if one.choices:
            return ConfigSpace.Categorical(one.name, list(one.choices))
        kind = ConfigSpace.Integer if one.kind is Kind.INT else ConfigSpace.Float
        return kind(one.name, (one.low, one.high), log=one.log)

    places = ConfigSpace.ConfigurationSpace(seed=seed)
    places.add([declared(one) for one in job.space.hyperparameters])
    places.add(
        [
            ConfigSpace.InCondition(places[one.name], places[one.when[0]], list(one.when[1]))
            for one in job.space.hyperparameters
            if one.when is not None
        ]
    )
    return places, ConfigSpace.Configuration(places, dict(job.incumbent))


def _plain(one: Hyperparameter, place: Mapping[str, Any]) -> Any:  # noqa: ANN401 - SMAC's
    """A value without numpy's types."""
    value = place[one.name]
    return str(value) if one.choices else int(value) if one.kind is Kind.INT else float(value)


Method = Callable[[Job, int], Searched]
PEERS: dict[str, Method] = {
    "Optuna TPE, pruner": tpe,
    "Optuna GP, pruner": gaussian_process,
    AUTO: auto,
    SMAC: smac,
    "random": at_random,
}


def left_out() -> dict[str, str]:
    """The peers that cannot run here, and why."""
    missing = {}
    if find_spec("optunahub") is None or find_spec("cmaes") is None:
        missing[AUTO] = "optunahub or cmaes is not installed"
    elif not (Path(os.environ.get(REGISTRY, "")) / "package" / "samplers" / "auto_sampler").is_dir():
        missing[AUTO] = f"{REGISTRY} names no clone of github.com/optuna/optunahub-registry"
    if find_spec("smac") is None:
        missing[SMAC] = "smac is not installed"
    return missing


def _optuna(job: Job, seed: int, sampler: Any, pruner: Any) -> Searched:  # noqa: ANN401 - Optuna's
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    study.enqueue_trial(dict(job.incumbent))
    spent = 0.0

    def train(trial: Any) -> float:  # noqa: ANN401 - Optuna's
        nonlocal spent
        values = _suggested(job, trial)
        trial.set_user_attr("values", values)
        reached = 0.0

        def told(step: float, loss: float) -> None:
            nonlocal reached
            reached = step
            if math.isfinite(loss):
                trial.report(-loss, round(step))
                if trial.should_prune():
                    raise optuna.TrialPruned

        try:
            score, _ = job.train(job.recipe(), values, seeds_of(seed), told=told)
        finally:
            spent += reached
        return -job.recipe().useless if score is None else score

    allowed = steps_allowed(job)
    while spent < allowed - 1e-6:
        study.optimize(train, n_trials=1)
    return Searched(study.best_trial.user_attrs["values"], spent, len(study.trials))


def _suggested(job: Job, trial: Any) -> Mapping[str, Any]:  # noqa: ANN401 - Optuna's
    """The space as a user of Optuna writes it: a conditional hyperparameter is asked for where it exists."""
    values: dict[str, Any] = {}
    for one in job.space.hyperparameters:
        if one.when is not None and values[one.when[0]] not in one.when[1]:
            continue
        if one.choices:
            values[one.name] = trial.suggest_categorical(one.name, one.choices)
        elif one.kind is Kind.INT:
            values[one.name] = trial.suggest_int(one.name, int(one.low or 0), int(one.high or 0), log=one.log)
        else:
            values[one.name] = trial.suggest_float(one.name, one.low, one.high, log=one.log)
    return values
