"""Runners of every kind on a folder, for the tests that each of them must pass."""

import contextlib
import os
import signal
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.durable_files import read_json
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.ray_jobs import RayJobs
from retuned.daemon.training.cluster.ray_runner import Cluster, RayRunner
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.spool import Spool
from retuned.strategies.legs.ends import Objective

WITHIN_S = 60.0


class RunnerBench:
    """Runners on one folder; finds what they started by a mark in the environment."""

    kind = "local"

    def __init__(self, folder):
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.runners = []
        self.spool = Spool(folder / "spool")

    def runner(self, command=None, slots=1, python=None, **order):
        training = TrainingOrder(
            "command", command, None, sys.executable, str(self.folder), "", "steps", None, 30.0, 1, grace_s=0.3
        )
        training = replace(training, **{"pass_env": ("MARK", "SECRET"), **order})
        runner = self.open(training, Objective("loss", lower_is_better=True), slots, python)
        self.runners.append(runner)
        return runner

    def environment(self):
        return {"PATH": os.environ["PATH"], "MARK": self.mark, "SECRET": "hunter2-hunter2"}

    def open(self, training, objective, slots, python):
        options = {} if python is None else {"worker_python": python}
        return LocalRunner(self.spool.folder, training, objective, slots, self.environment(), SystemClock(), **options)

    def finish(self, runner, *legs, **options):
        """Submit the legs and wait for the end of each."""
        runner.submit(legs, **options)
        results = {}

        def all_ended():
            results.update(runner.poll())
            return set(results) >= {leg.name for leg in legs}

        self.wait_for(all_ended)
        return results

    def wait_for(self, condition, timeout_s=WITHIN_S):
        until = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < until, "waited in vain"
            time.sleep(0.02)

    def begin(self, runner, *legs, **options):
        """Submit the legs and wait until a worker has begun each."""
        runner.submit(legs, **options)
        self.wait_for(lambda: runner.poll() is not None and all(self.spool.was_started(leg.name, 1) for leg in legs))

    def processes(self):
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"MARK={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def workers(self):
        """The pids of the workers that have said theirs."""
        found = (read_json(path) for path in self.spool.workers.glob("*/worker.json"))
        return [said["pid"] for said in found if said is not None and "pid" in said]

    def kill_worker(self):
        os.kill(self.workers()[0], signal.SIGKILL)

    def close(self):
        """End all; nothing may be left."""
        for runner in self.runners[-1:]:
            runner.stop()
        assert self.processes() == []
        assert [*self.spool.workers.glob("*/worker.json")] == []


class RayBench(RunnerBench):
    """The same on a real cluster of this machine."""

    kind = "ray"
    cluster = None  # set by the fixture

    def open(self, training, objective, slots, python):
        shared = self.folder / "shared"
        shared.mkdir(exist_ok=True)
        place = Cluster(self.cluster.address, shared, python or sys.executable)
        return RayRunner(
            self.spool.folder, training, objective, slots, self.environment(), SystemClock(), place, Needs(0.5)
        )  # fmt: skip

    def close(self):
        super().close()
        jobs = RayJobs(self.cluster.address).jobs().values()
        assert [job for job in jobs if job.spool == str(self.spool.folder)] == []


@pytest.fixture(scope="module", params=["local", "ray"])
def open_bench(request):
    """Opens a bench of each kind of runner."""
    if request.param == "local":
        return RunnerBench
    RayBench.cluster = request.getfixturevalue("ray_cluster")
    return RayBench


@pytest.fixture(scope="module")
def shared_bench(open_bench, tmp_path_factory):
    """One for a whole module."""
    made = open_bench(tmp_path_factory.mktemp("shared"))
    yield made
    made.close()


@pytest.fixture
def runner_bench(open_bench, tmp_path):
    """One for a test."""
    made = open_bench(tmp_path)
    yield made
    made.close()
