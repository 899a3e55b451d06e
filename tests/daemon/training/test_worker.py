import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from retuned.daemon.durable_files import write_json
from retuned.daemon.processes import boot_id
from retuned.daemon.training.leg_order import Ticket, TrainingOrder
from retuned.daemon.training.spool import Spool
from retuned.daemon.training.worker.children import children_by_parent, children_of, peak_memory
from retuned.daemon.training.worker_processes import WORKER
from retuned.strategies.records import LegRequest, Purpose, Role

REPORT = '{"step": 1, "metrics": {"loss": 0.5}}'
ESCAPED = REPORT.replace("{", "{{").replace("}", "}}")
SCRATCH = {"PATH": os.environ["PATH"]}

TRAINER = """
import json, os, subprocess, sys, time
def asked(requests):
    for line in requests:
        found = json.loads(line)
        yield from ((folder, {"seconds": 0.5, "cpu_s": 0.25}) for folder in found.get("legs", ()))
        yield from ((found[name], {}) for name in found if name == "leg")

requests, answers = open(int(sys.argv[2])), open(int(sys.argv[4]), "w")
print(json.dumps({"ready": True}), file=answers, flush=True)
for folder, cost in asked(requests):
    how = json.load(open(folder + "/hyperparameters.json"))["how"]
    print("pid", os.getpid(), how, flush=True)
    open(folder + "/report.jsonl", "a").write('{"step": 1, "metrics": {"loss": 0.5}}\\n')
    if how == "large":
        open(folder + "/checkpoint", "wb").write(bytes(3 << 20))
        how = "completed"
    if how == "hang":
        time.sleep(60)
    if how == "exit":
        sys.exit(0)
    if how == "die":
        os.kill(os.getpid(), 9)
    if how == "garble":
        print("what?", file=answers, flush=True)
    if how == "fork":
        subprocess.Popen(["setsid", "sleep", "60"])
        how = "completed"
    print(json.dumps({"leg": folder, "end": how, "detail": "said so", **cost}), file=answers, flush=True)
"""


class Bench:
    """A spool with legs, and a worker to train them; knows its processes by a mark in their environment."""

    def __init__(self, folder, **order):
        self.spool = Spool(folder)
        self.training = TrainingOrder(
            kind="command",
            argv=None,
            recipe=None,
            python=sys.executable,
            workdir=str(folder),
            data="",
            unit="steps",
            evaluate_every=None,
            timeout_s=20.0,
            threads=1,
            grace_s=0.3,
            idle_s=0.0,
        )
        self.training = replace(self.training, **order)
        self.spool.create(self.training)
        self.mark = uuid.uuid4().hex
        self.worker_id = "w" + self.mark[:8]
        self.nap = f"60.{int(self.mark[:8], 16)}"  # $NAP: a long sleep that is found by its argument

    def enqueue(self, **configurations):
        for number, (name, configuration) in enumerate(configurations.items()):
            request = LegRequest(
                name, name, Purpose.SEARCH, configuration, 11, 12, 0, 10, role=Role.CANDIDATE, number=0
            )
            self.spool.prepare(request, Ticket(number, name, 1), self.training, None)
            self.spool.put(Ticket(number, name, 1))

    def enqueue_group(self, **configurations):
        tickets = [Ticket(number, name, 1) for number, name in enumerate(configurations)]
        for ticket, (name, configuration) in zip(tickets, configurations.items(), strict=True):
            request = LegRequest(
                name, name, Purpose.SEARCH, configuration, 11, 12, 0, 10, role=Role.CANDIDATE, number=0
            )
            self.spool.prepare(request, ticket, self.training, None, tuple(configurations))
        self.spool.put(*tickets)

    def start(self):
        folder = self.spool.workers / self.worker_id
        folder.mkdir()
        write_json(folder / "worker.json", {"nonce": self.worker_id, "deadline_s": 3600})
        argv = [sys.executable, "-I", "-S", str(WORKER), str(self.spool.folder), self.worker_id]
        environment = {**SCRATCH, "MARK": self.mark, "RETUNED_WORKER": self.worker_id, "NAP": self.nap}
        return subprocess.Popen(argv, env=environment, start_new_session=True)

    def work(self):
        assert self.start().wait(timeout=30) == 0

    def end(self, leg="a"):
        return json.loads((self.file(leg, "exit.json")).read_text())

    def file(self, leg, name):
        return self.spool.leg_folder(leg, 1) / name

    def processes(self):
        return [pid for pid, text in everywhere("environ").items() if self.mark.encode() in text]

    def sleepers(self):
        return sum(text == f"sleep\0{self.nap}\0".encode() for text in everywhere("cmdline").values())


def everywhere(file):
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found[int(entry.name)] = (entry / file).read_bytes()
    return found


def shell(tmp_path, script, **order):
    """A bench whose only leg, a, has been trained by this shell script."""
    bench = Bench(tmp_path, argv=("sh", "-c", script), **order)
    bench.enqueue(a={"lr": 0.5})
    bench.work()
    return bench


def wait_for(condition, timeout_s=10.0):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def test_where_memory_runs_out_a_training_goes_before_the_service(tmp_path):
    bench = shell(tmp_path, "cat /proc/self/oom_score_adj")
    assert int(bench.file("a", "output.log").read_text()) >= 300


def test_a_command_is_trained_and_its_cost_recorded(tmp_path):
    bench = shell(tmp_path, f"echo hello; echo '{ESCAPED}'; echo oops >&2")
    end = bench.end()
    assert (end["process"], end["exit_code"]) == ("exited", 0)
    assert end["seconds"] > 0
    assert end["peak_memory_bytes"] > 0
    assert bench.file("a", "report.jsonl").read_text() == REPORT + "\n"
    assert sorted(bench.file("a", "output.log").read_text().split("\n")) == sorted(["hello", REPORT, "oops", ""])


@pytest.mark.parametrize("script", ["sleep $NAP", "trap '' TERM; setsid sleep $NAP & sleep $NAP"])
def test_a_leg_that_the_campaign_wants_stopped_is_ended_with_all_that_it_started(tmp_path, script):
    bench = Bench(tmp_path, argv=("sh", "-c", script))
    bench.enqueue(a={"lr": 0.5})
    worker = bench.start()
    wait_for(lambda: bench.sleepers() > 0)
    bench.spool.ask_to_stop(Ticket(0, "a", 1), 5.0)
    assert worker.wait(timeout=30) == 0
    assert bench.end()["process"] == "stopped"
    assert bench.sleepers() == 0


def test_a_leg_sees_its_order_in_the_environment_and_little_else(tmp_path):
    bench = shell(tmp_path, "env; test -d $TMPDIR; cat $RETUNED_HYPERPARAMETERS")
    seen = bench.file("a", "output.log").read_text()
    wanted = ("RETUNED_SEED=11", "RETUNED_SPLIT_SEED=12", "RETUNED_PURPOSE=search", "RETUNED_TO_STEP=10", '{"lr": 0.5}')
    assert [text for text in wanted if text not in seen] == []
    assert "OMP_NUM_THREADS=1" in seen
    assert "HOME=" not in seen
    assert "RETUNED_CHECKPOINT" not in seen
    assert bench.end()["exit_code"] == 0
    assert not bench.file("a", "tmp").exists()


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("echo 'no memory' >&2; exit 3", {"process": "exited", "exit_code": 3}),  # crash
        ("kill -9 $$", {"process": "signalled", "signal": 9}),  # killed from outside
        ("sleep $NAP", {"process": "timed_out"}),  # hang
        ("trap '' TERM; while :; do sleep 1; done", {"process": "timed_out"}),  # hang that ignores SIGTERM
        ("yes | head -c 30000000 >> $RETUNED_REPORT; sleep $NAP", {"process": "report_limit"}),  # then still running
        ("yes | head -c 30000000 >> $RETUNED_REPORT", {"process": "report_limit"}),  # over before anybody looked
        ("sleep $NAP & setsid sleep $NAP & exit 0", {"process": "exited", "exit_code": 0}),  # children left behind
        # a daemon: forked twice, in a session of its own, deaf to SIGTERM
        ("(setsid sh -c 'trap \"\" TERM; sleep $NAP & sleep $NAP' &) & exit 0", {"process": "exited", "exit_code": 0}),
        ("env -i setsid sleep $NAP & exit 0", {"process": "exited", "exit_code": 0}),  # without our mark
    ],
)
def test_every_bad_ending_is_recorded_and_leaves_no_process(tmp_path, script, wanted):
    bench = shell(tmp_path, script, timeout_s=0.6)
    assert {key: bench.end()[key] for key in wanted} == wanted
    assert bench.processes() == []
    assert bench.sleepers() == 0
    assert os.listdir(bench.spool.claimed) == []


def test_a_machine_that_sleeps_while_a_leg_runs_does_not_end_it(tmp_path):
    bench = Bench(tmp_path, argv=("sh", "-c", f"touch running; sleep 1; echo '{ESCAPED}'"), timeout_s=4.0)
    bench.enqueue(a={})
    worker = bench.start()
    wait_for((tmp_path / "running").exists)
    asleep = [worker.pid, *bench.processes()]
    [os.kill(pid, signal.SIGSTOP) for pid in asleep]
    time.sleep(5.0)
    [os.kill(pid, signal.SIGCONT) for pid in asleep]
    worker.wait(60)
    assert (bench.end()["process"], bench.end()["exit_code"]) == ("exited", 0)
    assert bench.end()["seconds"] < 5.0


def test_the_report_of_a_leg_that_was_stopped_for_it_is_cut_at_the_limit(tmp_path):
    bench = shell(tmp_path, "yes | head -c 30000000 >> $RETUNED_REPORT")
    assert bench.file("a", "report.jsonl").stat().st_size == 16 << 20


def test_a_crash_says_the_last_line_of_output(tmp_path):
    bench = shell(tmp_path, "echo Traceback >&2; echo 'ValueError: bad rows' >&2; exit 1")
    assert bench.end()["detail"] == "its last line of output: ValueError: bad rows"


def test_a_command_that_does_not_exist_ends_with_127_and_its_name(tmp_path):
    bench = Bench(tmp_path, argv=("/no/such/program",))
    bench.enqueue(a={})
    bench.work()
    assert bench.end()["exit_code"] == 127
    assert "/no/such/program" in bench.end()["detail"]


def test_a_flood_of_output_leaves_a_small_log_with_both_ends(tmp_path):
    script = f"echo first; head -c 200000000 /dev/zero | tr '\\0' '\\n'; echo '{ESCAPED}'; echo last"
    bench = Bench(tmp_path, argv=("sh", "-c", script), idle_s=60.0)
    bench.enqueue(a={})
    worker = bench.start()
    wait_for(bench.file("a", "exit.json").exists, timeout_s=60.0)
    peak = peak_memory(worker.pid)
    worker.terminate()
    worker.wait(timeout=10)
    log = bench.file("a", "output.log").read_bytes()
    assert len(log) < (64 + 256 + 1) << 10
    assert log.startswith(b"first\n")
    assert log.endswith(b"last\n")
    assert b"bytes left out" in log
    assert bench.file("a", "report.jsonl").read_text() == REPORT + "\n"
    assert 0 < peak < 40 << 20


def test_a_line_without_end_is_not_kept_in_memory(tmp_path):
    bench = shell(tmp_path, f"head -c 50000000 /dev/zero; echo; printf '50%%\\r'; printf '%s' '{ESCAPED}'")
    assert bench.file("a", "report.jsonl").read_text() == REPORT + "\n"


def test_an_unreadable_order_ends_the_leg_and_not_the_worker(tmp_path):
    bench = Bench(tmp_path, argv=("true",))
    bench.enqueue(a={}, b={})
    bench.file("a", "leg.json").write_text("{")
    bench.work()
    assert bench.end("a")["exit_code"] == 127
    assert bench.end("b")["exit_code"] == 0


def test_a_ticket_that_comes_up_twice_is_trained_once(tmp_path):
    bench = Bench(tmp_path, argv=("sh", "-c", f"echo x >> {tmp_path}/count"))
    bench.enqueue(a={})
    bench.spool.put(Ticket(5, "a", 1))
    bench.work()
    assert (tmp_path / "count").read_text() == "x\n"
    assert os.listdir(bench.spool.claimed) == []


def test_sigterm_puts_an_unfinished_leg_back_as_it_was(tmp_path):
    bench = Bench(tmp_path, argv=("sh", "-c", "echo x; touch ready; sleep $NAP & sleep $NAP"))
    bench.enqueue(a={})
    worker = bench.start()
    wait_for((tmp_path / "ready").exists)
    worker.terminate()
    assert worker.wait(timeout=10) == 0
    assert bench.processes() == []
    assert os.listdir(bench.spool.queue) == ["00000000-a.a1"]
    assert sorted(os.listdir(bench.spool.leg_folder("a", 1))) == ["hyperparameters.json", "leg.json"]


def test_a_worker_killed_outright_takes_its_training_along(tmp_path):
    bench = Bench(tmp_path, argv=("sh", "-c", "touch ready; exec sleep $NAP"))
    bench.enqueue(a={})
    worker = bench.start()
    wait_for((tmp_path / "ready").exists)
    worker.kill()
    worker.wait(timeout=10)
    wait_for(lambda: bench.processes() == [])


def test_a_worker_ends_after_its_leg_when_told_to_stop(tmp_path):
    bench = Bench(tmp_path, argv=("touch", f"{tmp_path}/stop"), idle_s=60.0)
    bench.enqueue(a={}, b={})
    bench.work()
    assert bench.file("a", "exit.json").exists()
    assert os.listdir(bench.spool.queue) == ["00000001-b.a1"]


def recipes(tmp_path, **order):
    script = tmp_path / "trainer.py"
    script.write_text(TRAINER)
    return Bench(
        tmp_path / "spool", kind="recipe", recipe="/r.py:R", trainer=str(script), workdir=str(tmp_path), **order
    )


def pid_in_log(bench, leg):
    return bench.file(leg, "output.log").read_text().split()[1]


def test_one_trainer_carries_many_legs(tmp_path):
    bench = recipes(tmp_path)
    bench.enqueue(a={"how": "completed"}, b={"how": "diverged"}, c={"how": "completed"})
    bench.work()
    assert [bench.end(leg)["process"] for leg in "abc"] == ["exited", "diverged", "exited"]
    assert len({pid_in_log(bench, leg) for leg in "abc"}) == 1
    assert bench.end("b")["detail"] == "said so"
    assert bench.end("a")["peak_memory_bytes"] > 0
    assert bench.processes() == []


@pytest.mark.parametrize(
    ("how", "process"),
    [
        ("crashed", "recipe_error"),  # an exception in the recipe
        ("exit", "recipe_error"),  # left without an answer
        ("die", "signalled"),  # for instance out of memory
        ("hang", "timed_out"),
        ("garble", "recipe_error"),  # an answer that is not JSON
    ],
)
def test_a_trainer_that_failed_a_leg_is_replaced_for_the_next(tmp_path, how, process):
    bench = recipes(tmp_path, timeout_s=1.0)
    bench.enqueue(a={"how": how}, b={"how": "completed"})
    bench.work()
    assert [bench.end(leg)["process"] for leg in "ab"] == [process, "exited"]
    assert pid_in_log(bench, "a") != pid_in_log(bench, "b")
    assert bench.processes() == []


def test_a_group_is_handed_over_at_once_and_each_leg_has_its_own_end_and_cost(tmp_path):
    bench = recipes(tmp_path)
    bench.enqueue_group(a={"how": "completed"}, b={"how": "diverged"}, c={"how": "crashed"})
    bench.work()
    assert [bench.end(leg)["process"] for leg in "abc"] == ["exited", "diverged", "recipe_error"]
    assert [(bench.end(leg)["seconds"], bench.end(leg)["cpu_s"]) for leg in "abc"] == [(0.5, 0.25)] * 3
    assert bench.end("a")["peak_memory_bytes"] > 0
    assert len({pid_in_log(bench, leg) for leg in "abc"}) == 1
    assert (os.listdir(bench.spool.claimed), os.listdir(bench.spool.queue)) == ([], [])


def test_a_checkpoint_past_the_limit_ends_its_own_leg_alone_and_in_a_group(tmp_path):
    bench = recipes(tmp_path, checkpoint_bytes=2 << 20)
    bench.enqueue(a={"how": "large"})
    bench.enqueue_group(b={"how": "completed"}, c={"how": "large"}, d={"how": "completed"})
    bench.work()
    ends = [bench.end(leg)["process"] for leg in "abcd"]
    assert ends == ["checkpoint_limit", "exited", "checkpoint_limit", "exited"]
    assert bench.end("c")["detail"].startswith("its checkpoint has 3.0 MiB, the limit is 2.0 MiB")
    assert not bench.file("c", "checkpoint").exists()


@pytest.mark.parametrize(
    ("how", "process", "exit_code"),
    [
        ("exit", "recipe_error", None),  # left without an answer
        ("die", "signalled", None),  # for instance out of memory
        ("garble", "exited", 127),  # an answer that is not JSON
    ],
)
def test_a_trainer_that_fails_amid_a_group_takes_only_the_unfinished_legs_along(tmp_path, how, process, exit_code):
    bench = recipes(tmp_path)
    bench.enqueue_group(a={"how": "completed"}, b={"how": how}, c={"how": "completed"})
    bench.enqueue(d={"how": "completed"})
    bench.work()
    assert [bench.end(leg)["process"] for leg in "abcd"] == ["exited", process, process, "exited"]
    assert bench.end("c")["exit_code"] == exit_code
    assert bench.processes() == []


def test_the_last_leg_of_a_group_is_handed_over_as_one_of_a_group(tmp_path):
    bench = recipes(tmp_path)
    bench.enqueue_group(a={"how": "completed"})
    bench.work()
    assert bench.end("a")["seconds"] == 0.5  # what the trainer said of a leg in a group


def test_a_group_has_the_time_of_all_its_legs(tmp_path):
    bench = recipes(tmp_path, timeout_s=0.5)
    bench.enqueue_group(a={"how": "completed"}, b={"how": "hang"}, c={"how": "completed"})
    bench.work()
    assert [bench.end(leg)["process"] for leg in "abc"] == ["exited", "timed_out", "timed_out"]
    assert 1.5 < sum(bench.end(leg)["seconds"] for leg in "abbb") < 4


def test_sigterm_puts_an_unfinished_group_back_with_what_is_left_of_it(tmp_path):
    bench = recipes(tmp_path)
    bench.enqueue_group(a={"how": "completed"}, b={"how": "hang"}, c={"how": "completed"})
    worker = bench.start()
    wait_for(lambda: bench.file("a", "exit.json").exists() and bench.file("c", "trial.json").exists())
    worker.terminate()
    assert worker.wait(timeout=10) == 0
    assert (bench.spool.queue / "00000000-a.a1").read_text().split() == ["00000001-b.a1", "00000002-c.a1"]
    assert sorted(os.listdir(bench.spool.leg_folder("b", 1))) == ["hyperparameters.json", "leg.json"]
    assert bench.end("a")["process"] == "exited"


def test_what_a_recipe_forked_is_killed_after_its_leg_and_the_trainer_stays(tmp_path):
    bench = recipes(tmp_path, idle_s=60.0)
    bench.enqueue(a={"how": "completed"}, b={"how": "fork"})
    worker = bench.start()
    wait_for(bench.file("b", "exit.json").exists)
    wait_for(lambda: len(bench.processes()) == 2)
    worker.terminate()
    worker.wait(timeout=10)
    assert pid_in_log(bench, "a") == pid_in_log(bench, "b")
    assert bench.processes() == []


def test_a_missing_interpreter_ends_a_recipe_leg_with_127(tmp_path):
    bench = recipes(tmp_path, python="/no/such/python")
    bench.enqueue(a={"how": "completed"})
    bench.work()
    assert "/no/such/python" in bench.end()["detail"]


def test_a_worker_says_who_it_is_and_that_it_lives(tmp_path):
    bench = Bench(tmp_path, argv=("true",))
    bench.enqueue(a={})
    bench.work()
    said = json.loads((bench.spool.workers / bench.worker_id / "worker.json").read_text())
    assert (said["nonce"], said["boot_id"]) == (bench.worker_id, boot_id())


def test_children_are_found_without_the_kernels_lists_of_children():
    with subprocess.Popen(["sleep", "60"]) as process:
        found = (process.pid in children_by_parent(os.getpid()), process.pid in children_of(os.getpid()))
        process.kill()
    assert found == (True, True)
