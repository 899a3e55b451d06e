"""How good the configurations are that a search chooses, against Optuna, SMAC and random search at equal trial-steps.

    python benchmarks/search_quality.py --seeds 10 --jobs 2 --cache /tmp/references
    OPTUNAHUB_REGISTRY=CLONE python benchmarks/search_quality.py      # with OptunaHub's AutoSampler, from a clone of it
    python benchmarks/search_quality.py --quick                                      # whether it works at all

Regret: by how much the chosen configuration's true score lies below that of the best of 200 random configurations, as
a share of what lies between that best and their median: 0 is as good as the best, 1 as the median; below 0 is better
than all 200. A true score is the mean on test rows over fresh seeds, which no search and no choice has seen: the best
of the 200 is chosen on other seeds and scored again on these. Promised: the mean regret over all trainings and seeds is
at most 1.1 times that of the best peer without a warm start, and below it with one. Exit code 1 when it is not.
"""

import argparse
import hashlib
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
import torch
from machine import header, kept_in, print_table, write_record
from retuned.strategies.records import Configuration
from retuned.strategies.space import configuration_key, derive_seed
from search_jobs import Job, jobs
from search_methods import OURS, WARM, caviar, caviar_warm, steps_allowed
from search_peers import PEERS, left_out

ALLOWED_RATIO = 1.1
FRESH, CHOOSING = 1_000_000, 2_000_000  # the first of the seeds that score, and of those that choose the best of 200
FINAL = 20  # of the random configurations, scored on all choosing seeds
MIDDLE = 5  # around the median, whose mean true score is the median's
RESAMPLES = 10_000
RESULT = Path(__file__).parent / "results" / "search_quality.json"
Row = dict[str, Any]
METHODS = {OURS: caviar, WARM: caviar_warm} | {name: peer for name, peer in PEERS.items() if name not in left_out()}


def main() -> int:
    """Search, score, print and write; 1 when the promise is broken."""
    options = _options()
    if find_spec("optuna") is None:
        print("left out: Optuna is not installed; pip install -c deploy/constraints.txt '.[bench]'")
        return 0
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes to come
    started = time.perf_counter()
    for name, why in left_out().items():
        print(f"NOT RUN: {name}, since {why}", flush=True)
    chosen = jobs(options.steps)
    for load in (one for job in chosen for one in (job.recipe, job.earlier)):
        load()  # prepared once, before processes do it at the same time
    with multiprocessing.get_context("spawn").Pool(options.jobs, _begin) as pool:
        mapped = partial(pool.map, chunksize=1)
        references = {job.name: _reference(job, options, mapped) for job in chosen}
        tasks = [
            (options.steps, job.name, seed, name, options.fresh)
            for seed in range(options.first_seed, options.first_seed + options.seeds)
            for job in chosen
            for name in METHODS
        ]
        cells = [_with_regret(cell, references[cell["job"]]) for cell in mapped(_cell, tasks)]
    record = {
        "seconds": round(time.perf_counter() - started, 1), "first_seed": options.first_seed,
        "seeds": options.seeds, "fresh_seeds": options.fresh,
        "random_configurations": options.random, "steps_a_run": {job.name: job.steps for job in chosen},
        "full_runs_a_search": steps_allowed(chosen[0]) / chosen[0].steps,
        **_judged(cells, [job.name for job in chosen]), "not_run": left_out(), "references": references, "cells": cells,
    }  # fmt: skip
    print_table("normalised regret, mean over seeds", record["by_job"])
    print_table("over all", record["overall"])
    print(f"\nkept: {record['kept']}")
    write_record(options.out, header(options.command, packages=("optunahub", "smac")) | record)
    return 0 if record["kept"] else 1


def _judged(cells: Sequence[Row], names: Sequence[str]) -> Row:
    """The tables and whether the promise is kept. The best peer is the one with the least mean over everything."""
    regrets = {name: _table(cells, name, names) for name in METHODS}  # each (job, seed)
    best = min(set(PEERS) & set(METHODS), key=lambda name: float(regrets[name].mean()))
    picked = _resampled(*next(iter(regrets.values())).shape)
    by_job = [
        {"job": job, **_figures(regrets, name, best, picked, [index])}
        for index, job in enumerate(names)
        for name in METHODS
    ]
    overall = [_figures(regrets, name, best, picked, list(range(len(names)))) for name in METHODS]
    ours, warm, peer = (float(regrets[name].mean()) for name in (OURS, WARM, best))
    is_near = ours <= ALLOWED_RATIO * peer if peer > 0 else ours <= peer
    return {"kept": is_near and warm < peer, "best_peer": best, "overall": overall, "by_job": by_job}


def _figures(regrets: dict[str, np.ndarray], name: str, best: str, picked: np.ndarray, which: Sequence[int]) -> Row:
    """Mean, median, ratio to the best peer and difference from it, with 95 % intervals by a bootstrap of seeds within
    each job, method and peer resampled together. A ratio to a mean of 0 or less is none, and is left out."""
    mine, peers = regrets[name][which], regrets[best][which]  # (job, seed)
    places = np.arange(len(which))[:, None], picked[:, which]  # (job, 1), (resample, job, seed)
    means, others = mine[places].mean(axis=(1, 2)), peers[places].mean(axis=(1, 2))
    ratios = np.where(others > 0, means / np.where(others > 0, others, 1.0), np.inf)
    mean, peer = float(mine.mean()), float(peers.mean())
    return {
        "method": name, "mean": round(mean, 4), **_interval(means), "median": round(float(np.median(mine)), 4),
        "ratio": round(mean / peer, 3) if peer > 0 else None, **_interval(ratios, "ratio "),
        "difference": round(mean - peer, 4), **_interval(means - others, "difference "),
    }  # fmt: skip


def _interval(values: np.ndarray, name: str = "") -> Row:
    found = np.quantile(values, (0.025, 0.975), method="higher")
    return {f"{name}{end}": round(float(one), 4) if np.isfinite(one) else None
            for end, one in zip(("low", "high"), found, strict=True)}  # fmt: skip


def _resampled(n_jobs: int, n_seeds: int) -> np.ndarray:
    """Numbers of seeds (resample, job, seed)."""
    return np.random.default_rng(0).integers(n_seeds, size=(RESAMPLES, n_jobs, n_seeds))


def _table(cells: Sequence[Row], method: str, names: Sequence[str]) -> np.ndarray:
    return np.array([[one["regret"] for one in cells if (one["job"], one["method"]) == (job, method)] for job in names])


def _cell(task: tuple[int | None, str, int, str, int]) -> Row:
    """One search and the true score of what it chose."""
    steps, job_name, seed, method, fresh = task
    job = _job(steps, job_name)
    started = time.perf_counter()
    found = METHODS[method](job, seed)
    searched_s = time.perf_counter() - started
    return {
        "job": job_name, "seed": seed, "method": method, "score": _true_score(steps, job_name, found.chosen, fresh),
        "steps": found.steps, "trials": found.trials, "nothing_better": found.nothing_better,
        "seconds": round(searched_s, 2), "chosen": dict(found.chosen),
    }  # fmt: skip


def _with_regret(cell: Row, reference: Row) -> Row:
    regret = (reference["best"] - cell["score"]) / (reference["best"] - reference["median"])
    return {**cell, "score": round(cell["score"], 6), "regret": round(regret, 5)}


def _reference(job: Job, options: argparse.Namespace, mapped: Callable[..., list[float]]) -> Row:
    """True scores of the best and of the median of the random configurations, and of the values in force."""
    data = [float(one.double().sum()) for one in (job.recipe().inputs, job.recipe().target)]
    key = repr((job.name, job.steps, job.space, job.incumbent, data, options.random, options.fresh)).encode()
    kept = options.cache and options.cache / f"{job.name}-{hashlib.blake2b(key, digest_size=8).hexdigest()}.json"
    return kept_in(kept, lambda: _measured(job, options, mapped))


def _measured(job: Job, options: argparse.Namespace, mapped: Callable[..., list[float]]) -> Row:
    def scores(which: Sequence[Configuration], first: int, count: int) -> list[float]:
        tasks = [(options.steps, job.name, one, first + number) for one in which for number in range(count)]
        singles = mapped(_score, tasks)
        return [fmean(singles[start : start + count]) for start in range(0, len(singles), count)]

    drawn = _drawn(job, options.random)
    roughly = scores(drawn, CHOOSING, 2)
    order = sorted(range(len(drawn)), key=lambda index: -roughly[index])
    finalists = [drawn[index] for index in order[:FINAL]]
    again = scores(finalists, CHOOSING + 2, 4)
    sums = [2 * roughly[index] + 4 * more for index, more in zip(order, again, strict=False)]
    best = finalists[max(range(len(finalists)), key=lambda index: sums[index])]
    start = (len(drawn) - MIDDLE) // 2
    middle = [drawn[index] for index in order[start : start + MIDDLE]]
    true = scores([best, job.incumbent, *middle], FRESH, options.fresh)
    return {
        "best": true[0], "median": fmean(true[2:]), "incumbent": true[1], "best_configuration": dict(best),
        "incumbent_regret": round((true[0] - true[1]) / (true[0] - fmean(true[2:])), 4),
        "median_when_choosing": median(roughly),
    }  # fmt: skip


def _drawn(job: Job, count: int) -> list[Configuration]:
    draw = random.Random(derive_seed(0, "reference", job.name))
    return [job.space.from_unit([draw.random() for _ in job.space.names]) for _ in range(count)]


def _true_score(steps: int | None, job_name: str, configuration: Configuration, fresh: int) -> float:
    return fmean(_score((steps, job_name, configuration, FRESH + number)) for number in range(fresh))


_scores: dict[tuple[object, ...], float] = {}


def _score(task: tuple[int | None, str, Configuration, int]) -> float:
    """The score of one run on the test rows, no worse than that of a model that has learnt nothing."""
    steps, job_name, configuration, seed = task
    key = (steps, job_name, configuration_key(configuration), seed)
    if key not in _scores:
        job = _job(steps, job_name)
        worst = -job.recipe().useless
        score, _ = job.train(job.recipe(), configuration, (seed, seed), is_test=True)
        _scores[key] = worst if score is None else max(score, worst)
    return _scores[key]


@cache
def _job(steps: int | None, name: str) -> Job:
    return next(job for job in jobs(steps) if job.name == name)


def _begin() -> None:
    torch.set_num_threads(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=21, help="the search was tuned on 1 to 15")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--fresh", type=int, default=5, help="seeds of a true score")
    parser.add_argument("--random", type=int, default=200, help="random configurations of the reference")
    parser.add_argument("--steps", type=int, help="of every run, in place of the training's own")
    parser.add_argument("--cache", type=Path, help="a folder to keep the references in, for the next run")
    parser.add_argument("--quick", action="store_true", help="two seeds, short runs, 20 random configurations")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.fresh, options.random, options.steps = 2, 2, 20, 60
        if options.out == RESULT:
            options.out = Path(tempfile.gettempdir()) / RESULT.name  # it proves nothing
    options.command = "python benchmarks/search_quality.py " + (
        "--quick"
        if options.quick
        else f"--first-seed {options.first_seed} --seeds {options.seeds} --fresh {options.fresh}"
        f" --random {options.random}"
    )
    return options


if __name__ == "__main__":
    sys.exit(main())
