"""A cluster may take a job's place away and begin it again: each life is a worker of its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.durable_files import read_json, write_json
from retuned.daemon.training.cluster.job_workers import JobWorkers, Starter
from retuned.daemon.training.cluster.jobs import FAILED, PENDING, RUNNING, SUSPENDED, Job
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.leg_order import Ticket, TrainingOrder
from retuned.daemon.training.spool import Spool
from retuned.strategies.records import LegRequest, Purpose, Role

NODE = Path(__file__).parents[3] / "daemon" / "training" / "node"


class Engine:
    """Jobs as the test wants them, and what was asked of them."""

    look_every_s = 0.0

    def __init__(self):
        self.listed, self.asked = {}, []

    def jobs(self):
        return dict(self.listed)

    def submit(self, order):
        self.listed[order.id] = Job(order.id, PENDING, "", str(order.spool))

    def stop(self, job_id):
        self.asked.append(("stop", job_id))

    def delete(self, job_id):
        self.asked.append(("delete", job_id))

    def change(self, worker, **changes):
        self.listed[f"retuned-{worker}"] = replace(self.listed[f"retuned-{worker}"], **changes)


SCRIPT = 'trap \'exit 0\' TERM; echo \'{{"step": 1, "metrics": {{"loss": 1}}}}\'; touch ready; sleep 60 & wait'


@pytest.fixture
def order(tmp_path):
    return TrainingOrder(
        "command", ("sh", "-c", SCRIPT), None, "", str(tmp_path), "", "steps", None, 20.0, 1, idle_s=0.1
    )


@pytest.fixture
def spool(tmp_path, order):
    made = Spool(tmp_path / "spool")
    made.create(order)
    return made


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def pool(spool, engine):
    starter = Starter("python3", Path("/program"), Needs(), {"TOKEN": "hunter2"}, deadline_s=600.0)
    return JobWorkers(spool, engine, SystemClock(), starter)


def begin(spool, worker):
    """The worker says who it is."""
    said = {"nonce": worker, "pid": 1, "start_time": 1, "boot_id": "b"}
    write_json(spool.workers / worker / "worker.json", said)


def test_a_job_that_is_queued_again_makes_its_worker_dead_and_the_next_one_expected(pool, spool, engine):
    first = pool.start()
    engine.change(first, status=RUNNING)
    assert pool.is_alive(first)
    engine.change(first, status=PENDING, lives_over=1)
    pool.reap()
    assert (pool.present(), pool.is_alive(first), pool.is_alive(f"{first}.1")) == ((first, f"{first}.1"), False, True)
    pool.bury(first)
    assert engine.asked == []  # the job lives on
    assert (spool.workers / f"{first}.1" / "environment.json").stat().st_mode & 0o777 == 0o600
    engine.change(first, status=FAILED)
    pool.reap()
    pool.bury(f"{first}.1")
    assert (engine.asked, pool.present()) == ([("delete", f"retuned-{first}")], ())


def test_a_worker_of_any_life_is_ended_by_its_job(pool, engine):
    first = pool.start()
    engine.change(first, lives_over=2)
    pool.reap()
    pool.terminate(f"{first}.2")
    assert engine.asked == [("stop", f"retuned-{first}")]
    engine.change(first, lives_over=3)
    pool.reap()
    assert f"{first}.3" not in pool.present()  # who was told to end begins nothing again


def test_a_worker_whose_job_is_held_is_not_taken_for_stuck(pool, spool, engine):
    worker = pool.start()
    begin(spool, worker)
    engine.change(worker, status=SUSPENDED)
    assert pool.silent_s(worker, 0.0) == pool.silent_s(worker, 1e6) == 0.0
    engine.change(worker, status=RUNNING)
    assert (pool.silent_s(worker, 1e6), pool.silent_s(worker, 1e6 + 200)) == (0.0, 200.0)


def start(spool, worker, **environment):
    """The program on a node."""
    argv = [sys.executable, "-I", "-S", "-B", str(NODE), str(spool.folder), worker]
    return subprocess.Popen(argv, env={**os.environ, **environment})


def start_again(spool, worker):
    """The same in the second life of its job."""
    return start(spool, worker, SLURM_RESTART_COUNT="1")


def expect(spool, worker):
    """A worker's folder, as its campaign makes it."""
    folder = spool.workers / worker
    folder.mkdir()
    write_json(folder / "environment.json", {"kept": ["PATH"], "set": {}})
    write_json(folder / "worker.json", {"nonce": worker, "deadline_s": 600.0, "gpus": []})
    return folder


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def test_on_the_node_a_later_life_waits_for_its_own_folder_and_is_that_worker(spool, tmp_path):
    process = start_again(spool, "a")
    time.sleep(0.2)
    folder = expect(spool, "a.1")
    assert process.wait(timeout=60) == 0
    assert "pid" in read_json(folder / "worker.json")


def test_on_the_node_a_later_life_of_a_stopped_campaign_ends_at_once(spool):
    spool.stop_file.touch()
    assert start_again(spool, "a").wait(timeout=60) == 0
    assert list(spool.workers.iterdir()) == []


def test_a_training_that_is_signalled_together_with_its_worker_is_put_back(spool, order, tmp_path):
    folder, ticket = expect(spool, "a"), Ticket(1, "leg", 1)
    request = LegRequest("leg", "leg", Purpose.SEARCH, {}, 1, 2, 0.0, 1.0, role=Role.CANDIDATE, number=0)
    spool.prepare(request, ticket, order, None)
    spool.put(ticket)
    process = start(spool, "a")
    wait_for((tmp_path / "ready").exists)
    trained_by = read_json(spool.leg_folder("leg", 1) / "trial.json")["pid"]
    os.kill(trained_by, signal.SIGTERM)  # it ends as if it were done
    os.kill(read_json(folder / "worker.json")["pid"], signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert (spool.queued(), spool.claims(), spool.read_end("leg", 1)) == ({ticket}, (), None)
