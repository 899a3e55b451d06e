"""The service: what a tick does, by a clock that the test moves, and the real process from start to SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from retuned.daemon.adoption import adopt
from retuned.daemon.config import Config, ServiceTable
from retuned.daemon.foreground import open_or_queue
from retuned.daemon.instance import is_serving, single_instance
from retuned.daemon.ledger import campaigns_of, find_campaign, open_campaigns
from retuned.daemon.model_file import load_model_file
from retuned.daemon.registry import register, set_state
from retuned.daemon.service import LONGEST_WAIT_S, Service
from retuned.strategies.errors import ConflictError

TICK_S = 30.0


@dataclass
class Starter:
    """Stands for the campaign processes: starts `command` in place of each and remembers when."""

    clock: object
    command: tuple[str, ...] = ("false",)
    started: list = field(default_factory=list)

    def __call__(self, campaign_id):
        self.started.append((campaign_id, self.clock.now()))
        process = subprocess.Popen(self.command)
        if self.command == ("false",):
            process.wait()
        return process

    def of(self, campaign_id):
        return [moment for started, moment in self.started if started == campaign_id]


@pytest.fixture
def starter(clock):
    return Starter(clock)


@pytest.fixture
def service(desk, clock, starter):
    made = Service(desk.store, Config(state=desk.config.state, service=ServiceTable(tick_s=TICK_S)), clock, starter)
    yield made
    made.stop()


def take_up(desk, clock, name="toy"):
    path = desk.write_model(top=f'name = "{name}"\nowner = "tests"')
    return register(desk.store, load_model_file(path), path, clock.now()).model


def ticks(service, clock, count):
    for _ in range(count):
        service.tick()
        clock.move(seconds=TICK_S)


def test_a_campaign_process_that_keeps_dying_is_tried_again_with_growing_delay(service, desk, clock, starter):
    take_up(desk, clock)
    ticks(service, clock, 400)
    moments = starter.of(1)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    assert gaps[:4] == [3 * TICK_S, 5 * TICK_S, 9 * TICK_S, 17 * TICK_S]  # the death is seen one tick later
    assert max(gaps) <= LONGEST_WAIT_S + 2 * TICK_S
    assert find_campaign(desk.store, 1).is_open


def test_a_model_that_keeps_dying_does_not_stop_the_others(service, desk, clock, starter):
    take_up(desk, clock, "poison")
    take_up(desk, clock, "sound")
    ticks(service, clock, 10)
    assert len(starter.of(1)) > 1
    assert len(starter.of(2)) > 1


def test_no_more_campaigns_run_at_once_than_allowed_and_one_a_model(service, desk, clock, starter):
    starter.command = ("sleep", "60")
    model = take_up(desk, clock, "first")
    take_up(desk, clock, "second")
    ticks(service, clock, 3)
    assert starter.started == [(1, starter.of(1)[0])]
    service.config = Config(state=desk.config.state, service=ServiceTable(max_campaigns=5))
    open_or_queue(desk.store, model, "retune", 1, {}, clock)
    ticks(service, clock, 3)
    assert [campaign for campaign, _ in starter.started] == [1, 2]


def test_a_campaign_that_ended_is_not_started_again(service, desk, clock, starter):
    take_up(desk, clock)
    service.tick()
    with desk.store.transaction():
        desk.store.change("UPDATE campaigns SET phase = 'done', ended_at = '2026-02-01T00:00:00+00:00'")
    ticks(service, clock, 20)
    assert len(starter.started) == 1
    assert service.attempts == {}


def test_a_retired_model_is_left_alone(service, desk, clock, starter):
    take_up(desk, clock)
    set_state(desk.store, "toy", "retired")
    ticks(service, clock, 5)
    assert starter.started == []


def test_a_due_model_is_queued_and_started_in_one_tick(service, desk, clock, starter):
    take_up(desk, clock)
    with desk.store.transaction():
        desk.store.change("UPDATE campaigns SET phase = 'done', ended_at = '2026-02-01T00:00:00+00:00'")
    clock.move(days=89)
    service.tick()
    assert [(c.kind, c.trigger) for c in open_campaigns(desk.store)] == [("retune", "schedule")]
    assert len(starter.of(2)) == 1


def test_a_settings_file_left_behind_is_written_and_a_broken_one_stops_nothing(judged_copy, clock):
    starter = Starter(clock, ("sleep", "60"))
    service = Service(judged_copy.store, judged_copy.config, clock, starter)
    take_up(judged_copy, clock, "other")
    adopt(judged_copy.store, "toy", None, clock.now())
    live = Path(json.loads(judged_copy.store.row("SELECT body FROM model_versions")["body"])["settings"]["file"])
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE settings SET is_file_pending = 1")
    before = live.read_text()
    live.unlink()
    service.tick()
    assert live.read_text() == before
    assert starter.started != []
    service.stop()
    live.unlink()


def test_stopping_ends_the_campaign_processes_and_keeps_their_campaigns_open(service, desk, clock, starter):
    starter.command = ("sleep", "60")
    take_up(desk, clock)
    service.tick()
    process = service.attempts[1].process
    service.stop()
    assert process.returncode == -signal.SIGTERM
    assert find_campaign(desk.store, 1).is_open


def test_one_service_a_state_folder(tmp_path):
    assert not is_serving(make(tmp_path))
    with single_instance(tmp_path / "state"):
        assert is_serving(tmp_path / "state")
        with pytest.raises(ConflictError, match="a retuned service already runs"), single_instance(tmp_path / "state"):
            raise AssertionError("not reached")
    assert not is_serving(tmp_path / "state")


def make(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


class Running:
    """A `retuned serve` process that ticks fast."""

    def __init__(self, desk):
        (desk.folder / "config.toml").write_text('[service]\ntick_s = 0.2\nlog = "json"')
        self.desk = desk
        self.log = desk.folder / "service.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command("serve"), stderr=log, stdout=log)

    def command(self, *words):
        options = ("--state", self.desk.config.state, "--config", self.desk.folder / "config.toml")
        return [sys.executable, "-m", "retuned.daemon.cli", *map(str, (*options, *words))]

    def events(self):
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [json.loads(line)["event"] for line in lines]

    def left(self):
        """Processes of any kind that still belong to the state folder."""
        return [p.info for p in psutil.process_iter(["pid", "cmdline", "environ"]) if self.is_ours(p)]

    def is_ours(self, process):
        words = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        return process.pid != os.getpid() and any(word.startswith(f"{self.desk.config.state}/") for word in words)


def wait_for(condition, seconds=40.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def running(desk):
    desk.register()
    service = Running(desk)
    wait_for(lambda: "service_started" in service.log.read_text())
    yield service
    service.process.kill()
    service.process.wait()


def test_the_service_runs_the_baseline_serves_a_retune_refuses_a_second_and_ends_cleanly(running, desk):
    second = subprocess.run(running.command("serve"), capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    errors = [line for line in second.stderr.splitlines() if not line.startswith("{")]
    assert errors == [
        f"retuned: a retuned service already runs on {desk.config.state}; one service a state folder; "
        "stop it, or use --state DIR"
    ]
    wait_for(lambda: not open_campaigns(desk.store))
    desk.write_data(optimum=-3.0)
    retune = subprocess.run(
        running.command("retune", "toy", "--seed", "1"), capture_output=True, text=True, timeout=60, check=False
    )
    assert retune.returncode == 10
    assert "STALE" in retune.stdout
    assert [campaign.phase for campaign in campaigns_of(desk.store, 1)] == ["done", "done"]
    assert running.events().count("campaign_started") == 2
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert running.events()[-1] == "service_stopped"
    assert "Traceback" not in running.log.read_text()
    assert running.left() == []


def test_a_service_that_is_stopped_amid_a_campaign_leaves_no_process_and_goes_on_later(running, desk):
    wait_for(lambda: not open_campaigns(desk.store))
    desk.write_data(sleep_s=0.5)
    retune = subprocess.Popen(running.command("retune", "toy", "--budget", "10s"), stdout=-3, stderr=-3)
    wait_for(lambda: desk.store.rows("SELECT * FROM legs WHERE campaign_id = 2 AND ended IS NOT NULL"))
    retune.kill()
    retune.wait()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert running.left() == []
    assert find_campaign(desk.store, 2).is_open


def test_a_retune_that_watches_a_service_takes_over_when_service_and_campaign_process_are_killed(running, desk):
    wait_for(lambda: not open_campaigns(desk.store))
    desk.write_data(optimum=-3.0, sleep_s=0.1)
    retune = subprocess.Popen(running.command("retune", "toy", "--seed", "1"), stdout=subprocess.PIPE, stderr=-3)
    wait_for(lambda: desk.store.rows("SELECT * FROM legs WHERE campaign_id = 2 AND ended IS NOT NULL"))
    children = psutil.Process(running.process.pid).children()
    running.process.kill()
    [child.kill() for child in children]
    assert "STALE" in retune.communicate(timeout=60)[0].decode()
    assert retune.returncode == 10
    wait_for(lambda: running.left() == [])
