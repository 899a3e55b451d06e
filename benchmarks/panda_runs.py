"""A panda in process: the shipped strategy, its legs carried out by the shipped loop, without workers and disk."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from panda_jobs import Job
from retuned.strategies.hyperparameter import Hyperparameter, Kind
from retuned.strategies.panda.diary import Nudging
from retuned.strategies.panda.panda import DAYS, Diary, decide
from retuned.strategies.panda.task import PandaRules, PandaTask, moved_by_panda
from retuned.strategies.records import BudgetUnit, Configuration, LegEnd, LegRequest, LegResult
from retuned.strategies.search.task import Finished, SearchTask
from retuned.strategies.space import Space
from retuned.strategies.training.training import Checkpoint, LegOrder, run_leg

EVALUATIONS = 20
Point = tuple[float, float, float]
"""A step with the loss on the development and on the test rows."""


@dataclass(frozen=True)
class TrainedLife:
    """A whole life: its ends of days as points, what it spent in steps, what its search found, and its diary."""

    points: tuple[Point, ...]
    spent: float
    found: Finished
    diary: Diary


def run_constant(job: Job, seed: int, values: Mapping[str, Any]) -> list[Point]:
    """A whole run with these values (schedules too), evaluated EVALUATIONS times; it may end early by diverging."""
    _, points, _ = _train(job, values, seed, 0.0, float(job.steps), None)
    return points


def train_life(job: Job, seed: int, rate: float, nudging: Nudging = Nudging.START, **moves: float) -> TrainedLife:
    """Train one life of a panda that is given `rate` to start with."""
    task = _task(job, rate, seed, nudging)
    history: dict[str, LegResult] = {}
    states: dict[str, Checkpoint | None] = {}
    points: dict[str, Point] = {}
    while True:
        answer, diary = decide(task, tuple(history.values()))
        if isinstance(answer, Finished):
            spent = sum(_steps(leg) for leg in history.values() if leg.request.trial != "search.000")
            names = [f"{day_end.trial}.d{day_end.day:04d}" for day_end in diary.day_ends]
            started = next((n for n in history if n.endswith(".d0000") and n.startswith(names[0][:10])), None)
            kept = [*([started] if started in points else []), *names] if names else []
            return TrainedLife(tuple(points[name] for name in kept), spent, answer, diary)
        for leg in answer.legs:
            if leg.name not in history:
                history[leg.name] = _carry_out(job, seed, leg, states, points)


def _steps(result: LegResult) -> float:
    return result.metrics.get("guard_step", result.request.to_step) - result.request.from_step


def _task(job: Job, rate: float, seed: int, nudging: Nudging) -> PandaTask:
    low, high = rate * 1e-6, rate * 1e6  # the walk itself is what is measured, not the bounds
    declared = [Hyperparameter("lr", Kind.FLOAT, low, high, log=True)]
    for name, value in job.others.items():
        declared.append(Hyperparameter(name, Kind.FLOAT, stored=value))
    if nudging is Nudging.DAILY and "momentum" in job.others:
        declared[1] = Hyperparameter("momentum", Kind.FLOAT, 0.0, 0.99)
    space = Space.of(declared)
    incumbent: Configuration = {"lr": rate, **job.others}
    search = SearchTask(
        space=space, incumbent=incumbent, warm=(), seed=seed, budget=float(job.steps), unit=BudgetUnit.STEPS,
        resumable=True, lower_is_better=True,
    )  # fmt: skip
    return PandaTask(PandaRules(search, moved_by_panda(space, incumbent), job.steps / DAYS, nudging=nudging))


def _carry_out(
    job: Job, seed: int, leg: LegRequest, states: dict[str, Checkpoint | None], points: dict[str, Point]
) -> LegResult:
    """A leg as the runner would give it back; the incumbent's run is no part of the study and is not made."""
    if leg.trial == "search.000":
        return LegResult(leg, LegEnd.COMPLETED, -math.inf)
    start = None if leg.parent is None else states[leg.parent]
    end, found, (metrics, state) = _train(
        job, leg.configuration, seed, leg.from_step, leg.to_step, start, leg, every=None
    )
    states[leg.name] = state
    curve = tuple((step, -dev) for step, dev, _ in found if math.isfinite(dev))
    is_good = end == "completed" and math.isfinite(found[-1][1])
    if is_good:
        points[leg.name] = found[-1]
    return LegResult(
        leg, LegEnd.COMPLETED if is_good else LegEnd.DIVERGED, -found[-1][1] if is_good else None,
        detail=str(metrics.pop("detail")), metrics=metrics, curve=curve,
    )  # fmt: skip


def _train(
    job: Job, values: Mapping[str, Any], seed: int, start: float, end: float, state: Checkpoint | None,
    leg: LegRequest | None = None, every: float | None = 0.0,
) -> tuple[str, list[Point], tuple[dict[str, Any], Checkpoint | None]]:  # fmt: skip
    points: list[Point] = []
    metrics: dict[str, Any] = {}

    def report(step: float, found: Mapping[str, float]) -> None:
        metrics.update(found)
        if "dev_loss" in found:
            points.append((step, found["dev_loss"], found["test_loss"]))

    cadence = job.steps / EVALUATIONS if every == 0.0 else every
    skip, guarded = (leg.skip_batches, leg.is_guarded) if leg else (0, False)
    order = LegOrder({**job.others, **values}, seed, seed, "dev", "steps", start, end, cadence, skip, guarded)
    outcome = run_leg(job.recipe(), order, report, lambda: 0.0, state)
    metrics["detail"] = outcome.detail
    return outcome.end, points, (metrics, outcome.checkpoint)
