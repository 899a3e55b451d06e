"""Hooks on record: run at least once after the adoption's commit, told so, and never its undoing."""

import fcntl
import json
import os
import sys

import pytest
from retuned.daemon.adoption.hooks import Hooks, run_waiting_hooks
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.processes import is_running
from retuned.daemon.state.models.adoption import make_current, proposal, rollback_proposal
from retuned.daemon.state.models.adoption_log import adoption_of, adoptions_of, note_hook_start, waiting_hooks
from retuned.daemon.state.models.registry import find_model, register
from retuned.daemon.state.store import Store

KEEPS = "import json, sys; c = json.load(sys.stdin); print(c['kind'], c['start']); json.dump(c, open('told.json', 'w'))"


@pytest.fixture
def hooked(judged_copy, clock):
    """A function that gives the toy model a hook, and the desk."""

    def with_hook(code=KEEPS, more=""):
        argv = json.dumps([sys.executable, "-c", code])
        path = judged_copy.write_model(settings=f'file = "live.json"\nhook = {argv}\n{more}')
        register(judged_copy.store, load_model_file(path), path, clock.now())
        return judged_copy

    return with_hook


def made(desk):
    return adoption_of(desk.store, 1, find_model(desk.store, "toy").settings_version)


def test_a_hook_is_told_the_change_and_its_end_is_on_record(hooked, clock):
    desk = hooked()
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    assert made(desk).hook_sentence == "its hook waits to be run"
    assert run_waiting_hooks(desk.store, clock) == 1
    told = json.loads((desk.folder / "told.json").read_text())
    assert (told["model"], told["before"], told["from_version"], told["campaign"]) == ("toy", {"lr": 0.01}, 1, 3)
    assert told["after"] == json.loads((desk.folder / "live.json").read_text())
    assert told["evidence"]["e_value"] > 80
    assert made(desk).hook_sentence == "its hook ran: adopted 1"
    assert run_waiting_hooks(desk.store, clock) == 0  # once


def test_a_failing_hook_undoes_nothing_and_is_told(hooked, clock):
    desk = hooked("import sys; print('token=abcdefgh12345'); sys.exit(4)")
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    run_waiting_hooks(desk.store, clock)
    assert find_model(desk.store, "toy").settings_version == 2
    assert made(desk).hook_sentence == (
        "its hook FAILED, the settings are current all the same: exit code 4: token=***"
    )


def test_a_hook_that_was_cut_off_runs_again_and_says_so(hooked, clock):
    desk = hooked()
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    note_hook_start(desk.store, made(desk))  # and then the machine went down
    run_waiting_hooks(desk.store, clock)
    assert made(desk).hook_sentence == "its hook ran, on start 2: it may have run more than once: adopted 2"


def test_a_hook_that_takes_the_machine_down_is_not_started_for_ever(hooked, clock):
    desk = hooked()
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    for _ in range(3):
        note_hook_start(desk.store, made(desk))
    run_waiting_hooks(desk.store, clock)
    assert "cut off 3 times" in made(desk).hook_detail
    assert not (desk.folder / "told.json").exists()


def test_a_process_that_is_killed_in_a_hook_leaves_it_for_the_next(hooked, clock, retuned):
    desk = hooked(f"import os, sys; os.path.exists('once') or (open('once', 'w'), os.kill(os.getppid(), 9)); {KEEPS}")
    desk.store.close()
    (desk.folder / "state").rename(desk.folder.parent / "state")
    assert retuned("adopt", "toy").returncode == -9
    shown = retuned("retire", "toy"), retuned("resume", "toy"), retuned("rollback", "toy")
    assert "its hook ran" in shown[2].stdout
    told = json.loads((desk.folder / "told.json").read_text())
    assert (told["kind"], told["start"]) == ("rolled_back", 1)
    assert "on start 2: it may have run more than once" in retuned("history", "toy").stdout


LASTS = (
    "import json, os, sys, time; told = json.load(sys.stdin); told['start'] == 1 and "
    "(open('pid', 'w').write(str(os.getpid())), os.kill(os.getppid(), 9), time.sleep(600)); print('second')"
)


def test_what_a_killed_process_left_of_a_hook_is_ended_before_the_hook_runs_again(hooked, clock, retuned):
    desk = hooked(LASTS)
    desk.store.close()
    (desk.folder / "state").rename(desk.folder.parent / "state")
    assert retuned("adopt", "toy").returncode == -9
    orphan = int((desk.folder / "pid").read_text())
    assert is_running(orphan)
    store = Store(desk.folder.parent / "state")
    run_waiting_hooks(store, SystemClock())
    assert not is_running(orphan)
    assert adoption_of(store, 1, 2).hook_detail == "second"


def test_hooks_run_in_the_order_of_the_changes_and_after_the_file_is_written(hooked, clock):
    desk = hooked("import json, sys; open('log', 'a').write(json.load(sys.stdin)['kind'] + ' ')")
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    clock.move(seconds=1)
    make_current(desk.store, rollback_proposal(desk.store, "toy", None), clock.now())
    with desk.store.transaction():
        desk.store.change("UPDATE settings SET is_file_pending = 1 WHERE version = 3")
    assert [adoption.settings_version for adoption in waiting_hooks(desk.store)] == [2]
    with desk.store.transaction():
        desk.store.change("UPDATE settings SET is_file_pending = 0")
    run_waiting_hooks(desk.store, clock)
    assert (desk.folder / "log").read_text() == "adopted rolled_back "


def test_two_processes_never_run_the_same_hook(hooked, clock):
    desk = hooked()
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    with (desk.store.state / "hooks.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run_waiting_hooks(desk.store, clock) == 0
    assert made(desk).hook_state == "waiting"


def test_a_hook_sees_the_variables_that_the_model_file_names(hooked, clock):
    desk = hooked("import os; print(os.environ.get('GIVEN'), os.environ.get('OTHER'))", 'pass_env = ["GIVEN"]')
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    environ = {"PATH": os.environ["PATH"], "GIVEN": "a-long-secret", "OTHER": "x"}
    run_waiting_hooks(desk.store, clock, environ)
    assert made(desk).hook_detail == "*** None"


def test_the_service_runs_hooks_beside_its_rounds(hooked, clock):
    desk, woken = hooked(), []
    make_current(desk.store, proposal(desk.store, "toy", None), clock.now())
    hooks = Hooks(desk.store, clock, lambda: woken.append(True), None)
    hooks.step()
    hooks.join(30.0)
    assert ([made.hook_state for made in adoptions_of(desk.store, 1)], woken) == (["done"], [True])
