"""The truth about configurations: scores of fresh runs that neither a search nor a verdict has seen, and what a better
one gains over a worse in pairs of them."""

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean, stdev

import torch
from retuned.strategies.fused.fused import Legs, run_legs
from retuned.strategies.fused.models_per_batch import BatchChoice, MachineMemory
from retuned.strategies.recipe import Recipe
from retuned.strategies.records import Configuration
from retuned.strategies.training.training import run_leg
from retuned.strategies.training.trial_run import LegOrder

PAIRS = 40
TRUTH = 5_000_000  # the first of the seeds that verify
FLOOR = -1.0  # of the metric "skill": where a run diverged
TOGETHER = 64  # trials a batch


def begin() -> None:
    """Prepare a process of a pool."""
    torch.set_num_threads(1)


def fresh_scores(
    recipe: Recipe, wanted: Sequence[Configuration], first: int, count: int, epochs: float
) -> list[list[float]]:
    """The skill of each configuration in `count` fresh runs, scored on the held-out slices; the floor where it
    diverged. Configurations share their seeds, run by run."""
    orders = [
        LegOrder(one, first + number, first + number, "held_out", "epochs", 0.0, epochs)
        for number in range(count)
        for one in wanted
    ]
    found = [FLOOR] * len(orders)

    def report(number: int, step: float, metrics: Mapping[str, float]) -> None:
        skill = metrics.get("skill", math.nan)  # a run that diverged reports its loss alone
        found[number] = max(FLOOR, skill) if math.isfinite(skill) else FLOOR

    legs = Legs(recipe, orders, [None] * len(orders), report, lambda _: None, time.perf_counter)
    fused = run_legs(legs, MachineMemory(2 << 30, 1 << 20), lambda _, choose: BatchChoice(True, TOGETHER, "many"))
    for number in fused.alone:
        run_leg(recipe, orders[number], partial(report, number), time.perf_counter)
    return [found[place :: len(wanted)] for place in range(len(wanted))]


def paired_gain(better: Sequence[float], worse: Sequence[float], skill: float) -> dict[str, float]:
    """The mean paired difference with its standard error, in the metric, in standard deviations, and as a share of a
    skill."""
    each = [one - other for one, other in zip(better, worse, strict=True)]
    mean, sd = fmean(each), stdev(each)
    figures = {"mean": mean, "error": sd / math.sqrt(len(each)), "sds": mean / sd if sd else 0.0, "share": mean / skill}
    return {name: round(value, 5) for name, value in figures.items()}
