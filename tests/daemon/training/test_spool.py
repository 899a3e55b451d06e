import contextlib
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from retuned.daemon.clock import SystemClock
from retuned.daemon.durable_files import write_json
from retuned.daemon.processes import identify
from retuned.daemon.training.leg_order import Ticket, TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.spool import Spool, check_leg_name
from retuned.daemon.training.worker.legs import begin_once, clear
from retuned.strategies.errors import InputError
from retuned.strategies.legs.ends import Objective, ProcessKind
from retuned.strategies.legs.request import request_of
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role

TRAINING = TrainingOrder("command", ("train", "{lr}", "{seed}"), None, "python", "/", "", "steps", None, 20.0, 1)
REPORT = b'{"step": 1, "metrics": {"loss": 0.5}}\n'


def request(name, **changes):
    told = {"configuration": {"lr": 0.5}, "seed": 1, "split_seed": 2, "from_step": 0, "to_step": 1, **changes}
    return LegRequest(name=name, trial=name, purpose=Purpose.SEARCH, role=Role.CANDIDATE, number=0, **told)


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path)
    spool.create(TRAINING)
    return spool


def enqueue(spool, asked, ticket, training, parent):
    """Prepare an attempt, and put its ticket unless it has ended with that."""
    if spool.prepare(asked, ticket, training, parent):
        spool.put(ticket)


@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True),
    sequence=st.integers(0, 99_999_999),
    attempt=st.integers(1, 9999),
)
def test_a_ticket_survives_its_file_name(name, sequence, attempt):
    assert Ticket.parse(str(Ticket(sequence, name, attempt))) == Ticket(sequence, name, attempt)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a~b", "a b", "ä", "a" * 101, "a\n"])
def test_a_leg_name_that_is_no_file_name_is_refused(name):
    with pytest.raises(InputError):
        check_leg_name(name)


def test_a_request_is_read_back_as_it_was_written(spool):
    asked = request("a", configuration={"lr": 1e-5, "n": 3, "nesterov": True, "kind": "sgd"}, keeps_checkpoint=True)
    enqueue(spool, asked, Ticket(4, "a", 1), TRAINING, None)
    assert spool.read_leg("a", 1) == (asked, 4)


def test_a_schedule_survives_json():
    asked = request("a", configuration={"lr": ((0, 0.1), (5, 0.01))})
    written = json.loads(json.dumps({**shape(asked), "configuration": {"lr": [[0, 0.1], [5, 0.01]]}}))
    assert request_of(written) == asked


def shape(asked):
    return {name: getattr(asked, name) for name in LegRequest.__dataclass_fields__}


def test_an_order_is_spelled_out_for_the_worker(spool):
    enqueue(spool, request("a", to_step=9, from_step=1.5, keeps_checkpoint=True), Ticket(0, "a", 1), TRAINING, None)
    order = json.loads((spool.leg_folder("a", 1) / "leg.json").read_text())
    assert order["argv"] == ["train", "0.5", "1"]
    assert order["environment"]["RETUNED_FROM_STEP"] == "1.5"
    assert order["environment"]["RETUNED_TO_STEP"] == "9"
    assert order["environment"]["RETUNED_CHECKPOINT_OUT"] == order["checkpoint_out"]
    assert "RETUNED_CHECKPOINT_IN" not in order["environment"]


def test_a_command_that_cannot_be_filled_in_leaves_nothing_behind(spool):
    with pytest.raises(InputError, match="lr"):
        enqueue(spool, request("a", configuration={}), Ticket(0, "a", 1), TRAINING, None)
    assert os.listdir(spool.legs) == os.listdir(spool.queue) == []


def test_a_leg_whose_parent_left_no_checkpoint_ends_at_once_with_the_reason(spool):
    enqueue(spool, request("a"), Ticket(0, "a", 1), TRAINING, None)
    enqueue(spool, request("b", parent="a"), Ticket(1, "b", 1), TRAINING, spool.leg_folder("a", 1))
    end = spool.read_end("b", 1)
    assert end is not None
    assert "parent leg a left no checkpoint" in end.detail
    assert spool.queued() == {Ticket(0, "a", 1)}


@pytest.mark.parametrize(
    "text",
    [
        "",  # nothing
        "{",  # half of it
        "[]",  # no object
        '{"process": "vanished"}',  # an unknown kind
        '{"process": "exited", "colour": 1}',  # an unknown key
        "\0" * 64,  # what a power failure leaves on some file systems
    ],
)
def test_an_unreadable_end_counts_as_lost(spool, text):
    enqueue(spool, request("a"), Ticket(0, "a", 1), TRAINING, None)
    (spool.leg_folder("a", 1) / "exit.json").write_text(text)
    end = spool.read_end("a", 1)
    assert end is not None
    assert (end.process, end.detail) == (ProcessKind.LOST, "its exit.json cannot be read")


@pytest.mark.parametrize("text", ["", "{}", '{"name": 3}', "[1]", '{"sequence": "x"}'])
def test_an_unreadable_order_is_no_request(spool, text):
    spool.leg_folder("a", 1).mkdir()
    (spool.leg_folder("a", 1) / "leg.json").write_text(text)
    assert spool.read_leg("a", 1) is None


def test_files_of_strangers_in_the_folders_are_passed_over(spool):
    for folder in (spool.queue, spool.claimed, spool.legs, spool.workers):
        (folder / ".nfs0001").touch()
        (folder / "notes").mkdir()
    assert (spool.queued(), spool.claims(), spool.attempts()) == (frozenset(), (), {})


def hold(spool, worker, ticket, is_alive):
    """Let a worker of this name hold a claim on the ticket."""
    me = identify(os.getpid())
    (spool.workers / worker).mkdir()
    start_time = me.start_time if is_alive else me.start_time - 1
    who = {"nonce": worker, "pid": me.pid, "start_time": start_time, "boot_id": me.boot_id}
    write_json(spool.workers / worker / "worker.json", who)
    (spool.claimed / f"{ticket}~{worker}").touch()


def idle_runner(folder):
    """A runner that never starts a worker."""
    return LocalRunner(folder, TRAINING, Objective("loss", True), 0, {}, SystemClock())


def test_a_dead_worker_with_a_doubled_ticket_does_not_end_what_another_trains(spool):
    runner = idle_runner(spool.folder)
    runner.submit([request("a")])
    (ticket,) = spool.queued()
    (spool.queue / str(ticket)).unlink()
    hold(spool, "w1", ticket, is_alive=True)
    hold(spool, "w2", ticket, is_alive=False)
    runner.poll()
    assert spool.claims() == ((ticket, "w1"),)
    assert spool.read_end("a", 1) is None


def test_a_ticket_is_queued_anew_only_when_it_was_out_of_sight_at_two_looks(spool):
    runner = idle_runner(spool.folder)
    runner.submit([request("a")])
    (ticket,) = spool.queued()
    (spool.queue / str(ticket)).unlink()
    runner.poll()
    after_one_look = spool.queued()
    runner.poll()
    assert (after_one_look, spool.queued()) == (frozenset(), {ticket})


def test_a_leg_that_was_begun_and_lost_its_claim_goes_to_another_attempt(spool):
    runner = idle_runner(spool.folder)
    runner.submit([request("a")])
    (ticket,) = spool.queued()
    (spool.queue / str(ticket)).unlink()
    begin_once(spool.leg_folder("a", 1), {})
    for _ in range(3):
        runner.poll()
    assert {(ticket.leg, ticket.attempt) for ticket in spool.queued()} == {("a", 2)}


def grouping_runner(folder):
    """A runner that never starts a worker, and hands legs out in groups."""
    training = replace(TRAINING, kind="recipe", argv=None, recipe="/r.py:R", groups=1)
    return LocalRunner(folder, training, Objective("loss", True), 0, {}, SystemClock())


def tickets(spool, attempt=1):
    return {(ticket.leg, ticket.attempt) for ticket in spool.queued()} == {(name, attempt) for name in "abc"}


def test_legs_of_a_group_wait_as_one_ticket_that_names_them_all(spool):
    grouping_runner(spool.folder).submit([request(name) for name in "abc"])
    assert os.listdir(spool.queue) == ["00000001-a.a1"]
    assert tickets(spool)
    assert {spool.read_group(name, 1) for name in "abc"} == {("a", "b", "c")}


def test_a_group_is_the_same_when_a_part_of_it_is_asked_for_again(spool):
    asked = [request(name) for name in "abc"]
    grouping_runner(spool.folder).submit(asked[1:], asked)
    assert {spool.read_group(name, 1) for name in "bc"} == {("a", "b", "c")}


def test_a_group_whose_worker_died_is_trained_in_the_same_company_once_more(spool):
    runner = grouping_runner(spool.folder)
    runner.submit([request(name) for name in "abc"])
    (name,) = os.listdir(spool.queue)
    hold(spool, "w1", name, is_alive=False)
    (spool.queue / name).rename(spool.claimed / f"{name}~w1")
    runner.poll()
    runner.poll()
    assert len(os.listdir(spool.queue)) == 1
    assert tickets(spool, attempt=2)
    assert {spool.read_group(leg, 2) for leg in "abc"} == {("a", "b", "c")}


def test_a_leg_that_was_killed_in_company_is_tried_alone(spool):
    runner = grouping_runner(spool.folder)
    runner.submit([request(name) for name in "abc"])
    (name,) = os.listdir(spool.queue)
    (spool.queue / name).unlink()
    ends = [spool.leg_folder(leg, 1) / "exit.json" for leg in "abc"]
    write_json(ends[0], {"process": "signalled", "signal": 9})
    write_json(ends[1], {"process": "signalled", "signal": 9})
    write_json(ends[2], {"process": "diverged"})
    assert runner.poll().keys() == {"c"}
    assert sorted(os.listdir(spool.queue)) == ["00000001-a.a2", "00000002-b.a2"]
    assert {spool.read_group(leg, 2) for leg in "ab"} == {()}


def test_a_group_whose_ticket_was_never_written_is_queued_as_one(spool):
    runner = grouping_runner(spool.folder)
    runner.submit([request(name) for name in "abc"])
    (name,) = os.listdir(spool.queue)
    (spool.queue / name).unlink()
    runner = grouping_runner(spool.folder)
    runner.poll()
    runner.poll()
    assert os.listdir(spool.queue) == [name]
    assert tickets(spool)


class FakeWorker:
    """Works on the spool's files alone, one file operation a step, in the order in which the real one does."""

    def __init__(self, machine, number):
        self.machine, self.spool = machine, machine.spool
        self.id = f"w{number}"
        self.ticket = None
        folder = self.spool.workers / self.id
        folder.mkdir()
        me = identify(os.getpid())
        self.who = {"nonce": self.id, "pid": me.pid, "start_time": me.start_time, "boot_id": me.boot_id}
        write_json(folder / "worker.json", self.who)
        self.steps = self.work()

    def die(self):
        write_json(self.spool.workers / self.id / "worker.json", {**self.who, "start_time": 1})

    def work(self):
        for ticket in sorted(os.listdir(self.spool.queue)):
            with contextlib.suppress(FileNotFoundError):
                self.claim = self.spool.claimed / f"{ticket}~{self.id}"
                os.rename(self.spool.queue / ticket, self.claim)
                self.ticket = Ticket.parse(ticket)
                break
        if self.ticket is None:
            return
        yield
        folder = self.spool.leg_folder(self.ticket.leg, self.ticket.attempt)
        if begin_once(folder, {"worker": self.id}):
            self.machine.begun(self.ticket)
            yield
            (folder / "report.jsonl").write_bytes(REPORT)
            yield
            if self.machine.fate == "returned":
                clear(folder)
                self.machine.returned(self.ticket)
                yield
                os.rename(self.claim, self.spool.queue / str(self.ticket))
                return
            fate = self.machine.fate
            text = json.dumps({"process": "exited", "exit_code": 0 if fate == "good" else 1})
            (folder / "passing").write_text(text if fate != "garbled" else text[:9])
            yield
            (folder / "passing").rename(folder / "exit.json")
            self.machine.ended(self.ticket, fate)
            yield
        self.claim.unlink()


class SpoolLife(RuleBasedStateMachine):
    """Workers and runners that die between any two file operations; nothing is lost, nothing is done twice."""

    def __init__(self):
        super().__init__()
        self.home = tempfile.TemporaryDirectory()
        self.spool = Spool(Path(self.home.name))
        self.results, self.submitted, self.completed = {}, [], set()
        self.training_now = set()
        self.workers, self.count, self.fate = [], 0, "good"
        self.restart_runner()
        self.submit(2)
        self.start_worker()

    def teardown(self):
        self.fate = "good"
        for _ in range(40 * (1 + len(self.submitted))):
            self.poll()
            self.start_worker()
            self.workers[-1].machine = self
            for _ in self.workers[-1].steps:
                pass
            for worker in self.workers:
                worker.die()
            self.training_now.clear()
            self.workers.clear()
            if len(self.results) == len(self.submitted):
                break
        assert sorted(self.results) == sorted(self.submitted)
        assert {name for name, end in self.results.items() if end is LegEnd.COMPLETED} == self.completed
        assert self.spool.claims() == ()
        assert LocalRunner.poll(self.new_runner()).keys() == self.results.keys()
        self.home.cleanup()

    def new_runner(self):
        return idle_runner(self.spool.folder)

    def begun(self, ticket):
        assert ticket.leg not in self.completed, "a completed leg was begun again"
        assert ticket.leg not in self.training_now, "two workers train one leg"
        self.training_now.add(ticket.leg)

    def returned(self, ticket):
        self.training_now.discard(ticket.leg)

    def ended(self, ticket, fate):
        self.training_now.discard(ticket.leg)
        if fate == "good":
            self.completed.add(ticket.leg)

    @rule()
    def restart_runner(self):
        self.runner = self.new_runner()
        self.told = set()

    @rule(count=st.integers(1, 2))
    def submit(self, count):
        if len(self.submitted) < 5:
            self.submitted += [f"leg{len(self.submitted) + number}" for number in range(count)]
        self.runner.submit([request(name) for name in self.submitted])

    @rule()
    def poll(self):
        for name, result in self.runner.poll().items():
            assert name not in self.told, "one runner told of an end twice"
            assert self.results.get(name, result.end) is result.end, "an ended leg ended again, differently"
            self.told.add(name)
            self.results[name] = result.end

    @rule(fate=st.sampled_from(["good", "good", "bad", "garbled", "returned"]))
    def set_fate(self, fate):
        self.fate = fate

    @rule()
    def start_worker(self):
        self.count += 1
        self.workers.append(FakeWorker(self, self.count))

    @precondition(lambda self: self.workers)
    @rule(data=st.data(), steps=st.integers(1, 6))
    def let_a_worker_work(self, data, steps):
        worker = data.draw(st.sampled_from(self.workers))
        for _ in range(steps):
            if next(worker.steps, worker) is worker:
                worker.ticket = None
                worker.steps = worker.work()

    @precondition(lambda self: self.workers)
    @rule(data=st.data())
    def kill_a_worker(self, data):
        worker = data.draw(st.sampled_from(self.workers))
        self.workers.remove(worker)
        worker.die()
        if worker.ticket is not None:
            self.training_now.discard(worker.ticket.leg)

    @rule(data=st.data())
    def queue_a_ticket_again(self, data):
        """A ticket put back while somebody looked elsewhere: the guard must hold."""
        claims = sorted({ticket for ticket, _ in self.spool.claims()}, key=str)
        if claims:
            self.spool.put(data.draw(st.sampled_from(claims)))

    @invariant()
    def no_leg_has_more_attempts_than_its_retries_allow(self):
        assert max(self.spool.attempts().values(), default=0) <= 5


SpoolLife.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestSpoolLife = SpoolLife.TestCase
