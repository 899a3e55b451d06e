"""What a campaign's looks cost on a large cluster, in calls of functions: the work for a leg, or for a worker, is the
same however many there are."""

import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from retuned.daemon.durable_files import read_json, write_json
from retuned.daemon.processes import Identity
from retuned.daemon.training.backlog import LEAST_QUEUED, Backlog
from retuned.daemon.training.cluster.cluster_runner import Cluster, ClusterRunner
from retuned.daemon.training.cluster.jobs import RUNNING, SUCCEEDED, Job
from retuned.daemon.training.cluster.needs import Needs
from retuned.daemon.training.leg_order import Ticket, TrainingOrder
from retuned.daemon.training.piecewise_runner import PiecewiseRunner
from retuned.daemon.training.spool import write_end
from retuned.strategies.legs.ends import Objective, ProcessEnd, ProcessKind
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role

FEW, MANY = LEAST_QUEUED + 40, 3 * LEAST_QUEUED  # legs, of which the queue holds the same number
ENDED = 20
REPORT = '{"step": 1, "metrics": {"loss": 0.5}}\n'


class Engine:
    """A cluster that gives each job a place at once; how often it was asked for its list."""

    look_every_s = 1.0

    def __init__(self):
        self.listed, self.lists = {}, 0

    def jobs(self):
        self.lists += 1
        return dict(self.listed)

    def submit(self, order):
        self.listed[order.id] = Job(order.id, RUNNING, "", str(order.spool))

    def delete(self, job_id):
        del self.listed[job_id]

    def kill(self, job_id):
        pass

    def lifetime_s(self, timeout_s):
        return None

    def record(self):
        return {"runner": "test"}

    def end_all(self):
        self.listed = {name: Job(name, SUCCEEDED, "", job.spool) for name, job in self.listed.items()}


class HandedClock:
    """A clock that goes on where the test says so."""

    def __init__(self):
        self.time_s = 0.0

    def now(self):
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time_s)

    def monotonic(self):
        return self.time_s

    def sleep(self, seconds):
        self.time_s += seconds


class Scene:
    """A runner on a cluster, and the part of its workers."""

    def __init__(self, folder, slots, engine):
        (folder / "shared").mkdir(parents=True, exist_ok=True)
        self.engine, self.clock = engine, HandedClock()
        self.folder = folder / "spool"
        order = TrainingOrder("command", ("true",), None, "python3", "/", "", "steps", None, 30.0, 1)
        self.runner = ClusterRunner(
            self.folder, order, Objective("loss", lower_is_better=True), slots, {}, self.clock,
            Cluster(engine, folder / "shared"), Needs(),
        )  # fmt: skip
        self.pieces = PiecewiseRunner(self.runner, self.runner.checkpoint_fault)

    def queued(self):
        return sorted(path.name for path in (self.folder / "queue").iterdir())

    def workers(self):
        return sorted(path.name for path in (self.folder / "workers").iterdir())

    def end(self, count):
        """The first legs of the queue end."""
        for name in self.queued()[:count]:
            leg = self.folder / "legs" / name.partition("-")[2]
            (leg / "report.jsonl").write_text(REPORT)
            write_end(leg, ProcessEnd(ProcessKind.EXITED, exit_code=0))
            (self.folder / "queue" / name).unlink()

    def claim_one_each(self):
        """Each worker says who it is, and takes a leg."""
        for name, worker in zip(self.queued(), self.workers(), strict=False):
            file = self.folder / "workers" / worker / "worker.json"
            write_json(file, {**(read_json(file) or {}), **asdict(Identity(1, 1, "other"))})
            (self.folder / "queue" / name).rename(self.folder / "claimed" / f"{name}~{worker}")


def request(number):
    return LegRequest(
        name=f"leg.{number:04d}", trial=f"leg.{number:04d}", purpose=Purpose.SEARCH, configuration={"lr": 0.5}, seed=1,
        split_seed=2, from_step=0, to_step=1, role=Role.CANDIDATE, number=number,
    )  # fmt: skip


def scene_with(folder, legs, slots=1):
    made = Scene(folder, slots, Engine())
    made.pieces.submit([request(number) for number in range(legs)])
    return made


def calls_of(act):
    """How many functions, those of the interpreter included, are called, and what comes of it."""
    count = 0

    def note(_frame, event, _what):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        given = act()
    finally:
        sys.setprofile(None)
    return count, given


def calls_of_a_look_at_ended(made):
    made.pieces.poll()
    made.end(ENDED)
    made.pieces.poll()  # which fills the queue
    made.end(ENDED)
    count, ended = calls_of(made.pieces.poll)
    assert len(ended) == ENDED
    return count


def calls_of_starts(made, slots):
    count = 0
    while len(made.workers()) < slots:
        count += calls_of(made.pieces.poll)[0]
        made.clock.sleep(2.0)  # until the jobs are listed anew
    return count / slots


def test_a_look_calls_no_more_functions_with_more_legs(tmp_path):
    few = calls_of_a_look_at_ended(scene_with(tmp_path / "few", FEW))
    many = calls_of_a_look_at_ended(scene_with(tmp_path / "many", MANY))
    assert many == pytest.approx(few, rel=0.02)


def test_a_queue_stays_short_and_in_order(tmp_path):
    made = scene_with(tmp_path, FEW)
    assert made.queued()[-1] == f"{LEAST_QUEUED:08d}-leg.{LEAST_QUEUED - 1:04d}.a1"
    made.pieces.poll()
    made.end(3)
    assert [result.end for result in made.pieces.poll().values()] == [LegEnd.COMPLETED] * 3
    assert (len(made.queued()), made.queued()[0]) == (LEAST_QUEUED, "00000004-leg.0003.a1")


def test_what_was_held_back_is_queued_by_the_next_runner(tmp_path):
    scene_with(tmp_path, FEW)
    second = Scene(tmp_path, 1, Engine())
    second.pieces.submit([request(number) for number in range(FEW)])
    ended = {}
    while len(ended) < FEW:
        second.end(LEAST_QUEUED)
        ended |= second.pieces.poll()
    assert set(ended) == {request(number).name for number in range(FEW)}


def test_a_start_calls_no_more_functions_with_more_workers(tmp_path):
    few = calls_of_starts(scene_with(tmp_path / "few", 100, slots=24), 24)
    many = calls_of_starts(scene_with(tmp_path / "many", 100, slots=96), 96)
    assert many < 1.5 * few


def test_workers_are_started_by_one_list_of_jobs(tmp_path):
    made = scene_with(tmp_path, 20, slots=16)
    made.pieces.poll()
    assert (len(made.workers()), made.engine.lists) == (3, 1)  # as many as may wait for a place


def test_a_worker_that_died_calls_no_more_functions_with_more_of_them(tmp_path):
    def calls_a_worker(name, count):
        made = scene_with(tmp_path / name, count + 1, slots=count)
        calls_of_starts(made, count)
        made.claim_one_each()
        made.engine.end_all()
        calls, _ = calls_of(made.runner._supervisor.bury_dead)
        assert made.workers() == []
        return calls / count

    assert calls_a_worker("many", 48) < 1.3 * calls_a_worker("few", 12)


def test_the_backlog_gives_lowest_sequences_first_and_groups_whole():
    backlog = Backlog(slots=1)
    late, early = [Ticket(n, f"leg.{n}", 1) for n in (7, 8)], [Ticket(n, f"leg.{n}", 1) for n in (2, 3)]
    backlog.add(late, lambda ticket: "late")
    backlog.add(early, lambda ticket: ticket.leg)
    assert backlog.take(LEAST_QUEUED - 2) == [(early[0],), (early[1],)]
    assert (backlog.take(LEAST_QUEUED), len(backlog)) == ([], 1)
    assert backlog.take(0) == [tuple(late)]
