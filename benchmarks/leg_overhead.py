"""What a tiny run costs by the local runner, on a Ray cluster of one machine, and as a trial of Ray Tune there.

python benchmarks/leg_overhead.py            writes benchmarks/results/leg_overhead.json
python benchmarks/leg_overhead.py --few      a few runs of each, to see that it goes; writes nothing

A command prints one metric; a recipe trains a small network for an epoch, alone and in a fused group, one run at a
time. Each way is warmed up before it is timed, and the ways take turns, so that what else the machine does meets them
alike. At the end 1,000 commands, three at a time, on a cluster of three nodes and here. Times are by the clock: for a
quiet machine. Ray Tune has no groups: its single trials stand for them.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from caviar_jobs import Configuration, plain_trial
from machine import header, print_table, write_record
from ray_cluster import RayCluster
from retuned.daemon.clock import SystemClock
from retuned.daemon.training.cluster.cluster_runner import Cluster, ClusterRunner
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.spool_runner import SpoolRunner
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "leg_overhead.json"
PRINTS = ("sh", "-c", 'echo \'{{"step": 1, "metrics": {{"accuracy": 0.5}}}}\'')
KINDS = ("command", "recipe", "fused")
NODES, MANY = 3, 1000
LEGS, ROUNDS = {"command": 100, "recipe": 100, "fused": 400}, 5
FEW_LEGS, FEW_ROUNDS = 4, 1
WARM_UP = 4  # runs, which a fused group needs as well
PAUSE_S = 0.01
METRIC = Objective("accuracy", lower_is_better=False)


class Way(Protocol):
    """A place for runs, one after another."""

    def run(self, count: int) -> float:
        """Seconds for so many runs, from the order to the last result."""

    def close(self) -> None:
        """Leave nothing behind."""


class ByRunner:
    """A runner of retuned."""

    def __init__(self, kind: str, folder: Path, open_runner: Callable[[Path, TrainingOrder], SpoolRunner]) -> None:
        command = PRINTS if kind == "command" else None
        recipe = None if command else f"{HERE / 'caviar_jobs.py'}:Digits"
        order = TrainingOrder(
            "command" if command else "recipe", command, recipe, sys.executable, str(HERE), "", "epochs", None, 600.0,
            1, groups=1 if kind == "fused" else 0,
        )  # fmt: skip
        self._runner = open_runner(folder, order)
        self._count = 0

    def run(self, count: int) -> float:
        """Seconds for so many legs."""
        self._count += 1
        requests = [_request(f"l{self._count}.{number}", number) for number in range(count)]
        started, ended = time.perf_counter(), 0
        self._runner.submit(requests)
        while ended < count:
            results = self._runner.poll().values()
            assert all(result.end is LegEnd.COMPLETED for result in results), [result.detail for result in results]
            ended += len(results)
            time.sleep(PAUSE_S if ended < count else 0.0)
        return time.perf_counter() - started

    def close(self) -> None:
        """End the workers."""
        self._runner.stop()


class ByTune:
    """Ray Tune on the same cluster; actors are used again, as its manual advises for short trials."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._is_command = kind == "command"
        self._folder = folder

    def run(self, count: int) -> float:
        """Seconds for so many trials of one experiment."""
        from ray import tune

        is_command, words = self._is_command, [word.replace("{{", "{").replace("}}", "}") for word in PRINTS]

        def train(given: dict[str, Configuration]) -> None:
            if is_command:
                subprocess.run(words, check=True, stdout=subprocess.PIPE)
                tune.report({"accuracy": 0.5})
            else:
                plain_trial(given["configuration"], 1, lambda epoch, accuracy: tune.report({"accuracy": accuracy}))

        tuner = tune.Tuner(
            train,
            param_space={"configuration": tune.grid_search([_configuration(number) for number in range(count)])},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=1),
            run_config=tune.RunConfig(storage_path=str(self._folder), verbose=0),
        )
        started = time.perf_counter()
        results = tuner.fit()
        assert not results.errors, results.errors
        return time.perf_counter() - started

    def close(self) -> None:
        """Nothing of it stays."""


def main() -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rt-leg-"))  # a short path, for Ray's sockets
    (folder / "ray").mkdir()
    (folder / "shared").mkdir()
    cluster = RayCluster(folder / "ray", cpus=(2,))
    try:
        cluster.start()
        _join(cluster)
        rows = [row for kind in KINDS for row in measure(kind, folder, cluster, given.few)]
    finally:
        _leave()
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)
    rows += many(folder, FEW_LEGS if given.few else MANY)
    print_table("milliseconds a run", rows)
    if not given.few:
        record = header("python benchmarks/leg_overhead.py", packages=("ray",))
        write_record(given.out, record | {"rounds": ROUNDS, "rows": rows})


def measure(kind: str, folder: Path, cluster: RayCluster, is_few: bool) -> list[dict[str, Any]]:
    """A row for each way: its median over the rounds, and as a multiple of the local runner's in the same rounds."""
    ways = _ways(kind, folder, cluster, folder / "shared")
    count, rounds = (FEW_LEGS, FEW_ROUNDS) if is_few else (LEGS[kind], ROUNDS)
    times: dict[str, list[float]] = {name: [] for name in ways}
    try:
        for _ in range(rounds):
            for name, way in ways.items():
                way.run(WARM_UP)
                times[name].append(way.run(count) / count * 1000)
                print(f"{kind}, {name}: {times[name][-1]:.1f} ms a run", file=sys.stderr, flush=True)
    finally:
        for way in ways.values():
            way.close()
    return [
        {"kind": kind, "way": name, "runs": count, "ms_a_run": round(statistics.median(measured), 2),
         "to_local": round(_ratio(measured, times["local"]), 2)}
        for name, measured in times.items()
    ]  # fmt: skip


def many(folder: Path, count: int) -> list[dict[str, Any]]:
    """So many commands, three at a time, on three nodes of this machine and by the local runner."""
    (folder / "nodes").mkdir(parents=True)
    (folder / "shared").mkdir(exist_ok=True)
    cluster = RayCluster(folder / "nodes", cpus=(1,) * NODES)
    try:
        cluster.start()
        ways = _ways("command", folder / "many", cluster, folder / "shared", NODES)
        times = {}
        for name in ("local", "ray"):
            ways[name].run(WARM_UP)
            times[name] = ways[name].run(count) / count * 1000
            ways[name].close()
    finally:
        cluster.end()
        shutil.rmtree(folder, ignore_errors=True)
    return [
        {"kind": "command, 3 at a time", "way": f"{name}, {NODES} nodes" if name == "ray" else name, "runs": count,
         "ms_a_run": round(taken, 2), "to_local": round(taken / times["local"], 2)}
        for name, taken in times.items()
    ]  # fmt: skip


def _ways(kind: str, folder: Path, cluster: RayCluster, shared_folder: Path, slots: int = 1) -> dict[str, Way]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    place, shared = folder / kind, Cluster(cluster.jobs(), shared_folder, sys.executable)

    def local(spool: Path, order: TrainingOrder) -> SpoolRunner:
        return LocalRunner(spool, order, METRIC, slots, environment, SystemClock())

    def on_ray(spool: Path, order: TrainingOrder) -> SpoolRunner:
        return ClusterRunner(spool, order, METRIC, slots, environment, SystemClock(), shared, Needs())

    return {
        "local": ByRunner(kind, place / "local", local),
        "ray": ByRunner(kind, shared_folder / f"{kind}-{slots}", on_ray),
        "tune": ByTune(kind, place / "tune"),
    }


def _join(cluster: RayCluster) -> None:
    """Make this process a driver of the cluster, for Ray Tune."""
    os.environ |= {
        "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": (cluster.folder / "token").read_text(), "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_DEDUP_LOGS": "0", "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    }  # fmt: skip
    import ray
    import ray.tune  # now: once this process is a driver, Ray waits for a minute instead of saying what is missing

    paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    variables = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    ray.init(address=f"127.0.0.1:{cluster.port}", log_to_driver=False, runtime_env={"env_vars": variables})


def _leave() -> None:
    """End the part of a driver, which would end this process when its cluster is gone."""
    import ray

    ray.shutdown()


def _request(name: str, number: int) -> LegRequest:
    return LegRequest(
        name=name, trial=name, purpose=Purpose.SEARCH, configuration=dict(_configuration(number)), seed=1,
        split_seed=2, from_step=0.0, to_step=1.0, role=Role.CANDIDATE, number=number,
    )  # fmt: skip


def _configuration(number: int) -> Configuration:
    return {"lr": 0.01 * (1 + number / 1000), "momentum": 0.9, "weight_decay": 1e-4}


def _ratio(measured: Sequence[float], local: Sequence[float]) -> float:
    return statistics.median(own / other for own, other in zip(measured, local, strict=True))


if __name__ == "__main__":
    main()
