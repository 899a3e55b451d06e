"""Our side of the search study: caviar as campaigns run it, and the trial-steps that it and its peers may spend."""

from dataclasses import dataclass, replace

from retuned.strategies.caviar.caviar import decide
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


OURS, WARM = "retuned", "retuned, warm start"


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
