import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.durable_files import read_json, write_json
from retuned.daemon.processes import identify, is_alive
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.report_tail import ReportTail
from retuned.daemon.training.spool import Spool
from retuned.daemon.training.supervisor import SILENT_AGAIN_S, SILENT_S, end_workers
from retuned.strategies.errors import CampaignFailed, InputError
from retuned.strategies.legs.ends import Objective, ProcessKind
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Report, Role

FLEEING = Path(__file__).parents[2] / "toys" / "fleeing.py"
REPORT = '{{"step": 1, "metrics": {{"loss": {lr}}}}}'

CAMPAIGN = """
import os, sys, time
from pathlib import Path
from retuned.daemon.clock import SystemClock
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.strategies.records import LegRequest, Purpose, Role
from retuned.strategies.legs.ends import Objective
folder, mark = Path(sys.argv[1]), sys.argv[2]
script = 'echo begin $RETUNED_SEED >> {log}; sleep 0.1; echo {report}; echo end $RETUNED_SEED >> {log}'
script = script.format(log=folder / "log", report="'" + '{{"step": 1, "metrics": {{"loss": 1}}}}' + "'")
training = TrainingOrder("command", ("sh", "-c", script), None, "", str(folder), "", "steps", None, 20.0, 1, idle_s=0.3)
environment = {"PATH": os.environ["PATH"], "MARK": mark}
runner = LocalRunner(folder / "spool", training, Objective("loss", True), 2, environment, SystemClock())
legs = [LegRequest(f"l{n}", f"l{n}", Purpose.SEARCH, {}, n, 0, 0, 1, role=Role.CANDIDATE, number=n) for n in range(50)]
ended = {}
while len(ended) < len(legs):
    runner.submit(legs)
    ended.update(runner.poll())
    time.sleep(0.01)
runner.stop()
print(*sorted({result.end for result in ended.values()}))
"""


class Bench:
    """Runners on one folder; finds what they started by a mark in the environment."""

    def __init__(self, folder):
        self.folder = folder
        self.mark = uuid.uuid4().hex
        self.runners = []

    def runner(self, script, slots=1, python=sys.executable, clock=None, gpus=(), gpus_each=0, **order):
        argv = ("sh", "-c", script)
        training = TrainingOrder(
            "command", argv, None, "", str(self.folder), "/data", "steps", None, 20.0, 1, grace_s=0.2
        )
        environment = {"PATH": os.environ["PATH"], "MARK": self.mark}
        objective = Objective("loss", lower_is_better=True)
        runner = LocalRunner(
            self.folder / "spool", replace(training, **order), objective, slots, environment, clock or SystemClock(),
            python, gpus=gpus, gpus_each=gpus_each,
        )  # fmt: skip
        self.runners.append(runner)
        return runner

    def processes(self):
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found

    def workers(self):
        found = (read_json(path) for path in (self.folder / "spool" / "workers").glob("*/worker.json"))
        return [said["pid"] for said in found if said is not None and "pid" in said]


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.runners[-1].stop()
    assert bench.processes() == []


def leg(name="a", **changes):
    told = {"configuration": {"lr": 0.5}, "seed": 1, "split_seed": 2, "from_step": 0, "to_step": 1, **changes}
    return LegRequest(name=name, trial=name, purpose=Purpose.SEARCH, role=Role.CANDIDATE, number=0, **told)


def wait_for(condition, timeout_s=15.0):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def finish(runner, *legs):
    """Submit the legs and wait for the end of each."""
    runner.submit(legs)
    results = {}

    def all_ended():
        results.update(runner.poll())
        return set(results) >= {asked.name for asked in legs}

    wait_for(all_ended)
    return results


def test_a_leg_comes_back_with_its_score_and_cost(bench):
    result = finish(bench.runner(f"echo 'training'; echo '{REPORT}'"), leg())["a"]
    assert (result.end, result.score, result.attempts) == (LegEnd.COMPLETED, -0.5, 1)
    assert result.request == leg()
    assert result.metrics == {"loss": 0.5}
    assert result.curve == ((1.0, -0.5),)
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("script", "end", "said", "attempts"),
    [
        ("exit 3", LegEnd.CRASHED, "exit code 3", 2),  # retried once
        ("kill -9 $$", LegEnd.SIGNALLED, "signal 9", 2),  # retried once
        ("sleep 60", LegEnd.TIMED_OUT, "killed", 1),
        ("true", LegEnd.NO_METRIC, "never reported loss", 1),
        ('echo \'{{"step": 1, "metrics": {{"loss": NaN}}}}\'', LegEnd.DIVERGED, "not finite", 1),
        ('echo \'{{"step": 1, "metrics": {{"loss": "low"}}}}\'', LegEnd.BAD_REPORT, "loss 'low'", 1),
        ("echo loss=3 > $RETUNED_REPORT", LegEnd.BAD_REPORT, "loss=3", 1),
        ("yes | head -c 20000000 > $RETUNED_REPORT", LegEnd.BAD_REPORT, "16 MiB", 1),
    ],
)
def test_every_bad_ending_has_its_name_and_reason(bench, script, end, said, attempts):
    result = finish(bench.runner(script, timeout_s=0.4), leg())["a"]
    assert (result.end, result.score, result.attempts) == (end, None, attempts)
    assert said in result.detail
    assert "\n" not in result.detail


def test_legs_train_side_by_side_up_to_the_slots(bench):
    runner = bench.runner("echo x >> count; while [ $(wc -l < count) -lt 2 ]; do sleep 0.02; done", slots=2)
    results = finish(runner, leg("a"), leg("b"), leg("c"))
    assert {result.end for result in results.values()} == {LegEnd.NO_METRIC}
    assert len(bench.workers()) == 2


def test_submitting_again_changes_nothing(bench):
    runner = bench.runner(f"echo x >> count; echo '{REPORT}'")
    finish(runner, leg())
    runner.submit([leg(), leg()])
    time.sleep(0.3)
    assert runner.poll() == {}
    assert (bench.folder / "count").read_text() == "x\n"


def test_a_leg_starts_from_the_checkpoint_of_its_parent(bench):
    script = f"cat $RETUNED_CHECKPOINT_IN < /dev/null; echo state > $RETUNED_CHECKPOINT_OUT; echo '{REPORT}'"
    runner = bench.runner(script)
    finish(runner, leg("a", keeps_checkpoint=True))
    finish(runner, leg("b", parent="a", keeps_checkpoint=True))
    assert (bench.folder / "spool/legs/b.a1/output.log").read_text().startswith("state\n")


def test_a_leg_whose_parent_left_no_checkpoint_says_so(bench):
    runner = bench.runner(f"echo '{REPORT}'")
    finish(runner, leg("a", keeps_checkpoint=True))
    result = finish(runner, leg("b", parent="a"))["b"]
    assert result.end is LegEnd.CRASHED
    assert "left no checkpoint" in result.detail


@pytest.mark.parametrize("asked", [leg("a/b"), leg("b", parent="nobody"), leg("c", configuration={})])
def test_a_leg_that_cannot_be_run_is_refused_before_anything_is_written(bench, asked):
    runner = bench.runner("echo {lr}")
    with pytest.raises(InputError):
        runner.submit([asked])
    assert os.listdir(bench.folder / "spool/legs") == []


def test_a_running_leg_shows_its_reports_so_far(bench):
    runner = bench.runner(f"echo '{REPORT}'; sleep 60")
    runner.submit([leg()])
    runner.poll()
    spool = Spool(bench.folder / "spool")
    tail, unknown = ReportTail(spool.report_path("a", 1)), ReportTail(spool.report_path("unknown", 1))
    wait_for(lambda: tail.read_on(is_over=False))
    assert tail.reading.reports == [Report(1.0, {"loss": 0.5})]
    assert [ticket.leg for ticket, _ in spool.claims()] == ["a"]
    assert (unknown.read_on(is_over=False), unknown.reading.reports) == (False, [])


def test_a_killed_worker_costs_one_attempt_and_leaves_nothing_behind(bench):
    script = f"(setsid sleep 60 &); test -e again || {{{{ touch again; sleep 60; }}}}; echo '{REPORT}'"
    runner = bench.runner(script)
    runner.submit([leg()])
    runner.poll()
    wait_for((bench.folder / "again").exists)
    worker = bench.workers()[0]
    before = set(bench.processes())
    os.kill(worker, signal.SIGKILL)
    result = finish(runner, leg())["a"]
    assert (result.end, result.attempts) == (LegEnd.COMPLETED, 2)
    assert before & set(bench.processes()) == set()


def test_a_leg_that_loses_every_worker_is_lost_after_four_attempts(bench):
    result = finish(bench.runner("kill -9 $PPID; sleep 60"), leg())["a"]
    assert (result.end, result.attempts) == (LegEnd.LOST, 4)
    assert result.detail == "its worker died"


def test_a_new_runner_adopts_the_living_and_takes_in_the_ended(bench):
    script = f"echo $RETUNED_SEED >> count; test $RETUNED_SEED = 1 || sleep 0.5; echo '{REPORT}'"
    first = bench.runner(script)
    finish(first, leg("a", seed=1))
    first.submit([leg("b", seed=2)])
    wait_for(lambda: (bench.folder / "count").read_text() == "1\n2\n")
    workers = bench.workers()
    second = bench.runner(script)
    results = finish(second, leg("a", seed=1), leg("b", seed=2))
    assert {name: result.end for name, result in results.items()} == {"a": LegEnd.COMPLETED, "b": LegEnd.COMPLETED}
    assert (bench.folder / "count").read_text() == "1\n2\n"
    assert bench.workers() == workers


def test_a_worker_id_whose_pid_passed_on_is_buried_and_the_stranger_lives(bench):
    runner = bench.runner(f"echo '{REPORT}'")
    runner.submit([leg()])
    with subprocess.Popen(["sleep", "60"]) as stranger:
        process = identify(stranger.pid)
        worker = bench.folder / "spool/workers/w1"
        worker.mkdir()
        (bench.folder / "spool/queue/00000001-a.a1").rename(bench.folder / "spool/claimed/00000001-a.a1~w1")
        said = f'{{"pid": {stranger.pid}, "start_time": {process.start_time - 1}, "boot_id": "{process.boot_id}"}}'
        (worker / "worker.json").write_text(said)
        result = finish(runner, leg())["a"]
        lives = is_alive(process)
        stranger.kill()
    assert lives
    assert result.attempts == 2


def test_a_worker_of_an_older_installation_is_adopted_and_ended(bench):
    """It is known by what it wrote down and by the mark in its environment, never by the path of its program."""
    older = bench.folder / "older" / "shim.py"
    older.parent.mkdir()
    older.write_text("import time\ntime.sleep(60)\n")
    runner = bench.runner(f"echo '{REPORT}'")
    runner.submit([leg()])
    folder = bench.folder / "spool" / "workers" / "w1"
    folder.mkdir()
    environment = {"MARK": bench.mark, "RETUNED_WORKER": "w1"}
    with subprocess.Popen([sys.executable, "-I", "-S", older, bench.folder / "spool", "w1"], env=environment) as worker:
        write_json(folder / "worker.json", {"nonce": "w1", "deadline_s": 3600.0, **asdict(identify(worker.pid))})
        (bench.folder / "spool/queue/00000001-a.a1").rename(bench.folder / "spool/claimed/00000001-a.a1~w1")
        assert runner.poll() == {}
        assert (bench.workers(), worker.poll()) == ([worker.pid], None)
        runner.stop()
        assert worker.wait(timeout=10) == -signal.SIGTERM
    assert bench.workers() == []


def test_an_unreadable_end_is_a_lost_attempt(bench):
    finish(bench.runner(f"echo '{REPORT}'"), leg())
    (bench.folder / "spool/legs/a.a1/exit.json").write_text("{")
    result = finish(bench.runner(f"echo '{REPORT}'"), leg())["a"]
    assert (result.end, result.attempts) == (LegEnd.COMPLETED, 2)


def test_an_unreadable_order_is_written_anew_when_the_leg_is_submitted(bench):
    finish(bench.runner(f"echo '{REPORT}'"), leg())
    (bench.folder / "spool/legs/a.a1/leg.json").write_text("{")
    result = finish(bench.runner(f"echo '{REPORT}'"), leg())["a"]
    assert (result.end, result.attempts) == (LegEnd.COMPLETED, 2)


def test_stopping_ends_everything_and_a_later_runner_goes_on(bench):
    script = f"test -e go && echo '{REPORT}' && exit; touch ready; trap '' TERM; setsid sleep 60 & sleep 60"
    runner = bench.runner(script, slots=2)
    runner.submit([leg("a"), leg("b"), leg("c")])
    runner.poll()
    wait_for((bench.folder / "ready").exists)
    runner.stop()
    assert bench.processes() == []
    assert runner.poll() == {}
    (bench.folder / "go").touch()
    results = finish(bench.runner(script, slots=2), leg("a"), leg("b"), leg("c"))
    assert {result.end for result in results.values()} == {LegEnd.COMPLETED}


def test_a_training_that_forks_twice_and_ignores_sigterm_leaves_nothing_behind_when_it_ends(bench):
    fled = bench.folder / "fled"
    result = finish(bench.runner(f"exec {sys.executable} -S {FLEEING} {fled}"), leg())["a"]
    assert result.end is LegEnd.COMPLETED
    assert [pid for pid in fled.read_text().split() if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.parametrize("end", ["stop", "deadline", "sigkill"])
def test_nor_when_it_is_stopped_or_past_its_deadline_or_its_worker_was_killed(bench, end):
    fled = bench.folder / "fled"
    runner = bench.runner(f"exec {sys.executable} -S {FLEEING} {fled} wait", timeout_s=0.5 if end == "deadline" else 20)
    runner.submit([leg()])
    runner.poll()
    wait_for(lambda: fled.exists() and len(fled.read_text().split()) == 2)
    pids = fled.read_text().split()
    runner.stop() if end == "stop" else None
    os.kill(bench.workers()[0], signal.SIGKILL) if end == "sigkill" else None
    wait_for(lambda: runner.poll() is not None and not [pid for pid in pids if Path(f"/proc/{pid}").exists()])
    runner.stop()
    assert bench.processes() == []


class LateClock(SystemClock):
    """A clock that the test sets forward."""

    ahead_s = 0.0

    def now(self):
        return super().now() + timedelta(seconds=self.ahead_s)

    def monotonic(self):
        return super().monotonic() + self.ahead_s


def test_a_worker_that_hangs_is_killed_at_the_second_look_and_its_leg_tried_again(bench):
    late = LateClock()
    runner = bench.runner(f"test -e again && echo '{REPORT}' && exit; touch again; sleep 60", clock=late)
    runner.submit([leg()])
    runner.poll()
    wait_for((bench.folder / "again").exists)
    (worker,) = bench.workers()
    os.kill(worker, signal.SIGSTOP)
    late.ahead_s += SILENT_S + 1
    runner.poll()
    assert bench.workers() == [worker]
    late.ahead_s += SILENT_AGAIN_S
    assert finish(runner, leg())["a"].attempts == 2


def test_each_worker_has_gpus_of_its_own(bench):
    both = "until [ $(wc -l < gpus) = 2 ]; do sleep 0.02; done"
    script = f"echo $CUDA_VISIBLE_DEVICES $CUDA_DEVICE_ORDER >> gpus; {both}; echo '{REPORT}'"
    finish(bench.runner(script, slots=3, gpus=(1, 3, 4, 7), gpus_each=2), leg("a"), leg("b"))
    assert sorted((bench.folder / "gpus").read_text().splitlines()) == ["1,3 PCI_BUS_ID", "4,7 PCI_BUS_ID"]


def test_a_worker_on_a_gpu_that_was_given_to_another_campaign_puts_its_leg_back(bench):
    script = f"echo $CUDA_VISIBLE_DEVICES >> gpus; test -e go && echo '{REPORT}' && exit; sleep 60"
    first = bench.runner(script, gpus=(0,), gpus_each=1)
    first.submit([leg()])
    first.poll()
    wait_for((bench.folder / "gpus").exists)
    (bench.folder / "go").touch()
    result = finish(bench.runner(script, gpus=(1,), gpus_each=1), leg())["a"]
    assert result.end is LegEnd.COMPLETED
    assert (bench.folder / "gpus").read_text() == "0\n1\n"


def test_a_runner_that_just_goes_leaves_its_workers_and_somebody_else_can_end_them(bench):
    fled = bench.folder / "fled"
    runner = bench.runner(f"exec {sys.executable} -S {FLEEING} {fled} wait")
    runner.submit([leg()])
    runner.poll()
    wait_for(fled.exists)
    del runner
    assert end_workers(bench.folder, SystemClock()) == 1
    assert bench.processes() == []
    assert end_workers(bench.folder, SystemClock()) == 0


@pytest.mark.parametrize("is_over", [True, False])
def test_tickets_of_a_campaign_that_is_over_are_withdrawn_and_those_of_an_open_one_stay(tmp_path, is_over):
    kept = tmp_path / "kept"
    spools = [Spool(tmp_path / "spool"), Spool(tmp_path / "spool" / "day-1")]
    for spool in spools:
        spool.create(TrainingOrder("command", ("true",), None, "", "/", "", "steps", None, 20.0, 1))
        (spool.queue / "00000002-b.a1").write_text("00000003-c.a1\n")
        (spool.claimed / "00000001-a.a1~w1").touch()  # of a worker that its training killed
        (spool.claimed / "other").mkdir()
    kept.mkdir()
    (kept / "00000001-a.a1~w1").touch()
    linked = tmp_path / "spool" / "linked"
    linked.mkdir()
    (linked / "claimed").symlink_to(kept)
    end_workers(tmp_path / "spool", SystemClock(), is_over=is_over)
    left = [len([*spool.queue.iterdir(), *spool.claimed.iterdir()]) for spool in spools]
    assert left == ([0, 0] if is_over else [3, 3])
    assert len(list(kept.iterdir())) == 1


def test_a_stuck_worker_is_killed_when_the_grace_of_a_stop_is_over(bench):
    runner = bench.runner("touch ready; sleep 60")
    runner.submit([leg()])
    runner.poll()
    wait_for((bench.folder / "ready").exists)
    os.kill(bench.workers()[0], signal.SIGSTOP)
    runner.stop(grace_s=0.2)
    assert bench.processes() == []


@pytest.mark.parametrize("python", ["/no/such/python", "false"])
def test_workers_that_cannot_start_fail_the_campaign_instead_of_starting_for_ever(bench, python):
    runner = bench.runner("true", python=python)
    runner.submit([leg()])
    with pytest.raises(CampaignFailed, match="worker"):
        wait_for(lambda: runner.poll() != {})


def read_end(spool, leg, attempt):
    end = spool.read_end(leg, attempt)
    return None if end is None else end.process


def test_a_campaign_killed_at_random_moments_finishes_and_repeats_no_completed_leg(tmp_path):
    bench = Bench(tmp_path)
    argv = [sys.executable, "-c", CAMPAIGN, str(tmp_path), bench.mark]
    chance = random.Random(20)
    (tmp_path / "log").touch()
    for number in range(8):
        with subprocess.Popen(argv) as campaign:
            time.sleep(0.2 + chance.random() * 0.3)
            victims = bench.workers() if number % 2 else []
            campaign.kill()
        for victim in victims[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    spool = Spool(tmp_path / "spool")
    ends = [
        (leg, attempt, read_end(spool, leg, attempt))
        for leg, last in spool.attempts().items()
        for attempt in range(1, last + 1)
    ]
    completed = [(leg, attempt) for leg, attempt, process in ends if process is ProcessKind.EXITED]
    begun = [line for line in (tmp_path / "log").read_text().split("\n") if line.startswith("begin")]
    assert said == "completed\n"
    assert dict(completed) == spool.attempts()
    assert len(completed) == 50
    assert 50 <= len(begun) <= len(ends)
    assert bench.processes() == []
