"""The searches of the search study: caviar as campaigns run it, and what a person might use instead.

All train with one seed and one split seed, score on the same development rows, begin with the values in force, and
spend the trial-steps of caviar's plan, those of the values in force counted. A peer's last trial is begun while steps
are left and carried to its end, so that a peer spends up to a run more than caviar, never less. A run that diverges
costs a peer what it took, caviar the whole leg; a peer is told that it scored like a model that has learnt nothing.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from retuned.strategies.caviar.caviar import decide
from retuned.strategies.hyperparameter import Kind
from retuned.strategies.recipe import Recipe
from retuned.strategies.records import BudgetUnit, Configuration, LegEnd, LegRequest, LegResult
from retuned.strategies.search.observations import Observations, Source
from retuned.strategies.search.successive_halving import plan_search
from retuned.strategies.search.task import Finished, SearchTask
from retuned.strategies.space import derive_seed
from retuned.strategies.training.training import Checkpoint
from search_jobs import Job

TOP = 5  # configurations that a campaign hands to the next one, as in daemon/campaign.py


@dataclass(frozen=True)
class Searched:
    """What a search chose, and what it paid for it."""

    chosen: Configuration
    steps: float
    trials: int
    nothing_better: bool = False


def caviar(job: Job, seed: int) -> Searched:
    """The shipped search without anything earlier."""
    return _searched(job, _task(job, seed), job.recipe())[0]


def caviar_warm(job: Job, seed: int) -> Searched:
    """The shipped search after a campaign on the earlier window, which hands on what daemon/remembered.py reads.

    The earlier campaign was paid for at its time and does not count.
    """
    _, end, results = _searched(job, _task(job, derive_seed(seed, "earlier")), job.earlier())
    top = tuple(configuration for _, configuration, score in end.ranking[:TOP] if score is not None)
    full = tuple(
        (one.request.configuration, one.score)
        for one in results.values()
        if one.request.to_step == job.steps and one.score is not None
    )
    earlier = (Observations(full, Source.EARLIER),) if full else ()
    return _searched(job, replace(_task(job, seed), warm=top, earlier=earlier), job.recipe())[0]


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


Method = Callable[[Job, int], Searched]
OURS, WARM = "retuned", "retuned, warm start"
PEERS: dict[str, Method] = {
    "Optuna TPE, pruner": tpe,
    "Optuna GP, pruner": gaussian_process,
    "random": at_random,
}
METHODS: dict[str, Method] = {OURS: caviar, WARM: caviar_warm, **PEERS}


def steps_allowed(job: Job) -> float:
    """What caviar's plan costs, in steps."""
    task = _task(job, 0)
    plan = plan_search(task.challengers, task.full_runs, task.budget, task.unit, task.resumable)
    return plan.full_runs * job.steps


def seeds_of(seed: int) -> tuple[int, int]:
    """Seed and split seed of all trials of a search, as caviar derives them."""
    return derive_seed(seed, "search", "seed"), derive_seed(seed, "search", "split")


def _task(job: Job, seed: int) -> SearchTask:
    return SearchTask(
        space=job.space, incumbent=job.incumbent, warm=(), seed=seed, budget=float(job.steps), unit=BudgetUnit.STEPS,
        resumable=True, lower_is_better=True,
    )  # fmt: skip


def _searched(job: Job, task: SearchTask, recipe: Recipe) -> tuple[Searched, Finished, dict[str, LegResult]]:
    """Caviar to its end in this process, its legs carried out by the shipped loop."""
    results: dict[str, LegResult] = {}
    states: dict[str, Checkpoint | None] = {}
    while not isinstance(answer := decide(task, tuple(results.values())), Finished):
        for leg in answer.legs:
            if leg.name not in results:
                results[leg.name] = _carried_out(job, recipe, leg, states)
    spent = sum(one.request.to_step - one.request.from_step for one in results.values())
    trials = len({one.request.trial for one in results.values()})
    return Searched(answer.winner, spent, trials, answer.nothing_better), answer, results


def _carried_out(job: Job, recipe: Recipe, leg: LegRequest, states: dict[str, Checkpoint | None]) -> LegResult:
    start = None if leg.parent is None else states[leg.parent]
    stretch = (leg.from_step, leg.to_step)
    score, states[leg.name] = job.train(recipe, leg.configuration, (leg.seed, leg.split_seed), stretch, start)
    return LegResult(leg, LegEnd.DIVERGED if score is None else LegEnd.COMPLETED, score)


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
