"""The trainings of real_losses.py: their best known settings, those that lose a share of the skill, and true scores."""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import real_losses_recipe as recipes
import torch
from fresh_scores import TRUTH, fresh_scores
from panda_jobs import example_recipe, noisy_digits
from retuned.strategies.records import Configuration
from retuned.strategies.space import Hyperparameter, Kind, Space

EPOCHS = 6.0
TARGETS = (0.035, 0.075, 0.15)  # shares of the best known skill
CHOOSING, LADDER = 3_000_000, 4_000_000  # the first of the seeds that choose and place
Row = dict[str, Any]
SPACE = Space.of(
    [
        Hyperparameter("lr", Kind.FLOAT, 0.001, 3.0, log=True),
        Hyperparameter("momentum", Kind.FLOAT, 0.0, 0.98),
        Hyperparameter("weight_decay", Kind.FLOAT, 1e-6, 0.3, log=True),
        Hyperparameter("dropout", Kind.FLOAT, 0.0, 0.7),
        Hyperparameter("init_scale", Kind.FLOAT, 0.1, 10.0, log=True),
        Hyperparameter("clip_norm", Kind.FLOAT, 0.03, 30.0, log=True),
    ]
)


@dataclass(frozen=True)
class Job:
    """A training: its recipe's class, and its table as inputs (R, F) and target (R, 1)."""

    name: str
    kind: type[recipes.Table]
    table: Callable[[], tuple[torch.Tensor, torch.Tensor]]


def flights() -> tuple[torch.Tensor, torch.Tensor]:
    """Flights of the second half of 2013."""
    inner = example_recipe("flights", "Flights", ("--months", "7-12"))
    return inner.inputs, inner.is_late


def rides() -> tuple[torch.Tensor, torch.Tensor]:
    """Hours of bike share in the first half of 2012, the target to a spread of 1."""
    inner = example_recipe("bike_share", "BikeShare", ("2012H1",))
    return inner.inputs, (inner.target - inner.target.mean()) / inner.target.std()


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Handwritten digits, with noise on pixels and a tenth of the labels."""
    images, labels = noisy_digits(0.1, 0.3, 16)
    return images, labels[:, None].float()


JOBS = (Job("flights", recipes.Yes, flights), Job("rides", recipes.Amount, rides), Job("digits", recipes.Digit, digits))


def placed(name: str, path: str, seed: int, directions: int, tried: int, pairs: int) -> Row:
    """The best known settings, and those in force of each campaign: twice the best, then moved ones."""
    draw = np.random.default_rng([seed, *name.encode()])
    size = len(SPACE.names)
    best = _narrowed(name, path, draw.random((tried, size)), 4)
    around = np.clip(best + 0.1 * draw.standard_normal((tried // 4, size)), 0, 1)
    best = _narrowed(name, path, np.vstack([best, around]), 8)
    values = _at(best)
    skill = fmean(scores(name, path, [values], TRUTH, pairs)[0])
    cases: list[Row] = 2 * [{"aimed": 0.0, "values": values}]
    for _ in range(directions):
        way = draw.standard_normal(size)
        ladder = [np.clip(best + step * way / np.linalg.norm(way), 0, 1) for step in np.linspace(0.08, 1.0, 10)]
        rungs = [_at(place) for place in ladder]
        reached = [fmean(each) for each in scores(name, path, [values, *rungs], LADDER, 16)]
        shares = [(reached[0] - score) / skill for score in reached[1:]]
        for target in TARGETS:
            nearest = min(range(len(rungs)), key=lambda rung: abs(math.log(max(shares[rung], 1e-9) / target)))
            cases.append({"aimed": target, "values": rungs[nearest]})
    print(f"{name}: best known skill {skill:.4f} with {values}", flush=True)
    return {"best": {"values": values, "skill": round(skill, 5)}, "cases": cases}


def _narrowed(name: str, path: str, places: np.ndarray, seeds: int) -> np.ndarray:
    """The best of many places, scored by some seeds, then the best sixteenth by eight times as many others."""
    tried = [_at(place) for place in places]
    roughly = [fmean(each) for each in scores(name, path, tried, CHOOSING, seeds)]
    order = sorted(range(len(tried)), key=lambda index: -roughly[index])[: max(4, len(tried) // 16)]
    again = [fmean(each) for each in scores(name, path, [tried[i] for i in order], CHOOSING + seeds, 8 * seeds)]
    found: np.ndarray = places[order[again.index(max(again))]]
    return found


def _at(place: np.ndarray) -> Configuration:
    return SPACE.from_unit([float(one) for one in place])


def scores(name: str, path: str, wanted: Sequence[Configuration], first: int, count: int) -> list[list[float]]:
    """The skill of each configuration in `count` fresh runs of a training."""
    return fresh_scores(_recipe(name, path), wanted, first, count, EPOCHS)


@cache
def _recipe(name: str, path: str) -> recipes.Table:
    return next(job.kind for job in JOBS if job.name == name)(path)


def written(job: Job, folder: Path) -> Path:
    inputs, target = job.table()
    path = folder / f"{job.name}.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([f"{value:.7g}" for value in row] for row in torch.cat([inputs, target], 1).tolist())
    return path
