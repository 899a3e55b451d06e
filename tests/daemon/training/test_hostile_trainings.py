"""Whatever a training does: its leg ends by itself with a sentence, the next one is trained, and nothing is left."""

import contextlib
import json
import os
import sys
import time
import uuid
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.foreign_files import remove
from retuned.daemon.training.leg_order import TrainingOrder
from retuned.daemon.training.local_runner import LocalRunner
from retuned.daemon.training.spool import remove_checkpoints
from retuned.daemon.upkeep.retention import size_of
from retuned.strategies.errors import CampaignFailed
from retuned.strategies.legs.ends import Objective
from retuned.strategies.records import LegEnd, LegRequest, Purpose, Role

HOSTILE = Path(__file__).parents[2] / "toys" / "hostile.py"
TIMEOUT_S = 1.0  # where it is to be reached
WITHIN_S = 60.0
PRECIOUS = b"precious\n" * 1000


class Bench:
    """Runners of hostile trainings on one folder, beside a file that none of them may touch."""

    def __init__(self, folder):
        self.spool = folder / "spool"
        self.victim = folder / "kept" / "victim"
        self.victim.parent.mkdir()
        self.victim.write_bytes(PRECIOUS)
        self.mark = uuid.uuid4().hex
        self.runners = []

    def runner(self, timeout_s=30.0):
        argv = (sys.executable, "-I", "-S", str(HOSTILE), "{kind}", "{word}")
        order = TrainingOrder(
            "command", argv, None, "", str(self.victim.parent), "", "steps", None, timeout_s, 1, grace_s=0.2
        )
        environment = {"PATH": os.environ["PATH"], "MARK": self.mark, "VICTIM": str(self.victim)}
        runner = LocalRunner(self.spool, order, Objective("loss", True), 1, environment, SystemClock())
        self.runners.append(runner)
        return runner

    def train(self, *requests, runner=None):
        """The results of these legs, when all have ended."""
        runner = runner or self.runner()
        runner.submit(requests)
        results, until = {}, time.monotonic() + WITHIN_S
        while set(results) < {request.name for request in requests}:
            assert time.monotonic() < until, "waited in vain"
            results |= runner.poll()
            time.sleep(0.01)
        return results

    def processes(self):
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    for runner in made.runners:
        runner.stop()
    left = [*made.spool.glob("legs/*/tmp"), *made.spool.glob("workers/*/tmp"), *made.spool.glob("workers/*/*.json")]
    size_of(made.spool)
    remove(made.spool)  # some of it lies deeper than pytest can delete
    assert not made.spool.exists()
    assert made.processes() == []
    assert os.listdir(made.victim.parent) == ["victim"]
    assert made.victim.read_bytes() == PRECIOUS
    assert left == []


def leg(kind, word="", name=None):
    values = {"kind": kind, "word": word}
    told = {"configuration": values, "seed": 1, "split_seed": 2, "from_step": 0, "to_step": 1}
    return LegRequest(name=name or kind, trial=kind, purpose=Purpose.SEARCH, role=Role.CANDIDATE, number=0, **told)


ENDS_BADLY = {
    # report files that are no regular files
    "fifo": (LegEnd.BAD_REPORT, "is a FIFO"),
    "fifo_and_waits": (LegEnd.BAD_REPORT, "is a FIFO"),
    "zero_link": (LegEnd.BAD_REPORT, "is a symbolic link"),
    "link": (LegEnd.BAD_REPORT, "is a symbolic link"),
    "link_to_nothing": (LegEnd.BAD_REPORT, "is a symbolic link"),
    "hard_link": (LegEnd.BAD_REPORT, "is a hard link"),
    "directory": (LegEnd.BAD_REPORT, "is a folder"),
    "unix_socket": (LegEnd.BAD_REPORT, "is a socket"),
    "sparse": (LegEnd.BAD_REPORT, "more than 16 MiB"),
    "flapping": (LegEnd.BAD_REPORT, "its report file is a"),
    # folders that go
    "deleted_folder": (LegEnd.BAD_REPORT, "removed or replaced"),
    "deleted_folder_and_waits": (LegEnd.BAD_REPORT, "removed or replaced"),
    "linked_folder": (LegEnd.BAD_REPORT, "removed or replaced"),
    "file_for_a_folder": (LegEnd.BAD_REPORT, "removed or replaced"),
    # files of ours, forged
    "forged_exit": (LegEnd.CRASHED, "exit code 3"),
    "forged_exit_and_dead_worker": (LegEnd.LOST, "exit.json cannot be read"),
    "stop_for_itself": (LegEnd.LOST, "stopped early"),
    # processes
    "ignores_sigterm": (LegEnd.TIMED_OUT, "still running"),
    "stops_itself": (LegEnd.TIMED_OUT, "still running"),
    "closes_everything": (LegEnd.TIMED_OUT, "still running"),
    "late_report": (LegEnd.NO_METRIC, "never reported loss"),
    "kills_worker": (LegEnd.LOST, "its worker died"),
    # reports that cannot be used
    "floods_names": (LegEnd.BAD_REPORT, "more than 1000 metrics"),
    "long_name": (LegEnd.BAD_REPORT, "200 characters"),
    "lone_surrogate": (LegEnd.BAD_REPORT, "lone surrogates"),
    "negative_step": (LegEnd.BAD_REPORT, "step -1"),
    "step_of_many_digits": (LegEnd.BAD_REPORT, "step 9999"),
    "floods_reports": (LegEnd.BAD_REPORT, "more than 16 MiB"),
}
ENDS_WELL = (
    "exit_folder",
    "fifos_for_ours",
    "stop_for_all",
    "fork_bomb",
    "closes_and_reports",
    "fills_tmpdir",
    "deep_tmpdir",
    "deep_folder",
    "tmpdir_link",
    "huge_line",
    "huge_report_line",
    "binary",
    "floods_output",
    "duplicate_keys",
    "checkpoint_link",
)


@pytest.mark.parametrize("kind", ENDS_BADLY)
def test_a_hostile_training_ends_with_a_sentence_and_the_next_one_is_trained(bench, kind):
    end, said = ENDS_BADLY[kind]
    first = bench.runner(TIMEOUT_S if end is LegEnd.TIMED_OUT else 30.0)
    results = bench.train(leg(kind), leg("good"), runner=first)
    assert (results[kind].end, results[kind].score) == (end, None)
    assert said in results[kind].detail
    assert "\n" not in results[kind].detail
    assert (results["good"].end, results["good"].score) == (LegEnd.COMPLETED, -0.5)
    first.stop()
    again = bench.train(leg(kind), leg("good"))  # another process reads back what the first one left
    assert {name: result.end for name, result in again.items()} == {kind: end, "good": LegEnd.COMPLETED}


@pytest.mark.parametrize("kind", ENDS_WELL)
def test_what_a_training_does_beside_its_work_costs_it_nothing(bench, kind):
    results = bench.train(leg(kind), leg("good"))
    assert {name: (result.end, result.score) for name, result in results.items()} == {
        kind: (LegEnd.COMPLETED, -0.5),
        "good": (LegEnd.COMPLETED, -0.5),
    }
    remove_checkpoints(bench.spool)
    assert list(bench.spool.glob("legs/*/checkpoint")) == []


@pytest.mark.parametrize("word", ["NaN", "null", "Infinity", "-Infinity", "1e999"])
def test_every_spelling_of_a_value_that_is_not_finite_is_a_divergence(bench, word):
    results = bench.train(leg("not_finite", word), leg("good"))
    assert results["not_finite"].end is LegEnd.DIVERGED
    assert "not finite" in results["not_finite"].detail
    assert results["good"].end is LegEnd.COMPLETED


@pytest.mark.parametrize("kind", ["deep_json", "deep_objects"])
def test_reports_nested_too_deeply_are_no_reports(bench, kind):
    results = bench.train(leg(kind), leg("good"))
    assert results[kind].end in (LegEnd.BAD_REPORT, LegEnd.COMPLETED)
    assert results["good"].end is LegEnd.COMPLETED


def test_a_leg_whose_folder_another_training_removed_is_prepared_and_trained_again(bench):
    results = bench.train(leg("deleted_next"), leg("good"))
    assert {result.end for result in results.values()} == {LegEnd.COMPLETED}
    assert results["good"].attempts == 2


def test_a_removed_campaign_folder_fails_the_campaign_and_the_next_campaign_trains(bench, tmp_path):
    with pytest.raises(CampaignFailed, match="folder was removed or changed while it ran"):
        bench.train(leg("deleted_campaign"), leg("good"), runner=bench.runner(timeout_s=60.0))
    bench.runners[-1].stop()
    assert bench.processes() == []
    assert bench.train(leg("good"))["good"].end is LegEnd.COMPLETED


def test_a_training_that_ends_its_workers_fails_the_campaign_and_is_not_begun_for_ever(bench):
    with pytest.raises(CampaignFailed, match="must not signal the process that started it"):
        bench.train(leg("ends_worker"))
    bench.runners[-1].stop()
    assert bench.processes() == []


def hostile_model(desk, kind):
    command = json.dumps([sys.executable, "-I", "-S", str(HOSTILE), kind])
    environment = f'pass_env = ["VICTIM"]\ncommand = {command}\nbudget = {{steps = 1}}\ntimeout = "20s"\nslots = 2'
    return desk.register(training=environment, objective='metric = "loss"\ndirection = "minimize"')


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("fifo", "is a FIFO"),
        ("lone_surrogate", "lone surrogates"),
        ("deleted_folder", "removed or replaced"),
        ("deleted_campaign", "folder was removed or changed while it ran"),
        ("kills_worker", "its worker died"),
    ],
)
def test_a_campaign_of_hostile_trainings_fails_with_a_sentence_and_the_next_one_is_done(desk, monkeypatch, kind, said):
    monkeypatch.setenv("VICTIM", str(desk.folder / "victim"))
    hostile_model(desk, kind)
    campaign = desk.baseline()
    assert campaign.phase == "failed"
    assert said in campaign.failure
    desk.register(objective='metric = "score"\ndirection = "maximize"', top='name = "other"\nowner = "tests"')
    assert desk.baseline().phase == "done"
