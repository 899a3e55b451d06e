"""Checks for changes between due dates: real files, a real repository, real commands; a change queues one campaign."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.service.change_watch import ChangeChecks, run_due_checks, start_child
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign
from retuned.daemon.state.faults import recent_faults
from retuned.daemon.state.models.registry import find_model

TOYS = Path(__file__).parents[2] / "toys"
COOL = timedelta(days=40)


class LaterClock(SystemClock):
    """The machine's clock, ahead by what a test says."""

    ahead = COOL

    def now(self):
        return super().now() + self.ahead


@pytest.fixture
def later():
    return LaterClock()


@pytest.fixture
def seen(desk):
    """A registered model whose baseline has seen its data, code and environment."""
    grow(desk, 100)
    return desk


def taken_up(desk, **tables):
    desk.register(**tables)
    desk.baseline()
    look_now(desk, LaterClock())  # gives the model its moment
    return desk


def look_now(desk, clock, environ=os.environ):
    with desk.store.transaction():
        desk.store.change("UPDATE models SET next_look_at = '2020-01-01' WHERE next_look_at IS NOT NULL")
    return run_due_checks(desk.store, desk.config, clock, environ)


def grow(desk, rows):
    """The toy's data, so many lines long."""
    (desk.folder / "data.json").write_text("{}" + "\n" * rows)


def test_data_that_grew_make_the_model_due_once_and_say_so(seen, later):
    taken_up(seen)
    assert look_now(seen, later) == ()
    grow(seen, 110)
    assert look_now(seen, later) == ()
    grow(seen, 126)  # slow growth adds up: compared with the campaign, not with the last look
    (queued,) = look_now(seen, later)
    campaign = find_campaign(seen.store, queued)
    assert (campaign.trigger, campaign.reason) == ("data", "the data grew by 26% (100 -> 126 rows)")
    assert look_now(seen, later) == ()


def test_within_the_cool_down_nothing_is_queued(seen):
    taken_up(seen)
    grow(seen, 300)
    clock = LaterClock()
    clock.ahead = timedelta(days=3)
    assert look_now(seen, clock) == ()


def test_unchanged_files_are_not_read_again(seen, later):
    taken_up(seen)
    look_now(seen, later)
    with seen.store.transaction():
        seen.store.change("UPDATE looks SET fingerprint = json_set(fingerprint, '$.rows', 999) WHERE part = 'data'")
    (queued,) = look_now(seen, later)  # believed without a look into the file, whose size and time are the same
    assert "100 -> 999" in find_campaign(seen.store, queued).reason


def test_an_edited_script_makes_the_model_due(desk, later):
    script = desk.folder / "train.py"
    script.write_text((TOYS / "quadratic.py").read_text())
    taken_up(desk, training=desk.training_table(script) + f'\nworkdir = "{desk.folder}"')
    script.write_text((TOYS / "quadratic.py").read_text() + "\n# better\n")
    (queued,) = look_now(desk, later)
    assert find_campaign(desk.store, queued).reason == "train.py changed"


def test_a_commit_in_the_folder_of_the_code_is_told(desk, later):
    script = desk.folder / "train.py"
    script.write_text((TOYS / "quadratic.py").read_text())
    git = ["git", "-C", str(desk.folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "train.py"], check=True)
    subprocess.run([*git, "commit", "-qm", "one"], check=True)
    taken_up(desk, training=desk.training_table(script) + f'\nworkdir = "{desk.folder}"')
    script.write_text((TOYS / "quadratic.py").read_text() + "\n# better\n")
    subprocess.run([*git, "commit", "-qam", "two"], check=True)
    (queued,) = look_now(desk, later)
    assert find_campaign(desk.store, queued).reason.startswith("train.py changed (commit ")


def an_interpreter(desk, version):
    """The tests' interpreter with a package of that version beside its own."""
    package = desk.folder / "site" / f"rust-{version}.dist-info"
    for old in (desk.folder / "site").glob("rust-*"):
        (old / "METADATA").unlink()
        old.rmdir()
    package.mkdir(parents=True)
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rust\nVersion: {version}\n")
    wrapper = desk.folder / "python"
    wrapper.write_text(
        f"""#!{sys.executable}
import os, sys
code = "import sys; sys.path.append({str(desk.folder / "site")!r})\\n"
words = sys.argv[1:]
words[words.index("-c") + 1] = code + words[words.index("-c") + 1]
os.execv({sys.executable!r}, [{sys.executable!r}, *words])
"""
    )
    wrapper.chmod(0o755)
    return wrapper


def test_a_package_of_the_models_own_interpreter_makes_it_due(desk, later):
    python = an_interpreter(desk, "1.0")
    training = desk.training_table(TOYS / "quadratic.py") + f'\npython = "{python}"'
    taken_up(desk, training=training, triggers='packages = ["rust"]')
    an_interpreter(desk, "2.0")
    (queued,) = look_now(desk, later)
    campaign = find_campaign(desk.store, queued)
    assert (campaign.trigger, campaign.reason) == ("environment", "rust 1.0 -> 2.0")


def test_gpus_that_cannot_be_read_for_a_moment_are_no_change(desk, later, tmp_path):
    taken_up(desk)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    (tools / "nvidia-smi").chmod(0o755)
    os.environ["PATH"], path = f"{tools}:{os.environ['PATH']}", os.environ["PATH"]
    try:
        assert look_now(desk, later) == ()
    finally:
        os.environ["PATH"] = path
    (fault,) = recent_faults(desk.store)
    assert "nvidia-smi fails" in fault.sentence


def test_the_owners_command_stands_for_data_that_are_no_files(desk, later):
    told = desk.folder / "count"
    told.write_text("1000")
    command = json.dumps([sys.executable, "-c", f"print(open({str(told)!r}).read())"])
    taken_up(desk, triggers=f"fingerprint = {command}")
    told.write_text("1500")
    (queued,) = look_now(desk, later)
    assert (
        find_campaign(desk.store, queued).reason
        == "the data grew by 50% according to the fingerprint command (1,000 -> 1,500)"
    )


def test_a_file_that_is_away_is_told_once_and_makes_nothing_due(seen, later):
    taken_up(seen)
    (seen.folder / "data.json").rename(seen.folder / "away.csv")
    assert look_now(seen, later) == ()
    assert look_now(seen, later) == ()
    (fault,) = recent_faults(seen.store)
    assert "no data found" in fault.sentence
    (seen.folder / "away.csv").rename(seen.folder / "data.json")
    assert look_now(seen, later) == ()


def test_switched_off_nothing_is_looked_at(seen, later):
    taken_up(seen, triggers='data = "off"\ncode = false\nenvironment = false')
    grow(seen, 500)
    assert look_now(seen, later) == ()
    assert seen.store.rows("SELECT * FROM looks") == []


def test_a_model_before_its_first_campaign_is_only_seen(seen, later):
    seen.register()
    run_due_checks(seen.store, seen.config, later, os.environ)
    assert look_now(seen, later) == ()
    assert len(seen.store.rows("SELECT * FROM looks")) == 3


def test_models_registered_together_are_looked_at_one_after_the_other(desk, later):
    for name in ("a", "b", "c"):
        desk.register(top=f'name = "{name}"\nowner = "tests"')
    assert run_due_checks(desk.store, desk.config, later, os.environ) == ()
    moments = {find["next_look_at"] for find in desk.store.rows("SELECT next_look_at FROM models")}
    assert len(moments) == 3


def test_the_service_has_one_child_look_at_a_time(desk, clock):
    desk.register()
    started = []

    def start():
        started.append(start_child(("sleep", "30")))
        return started[-1]

    checks = ChangeChecks(desk.store, start, clock=clock)
    checks.step(clock.now())
    checks.step(clock.now())
    assert len(started) == 1
    rounds_to(checks, clock, minutes=119)
    assert started[0].poll() is None
    rounds_to(checks, clock, minutes=2)
    assert started[0].poll() is not None
    assert "ran longer than" in recent_faults(desk.store)[0].sentence
    checks.step(clock.now())
    assert len(started) == 1  # not at once again
    clock.move(minutes=31)
    checks.step(clock.now())
    assert len(started) == 2
    checks.stop()
    assert started[1].poll() is not None


def rounds_to(checks, clock, minutes):
    for _ in range(minutes):
        clock.move(minutes=1)
        checks.step(clock.now())


def test_a_check_survives_a_night_asleep_and_a_clock_that_is_set(desk, clock):
    desk.register()
    checks = ChangeChecks(desk.store, lambda: start_child(("sleep", "30")), clock=clock)
    checks.step(clock.now())
    clock.move(hours=9)
    checks.step(clock.now())
    clock.move(minutes=1)
    checks.step(clock.now())
    checks.step(clock.now() + timedelta(days=1))  # a wall clock that jumps is not the one that counts
    assert checks.child.poll() is None
    assert recent_faults(desk.store) == ()
    checks.stop()


def test_nothing_is_started_where_nothing_is_to_be_looked_at(desk, clock):
    checks = ChangeChecks(desk.store, lambda: pytest.fail("started"))
    checks.step(clock.now())
    assert campaigns_of(desk.store, 1) == ()
    assert checks.child is None


def test_the_least_time_between_two_children_can_be_set(desk, clock):
    desk.register()
    started = []

    def start():
        started.append(start_child(("true",)))
        return started[-1]

    checks = ChangeChecks(desk.store, start, timedelta(minutes=1))
    checks.step(clock.now())
    started[0].wait()
    clock.move(seconds=59)
    checks.step(clock.now())
    assert len(started) == 1
    clock.move(seconds=1)
    checks.step(clock.now())
    assert len(started) == 2
    checks.stop()


def test_the_schedule_goes_on_from_a_triggered_campaign_that_is_near(seen, later):
    taken_up(seen)
    due_at = find_model(seen.store, "toy").next_due_at
    grow(seen, 500)
    later.ahead = due_at - SystemClock().now() - timedelta(days=5)
    (queued,) = look_now(seen, later)
    assert find_campaign(seen.store, queued).due_at == due_at
    assert find_model(seen.store, "toy").next_due_at > due_at


def test_checks_are_gathered_so_that_a_child_is_started_once_in_ten_minutes(desk, clock):
    desk.register()
    started = []

    def start():
        started.append(start_child(("true",)))
        return started[-1]

    checks = ChangeChecks(desk.store, start)
    checks.step(clock.now())
    started[0].wait()
    clock.move(minutes=9)
    checks.step(clock.now())
    assert len(started) == 1
    clock.move(minutes=1)
    checks.step(clock.now())
    assert len(started) == 2
    checks.stop()
