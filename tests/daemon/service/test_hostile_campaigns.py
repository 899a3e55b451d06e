"""Hostile trainings under a real service: each campaign ends by itself with a sentence, the next one is run, and
nothing is left. What happens to single legs is in tests/daemon/training/test_hostile_trainings.py."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.foreign_files import remove
from retuned.daemon.state.campaigns.campaigns import find_campaign, open_campaigns
from retuned.daemon.state.campaigns.lease_file import holder_of
from retuned.daemon.state.models.registry import register

HOSTILE = Path(__file__).parents[2] / "toys" / "hostile.py"
WITHIN_S = 540.0  # of all campaigns together, on a machine that has much else to do
PRECIOUS = b"precious\n" * 1000
CONFIG = """[service]
tick_s = 0.5
log = "json"
max_campaigns = 6
longest_step = "10s"
[workers]
slots = 12
"""
MODEL = """name = "{name}"
owner = "tests"
[training]
pass_env = ["VICTIM", "MARK"]
command = {command}
budget = {{steps = 1}}
timeout = "{timeout_s}s"
slots = 1
[objective]
metric = "loss"
direction = "minimize"
[hyperparameters.lr]
type = "float"
low = 1e-4
high = 1.0
log = true
value = 0.01
"""

FAILS = {
    "fifo": "is a FIFO",
    "fifo_and_waits": "is a FIFO",
    "zero_link": "is a symbolic link",
    "link": "is a symbolic link",
    "link_to_nothing": "is a symbolic link",
    "hard_link": "is a hard link",
    "directory": "is a folder",
    "unix_socket": "is a socket",
    "sparse": "more than 16 MiB",
    "flapping": "its report file is a",
    "deleted_folder": "removed or replaced",
    "deleted_folder_and_waits": "removed or replaced",
    "linked_folder": "removed or replaced",
    "file_for_a_folder": "removed or replaced",
    "deleted_campaign": "folder was removed or changed while it ran",
    "forged_exit": "exit code 3",
    "forged_exit_and_dead_worker": "exit.json cannot be read",
    "stop_for_itself": "stopped early",
    "ignores_sigterm": "still running",
    "stops_itself": "still running",
    "closes_everything": "still running",
    "late_report": "never reported loss",
    "kills_worker": "its worker died",
    "ends_worker": "must not signal the process that started it",
    "floods_names": "more than 1000 metrics",
    "long_name": "200 characters",
    "lone_surrogate": "lone surrogates",
    "negative_step": "step -1",
    "step_of_many_digits": "step 9999",
    "floods_reports": "more than 16 MiB",
}
IS_KILLED = ("ignores_sigterm", "stops_itself", "closes_everything")
# campaigns of runs that are hostile one after another: it costs nothing, and the leader is replaced where it was hit
IS_DONE = {
    "in-turn-1": (
        "exit_folder", "fifos_for_ours", "stop_for_all", "fork_bomb", "closes_and_reports", "fills_tmpdir",
        "deep_tmpdir", "deep_folder",
    ),
    "in-turn-2": (
        "tmpdir_link", "huge_line", "huge_report_line", "binary", "floods_output", "checkpoint_link", "deleted_next",
        "deep_json",
    ),
    "in-turn-3": ("stops_leader", "kills_leader", "ends_leader"),
}  # fmt: skip
pytestmark = pytest.mark.timeout(700)


class House:
    """A service with one model for each hostile training, beside a file that none of them may touch."""

    def __init__(self, desk):
        self.store, self.folder, self.numbers = desk.store, desk.folder, {}
        self.victim, self.marks = desk.folder / "kept" / "victim", desk.folder / "marks"
        self.victim.parent.mkdir()
        self.victim.write_bytes(PRECIOUS)
        self.marks.mkdir()
        self.mark = uuid.uuid4().hex
        (self.folder / "config.toml").write_text(CONFIG)
        for kind in FAILS:
            self.add(kind, timeout_s=1 if kind in IS_KILLED else 60)
        for name, kinds in IS_DONE.items():
            self.add(name, ",".join(kinds), str(self.marks), kind="in_turn")

    def add(self, name, *words, kind=None, timeout_s=60):
        command = json.dumps([sys.executable, "-I", "-S", str(HOSTILE), kind or name, *words])
        folder = self.folder / name
        folder.mkdir()
        path = folder / "model.toml"
        path.write_text(MODEL.format(name=name.replace("_", "-"), command=command, timeout_s=timeout_s))
        register(self.store, load_model_file(path), path, SystemClock().now())
        self.numbers[name] = max(campaign.id for campaign in open_campaigns(self.store))

    def start(self):
        words = ["--state", self.store.state, "--config", self.folder / "config.toml", "serve"]
        environment = {**os.environ, "VICTIM": str(self.victim), "MARK": self.mark}
        with (self.folder / "service.log").open("w") as log:
            self.service = subprocess.Popen(
                [sys.executable, "-m", "retuned.daemon", *map(str, words)], stdout=log, stderr=log, env=environment
            )

    def finish(self):
        """Wait until no campaign is open and no process leads one."""
        until = time.monotonic() + WITHIN_S
        while open_campaigns(self.store) or any(holder_of(self.store.state, n) for n in self.numbers.values()):
            assert time.monotonic() < until, [campaign.model for campaign in open_campaigns(self.store)]
            assert self.service.poll() is None
            time.sleep(0.2)

    def processes(self):
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"MARK={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return set(found)


@pytest.fixture(scope="module")
def house(new_desk, tmp_path_factory):
    made = House(new_desk(tmp_path_factory.mktemp("hostile")))
    made.start()
    try:
        made.finish()
        yield made
    finally:
        made.service.kill()
        made.service.wait()
        for pid in made.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        remove(made.store.state)  # some of it lies deeper than pytest can delete


@pytest.mark.parametrize("kind", FAILS)
def test_a_campaign_of_hostile_trainings_fails_with_a_sentence(house, kind):
    campaign = find_campaign(house.store, house.numbers[kind])
    assert campaign.phase == "failed"
    assert FAILS[kind] in campaign.failure
    assert "\n" not in campaign.failure
    assert "Traceback" not in campaign.failure


@pytest.mark.parametrize("name", IS_DONE)
def test_a_campaign_with_some_hostile_trainings_is_done(house, name):
    campaign = find_campaign(house.store, house.numbers[name])
    assert (campaign.phase, campaign.failure) == ("done", None)
    assert {mark.name for mark in house.marks.iterdir()} >= set(IS_DONE[name])


def test_then_the_next_one_is_run_and_nothing_is_left(house):
    house.add("good")
    house.finish()
    assert find_campaign(house.store, house.numbers["good"]).phase == "done"
    until = time.monotonic() + 60.0
    while house.processes() != {house.service.pid} and time.monotonic() < until:
        time.sleep(0.1)  # the service clears away what the last one left
    assert house.processes() == {house.service.pid}
    house.service.send_signal(signal.SIGTERM)
    assert house.service.wait(60) == 0
    assert house.processes() == set()
    left = [
        "campaigns/*/queue/*",
        "campaigns/*/claimed/*",
        "campaigns/*/legs/*/tmp",
        "campaigns/*/workers/*/tmp",
        "campaigns/*/workers/*/worker.json",
    ]
    for folder in ("", "backups/", "campaigns/*/", "campaigns/*/*/", "campaigns/*/*/*/", "snapshots/*/*/"):
        left += [f"{folder}*.part", f"{folder}*.new"]
    assert [path for pattern in left for path in house.store.state.glob(pattern)] == []
    assert os.listdir(house.victim.parent) == ["victim"]
    assert house.victim.read_bytes() == PRECIOUS


def test_no_hostile_training_brings_a_traceback_into_the_services_log(house):
    text = (house.folder / "service.log").read_text()
    assert "Traceback" not in text
    assert "tick_step_failed" not in text
