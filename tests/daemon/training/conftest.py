"""Runners of every kind on a folder, for the tests that each of them must pass."""

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
import uuid
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.durable_files import read_json
from retuned.daemon.training.cluster.cluster_runner import Cluster, ClusterRunner
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.cluster.slurm_jobs import SlurmJobs
from retuned.daemon.training.cluster.slurm_options import SlurmOptions
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.spool import Spool
from retuned.strategies.legs.ends import Objective

WITHIN_S = 60.0
FAKE_SLURM = Path(__file__).parents[2] / "toys" / "fake_slurm.py"
ALL_PATHS = f"{os.environ['PATH']}:/usr/sbin:/sbin"


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


class ClusterBench(RunnerBench):
    """The same on a real cluster of this machine."""

    cluster = None  # set by the fixture

    def open(self, training, objective, slots, python):
        shared = self.folder / "shared"
        shared.mkdir(exist_ok=True)
        place = Cluster(self.cluster.jobs(), shared, python or sys.executable)
        return ClusterRunner(
            self.spool.folder, training, objective, slots, self.environment(), SystemClock(), place, Needs(0.5)
        )  # fmt: skip

    def close(self):
        super().close()
        jobs = self.cluster.jobs().jobs().values()
        assert [job for job in jobs if job.spool == str(self.spool.folder) and self.is_left(job)] == []


class RayBench(ClusterBench):
    """On Ray, which lists jobs until they are deleted."""

    kind = "ray"

    def is_left(self, job):
        return True


class SlurmBench(ClusterBench):
    """On Slurm, which lists jobs that ended for a while."""

    kind = "slurm"

    def is_left(self, job):
        return job.is_living


class FakeSlurm:
    """Slurm's commands without a Slurm (tests/toys/fake_slurm.py), found before real ones."""

    def __init__(self, folder, patch):
        commands = folder / "bin"
        commands.mkdir()
        for name in ("sbatch", "squeue", "sacct", "scancel", "sinfo"):
            (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {FAKE_SLURM} {name} "$@"\n')
            (commands / name).chmod(0o755)
        patch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))

    def jobs(self):
        return SlurmJobs(SlurmOptions(), look_every_s=0.3)


class Head:
    """Answers as a cluster's head does, with what the test puts in."""

    def __init__(self):
        self.answers, self.asked, self.headers, self.ran = {}, [], [], {}
        self.runs = None  # what runs a job's order in its place and says how it ended
        head = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                path = self.path.partition("?")[0]
                head.asked.append((self.command, path, json.loads(body) if body else None))
                head.headers.append(dict(self.headers))
                if self.command == "POST" and path == "/api/jobs/" and head.runs is not None:
                    head.carry_out(json.loads(body))
                status, content = head.answers.get((self.command, path), (200, {}))
                text = (content if isinstance(content, str) else json.dumps(content)).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_DELETE = do_GET  # noqa: N815 - the names are the library's

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def carry_out(self, order):
        spool = order["metadata"]["retuned_spool"]
        self.ran[order["submission_id"]] = (order["submission_id"], *self.runs(order), None, spool)
        self.lists(*self.ran.values())

    def has_nodes(self, *resources):
        rows = [
            {"node_ip": f"10.0.0.{number}", "state": "ALIVE", "resources_total": {f"node:10.0.0.{number}": 1.0, **has}}
            for number, has in enumerate(resources, start=1)
        ]
        self.answers["GET", "/api/v0/nodes"] = 200, {"data": {"result": {"result": rows}}}

    def lists(self, *jobs):
        self.answers["GET", "/api/jobs/"] = 200, [
            {"submission_id": name, "status": status, "message": message, "error_type": error,
             "metadata": {"retuned_spool": spool}}
            for name, status, message, error, spool in jobs
        ]  # fmt: skip


@pytest.fixture
def head():
    made = Head()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module", params=["local", "ray", "slurm"])
def open_bench(request):
    """Opens a bench of each kind of runner."""
    if request.param == "local":
        return RunnerBench
    bench = {"ray": RayBench, "slurm": SlurmBench}[request.param]
    is_fake = (
        request.param == "slurm" and not os.environ.get("CI") and shutil.which("slurmctld", path=ALL_PATHS) is None
    )
    bench.cluster = request.getfixturevalue("fake_slurm" if is_fake else f"{request.param}_cluster")
    return bench


@pytest.fixture(scope="module")
def fake_slurm(tmp_path_factory):
    """Stands in for Slurm where none can be started."""
    with pytest.MonkeyPatch.context() as patch:
        yield FakeSlurm(tmp_path_factory.mktemp("slurm"), patch)


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
