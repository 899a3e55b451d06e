"""The other tools of benchmarks/caviar.py on the job of the plain loop: Optuna and Ray Tune, each as its manual says.

A tool that is not installed is left out, loudly: pip install -c deploy/constraints.txt '.[bench]'
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from caviar_jobs import Configuration, plain_trial

Peer = Callable[[Sequence[Configuration], int], float]
"""Takes configurations and epochs, gives the seconds that it took, without its own import and start."""


def plain_loop(given: Sequence[Configuration], epochs: int) -> float:
    """One trial after another."""
    started = time.perf_counter()
    for configuration in given:
        plain_trial(configuration, epochs)
    return time.perf_counter() - started


def two_plain_processes(given: Sequence[Configuration], epochs: int) -> float:
    """The same in two processes, which are up and warm."""
    with multiprocessing.get_context("spawn").Pool(2, _warm) as pool:
        pool.starmap(plain_trial, [(given[0], 1)] * 8, chunksize=1)
        started = time.perf_counter()
        pool.starmap(plain_trial, [(configuration, epochs) for configuration in given], chunksize=1)
        return time.perf_counter() - started


def optuna_in_memory(given: Sequence[Configuration], epochs: int) -> float:
    """A study in memory."""
    return _optuna(None, given, epochs)


def optuna_on_sqlite(given: Sequence[Configuration], epochs: int) -> float:
    """A study in a SQLite file, as one that shall survive."""
    with tempfile.TemporaryDirectory() as folder:
        return _optuna(f"sqlite:///{folder}/study.db", given, epochs)


def optuna_on_sqlite_twice(given: Sequence[Configuration], epochs: int) -> float:
    """Two processes on one such study."""
    import optuna

    with tempfile.TemporaryDirectory() as folder:
        place = f"sqlite:///{folder}/study.db"
        study = optuna.create_study(storage=place, study_name="digits")
        for configuration in given:
            study.enqueue_trial(configuration)
        with multiprocessing.get_context("spawn").Pool(2, _warm) as pool:
            pool.starmap(plain_trial, [(given[0], 1)] * 8, chunksize=1)
            pool.map(_nothing, range(8))
            started = time.perf_counter()
            pool.starmap(_share_of_study, [(place, len(given) // 2, epochs)] * 2, chunksize=1)
            return time.perf_counter() - started


def ray_reusing_actors(given: Sequence[Configuration], epochs: int) -> float:
    """Ray Tune with reuse_actors."""
    return _ray(given, epochs, reuses=True)


def ray_by_default(given: Sequence[Configuration], epochs: int) -> float:
    """Ray Tune, a process a trial."""
    return _ray(given, epochs, reuses=False)


PEERS: dict[str, tuple[Peer, str]] = {
    "plain loop": (plain_loop, ""),
    "plain loop, two processes": (two_plain_processes, ""),
    "Optuna in memory": (optuna_in_memory, "optuna"),
    "Optuna on SQLite": (optuna_on_sqlite, "optuna"),
    "Optuna on SQLite, two processes": (optuna_on_sqlite_twice, "optuna"),
    "Ray Tune, actors reused": (ray_reusing_actors, "ray"),
    "Ray Tune by default": (ray_by_default, "ray"),
}


def is_there(package: str) -> bool:
    """Whether a tool is installed."""
    return not package or find_spec(package) is not None


def _warm() -> None:
    torch.set_num_threads(1)


def _nothing(number: int) -> int:
    time.sleep(0.01)
    return number


def _objective(epochs: int) -> Callable[[Any], float]:
    def train(trial: Any) -> float:  # noqa: ANN401 (Optuna's)
        configuration = {
            "lr": trial.suggest_float("lr", 1e-4, 1, log=True),
            "momentum": trial.suggest_float("momentum", 0, 0.99),
            "weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
        }
        return plain_trial(configuration, epochs, lambda epoch, accuracy: trial.report(accuracy, epoch))

    return train


def _optuna(place: str | None, given: Sequence[Configuration], epochs: int) -> float:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=place)
    for configuration in given:
        study.enqueue_trial(configuration)
    started = time.perf_counter()
    study.optimize(_objective(epochs), n_trials=len(given))
    return time.perf_counter() - started


def _share_of_study(place: str, count: int, epochs: int) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.load_study(storage=place, study_name="digits").optimize(_objective(epochs), n_trials=count)


def _ray(given: Sequence[Configuration], epochs: int, *, reuses: bool) -> float:
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_DEDUP_LOGS": "0",
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    }
    import ray
    from ray import tune

    if not ray.is_initialized():
        paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
        ray.init(
            num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": paths}}
        )

    def train(given: dict[str, Configuration]) -> None:
        torch.set_num_threads(1)
        plain_trial(given["configuration"], epochs, lambda epoch, accuracy: tune.report({"accuracy": accuracy}))

    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            train,
            param_space={"configuration": tune.grid_search(list(given))},
            tune_config=tune.TuneConfig(reuse_actors=reuses),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        started = time.perf_counter()
        tuner.fit()
        return time.perf_counter() - started
