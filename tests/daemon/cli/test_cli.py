"""The command line as people and programs use it: help, JSON, exit codes, Ctrl-C, pipes."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import typer
from retuned.daemon.cli.cli import app, main
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign, open_campaigns

COMMANDS = sorted(typer.main.get_command(app).commands)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command line inside this process: its exit code, output and errors."""

    def run(*words):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["retuned", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(call, command):
    code, out, err = call(command, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: retuned {command}" in out


HIDDEN = ("campaign", "answer")  # the service's own


def test_without_a_command_the_help_is_shown(call):
    code, out, err = call()
    assert (code, err) == (0, "")
    assert all(command in out for command in COMMANDS if command not in HIDDEN)
    assert "campaign  " not in out  # the service's own


MODEL = {
    "name", "owner", "state", "version", "settings_version", "settings", "metric", "direction", "next_due_at",
    "registered_at", "last_verdict", "is_critical", "watch", "tags",
}  # fmt: skip
CAMPAIGN = {
    "id", "model", "kind", "trigger", "state", "seed", "settings_version", "created_at", "started_at", "ended_at",
    "verdict", "failure", "strategy", "choice", "recommended", "challenger", "changes", "notes", "compute_s", "runs",
    "more_pairs", "earlier_verdicts", "causes", "cost_drift", "suspicions", "breaches",
}  # fmt: skip
VERDICT = {
    "outcome", "reason", "sentence", "covered", "lower", "upper", "mean", "sd", "e_value", "divergence_e", "alpha",
    "delta", "pairs", "pairs_needed", "incumbent_mean", "challenger_mean", "incumbent_failed", "incumbent_runs",
    "is_critical", "watch",
}  # fmt: skip
POINT = {
    "campaign", "kind", "at", "trigger", "settings_version", "outcome", "reason", "incumbent", "challenger", "mean",
    "lower", "upper", "e_value", "pairs", "compute_s", "runs", "data", "environment", "changes",
    "label", "cause", "segment", "segment_label", "break", "metric", "code", "budget", "data_source",
}  # fmt: skip
ALERT = {
    "id", "campaign", "model", "severity", "title", "text", "is_critical", "created_at", "deliveries", "kind", "owner",
    "state", "opened_at", "told_at", "snoozed_until", "resolved_at", "by", "note", "resolution", "raised", "group",
}  # fmt: skip
PLAN = {
    "sentences", "strategy", "challengers", "stages", "runs_search", "runs_confirm_expected", "runs_confirm_max",
    "seconds_expected",
    "seconds_max", "alpha", "delta", "n_max", "detectable_loss", "detected_with", "pairs_unchanged", "sigma_of_pairs",
    "is_sigma_of_pairs_known", "loss_found_in_8_of_10", "offers",
}  # fmt: skip
SETTINGS = {"version", "settings", "origin", "campaign", "created_at"}

SHOWN = {"file", "source", "next_look_at", "cool_down_until", "adoption", "auto_adoption", "account"}

READING = [
    (["models"], lambda found: found[0], MODEL),
    (["show", "toy"], lambda found: found, MODEL | SHOWN),
    (["history", "toy"], lambda found: found["settings"][0], SETTINGS),
    (["history", "toy"], lambda found: found["campaigns"][-1], CAMPAIGN),
    (["history", "toy"], lambda found: found["campaigns"][-1]["verdict"], VERDICT),
    (["plan", "toy"], lambda found: found, PLAN),
    (["alerts"], lambda found: found[0], ALERT),
    (["alerts", "toy"], lambda found: found[0], ALERT),
    (["drift", "toy"], lambda found: found[-1], POINT),
]


@pytest.mark.parametrize(("words", "part", "keys"), READING)
def test_json_holds_the_documented_keys(call, judged, words, part, keys):
    code, out, err = call("--state", judged.config.state, *words, "--json")
    assert (code, err) == (0, "")
    assert part(json.loads(out)).keys() == keys


def test_json_of_an_empty_registry_is_an_empty_list(call, tmp_path):
    assert call("--state", tmp_path / "new", "models", "--json")[1] == "[]\n"
    assert call("--state", tmp_path / "new", "alerts", "--json")[1] == "[]\n"


SHOWN = [
    (["models"], ["toy", "tests", "STALE", "v1"]),
    (["show", "toy"], ["toy of tests: active", "judged by score (maximize)", "a number from 0.0001 to 1"]),
    (
        ["show", "toy"],
        ["next look for changes: as soon as a service runs; in the cool-down: a change makes it due from"],
    ),
    (["history", "toy"], ["v1 *", "registered", "FRESH (nothing_better_found)", "STALE (gain_confirmed)"]),
    (["plan", "toy"], ["- caviar", "a search of 25 trials", "1.25%", "- detects a loss of 0."]),
    (
        ["alerts"],
        ["alert 1 is open, campaign 3", "are stale", "retuned adopt toy", "(waiting for http://127.0.0.1:9, "],
    ),
    (["drift", "toy"], ["(baseline)", "FRESH", "STALE", "the data changed"]),
]


@pytest.mark.parametrize(("words", "parts"), SHOWN)
def test_people_get_plain_lines_where_there_is_no_terminal(call, judged, words, parts):
    code, out, err = call("--state", judged.config.state, *words)
    assert (code, err) == (0, "")
    assert [part for part in parts if part not in out] == []
    assert "\x1b" not in out
    assert "token-4711" not in out


def test_a_look_says_what_it_saw_and_what_follows(call, judged_copy):
    state = ("--state", judged_copy.config.state)
    code, out, err = call(*state, "look", "toy")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "data         unchanged"
    assert "nothing follows" in out
    with judged_copy.store.transaction():  # what was read is believed while the file's size and time are the same
        grown = "UPDATE looks SET fingerprint = json_set(fingerprint, '$.rows', 999) WHERE part = 'data'"
        judged_copy.store.change(grown)
    found = json.loads(call(*state, "look", "toy", "--json")[1])
    assert found.keys() == {
        "model", "at", "parts", "campaign", "follows", "next_look_at", "cool_down_until",
    }  # fmt: skip
    assert found["parts"]["data"]["is_changed"]
    assert found["campaign"] is None
    assert found["follows"].startswith("in the cool-down until ")
    assert "next look for changes: 20" in call(*state, "show", "toy")[1]
    assert "next looks (UTC)" in call(*state, "status")[1]


def test_what_waits_without_a_service_is_not_about_to_start(call, desk):
    desk.register()
    out = call("--state", desk.config.state, "status")[1]
    assert "baseline  starts with a service, or by hand" in out


def test_the_drift_record_says_where_its_line_is_interrupted(call, judged_copy):
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE campaigns SET settings_version = 2 WHERE id = 3")
    state = ("--state", judged_copy.config.state)
    lines = call(*state, "drift", "toy")[1].splitlines()
    assert "not comparable with the rows above: settings v1 -> v2" in lines[-2]
    assert " v2 " in lines[-1]
    points = json.loads(call(*state, "drift", "toy", "--json")[1])
    assert [point["segment"] for point in points] == [1, 1, 2]
    assert [point["break"] for point in points] == [None, None, "settings v1 -> v2"]
    assert points[-1]["segment_label"].startswith("settings v2, code ")


def test_the_verbs_of_the_registry_say_what_they_did_and_what_takes_it_back(call, judged_copy):
    state = ("--state", judged_copy.config.state)
    assert call(*state, "register", judged_copy.folder / "model.toml")[0] == 0
    assert "settings v2 are now current" in call(*state, "adopt", "toy")[1]
    assert (
        "to undo: retuned rollback toy"
        in call(*state, "adopt", "toy", "--campaign", "3")[2] + call(*state, "rollback", "toy", "--to", "1")[1]
    )
    assert call(*state, "pause", "toy")[1] == "toy is paused; to undo: retuned resume toy\n"
    assert call(*state, "resume", "toy")[1] == "toy is active\n"
    assert call(*state, "cancel", "toy")[1] == "campaign 5 (baseline) is cancelled\n"
    assert call(*state, "cancel", "toy")[1] == "toy has no open campaign\n"
    assert "its history stays" in call(*state, "retire", "toy")[1]
    assert call(*state, "retune", "toy")[0] == 2


def test_retiring_a_model_cancels_its_open_campaigns(call, desk):
    desk.register()
    call("--state", desk.config.state, "retire", "toy")
    assert open_campaigns(desk.store) == ()


def test_the_exit_code_says_the_verdict(desk, retuned):
    desk.register()
    baseline = retuned("baseline", "toy")
    assert (baseline.returncode, "8 of 8 runs completed" in baseline.stdout) == (0, True)
    fresh = retuned("retune", "toy", "--seed", 1)
    assert (fresh.returncode, "FRESH" in fresh.stdout) == (0, True)
    desk.write_data(optimum=-3.0)
    stale = retuned("retune", "toy", "--seed", 1, "--json")
    assert (stale.returncode, json.loads(stale.stdout)["verdict"]["outcome"], stale.stderr) == (10, "stale", "")
    desk.write_data(optimum=-3.5, nan_above=0.005)
    broken = retuned("retune", "toy", "--seed", 1)
    assert (broken.returncode, "BROKEN" in broken.stdout) == (12, True)
    assert [line for line in broken.stderr.splitlines() if "\x1b" in line or not line.startswith("campaign 4 (")] == []


def test_inconclusive_has_its_exit_code(desk, retuned):
    desk.write_data(ignore=["purpose"])
    desk.register()
    desk.baseline()
    desk.write_data(ignore=["purpose"], optimum=-3.0)
    ended = retuned("retune", "toy", "--seed", 1)
    assert (ended.returncode, "INCONCLUSIVE" in ended.stdout) == (13, True)


def test_a_training_that_fails_is_exit_code_1_with_the_reason(desk, retuned):
    desk.write_data(crash_above=0.0)
    desk.register()
    ended = retuned("retune", "toy")
    assert ended.returncode == 1
    assert ended.stdout == ""
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("retuned: the baseline of toy failed: ")
    assert "out of memory, as it were" in last
    assert "Traceback" not in ended.stderr


def test_a_users_mistake_is_exit_code_2(retuned):
    ended = retuned("retune", "nobody")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("retuned: no model is registered as 'nobody'; registered: none yet; ")


def test_an_interrupted_retune_leaves_no_process_and_goes_on_when_it_is_given_again(desk, retuned):
    desk.register()
    desk.baseline()
    desk.write_data(sleep_s=0.1)
    command = [sys.executable, "-m", "retuned.daemon", "--state", desk.config.state, "retune", "toy"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ended = "SELECT name FROM legs WHERE campaign_id = 2 AND ended IS NOT NULL"
    wait_for(lambda: len(desk.store.rows(ended)) > 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    said = [line for line in err.splitlines() if not line.startswith("campaign 2 (retune): ")]
    assert said == ["retuned: interrupted; an open campaign resumes when the command is run again"]
    assert left_of(desk) == []
    kept = {row["name"] for row in desk.store.rows(ended)}
    attempts = desk.store.rows("SELECT name, ended_at FROM legs WHERE ended IS NOT NULL AND campaign_id = 2")
    again = retuned("retune", "toy", "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["id"] == 2
    assert [campaign.phase for campaign in campaigns_of(desk.store, 1)] == ["done", "done"]
    after = {
        row["name"]: row["ended_at"] for row in desk.store.rows("SELECT name, ended_at FROM legs WHERE campaign_id = 2")
    }
    assert [row for row in attempts if row["name"] in kept and after[row["name"]] != row["ended_at"]] == []


def test_an_interrupt_while_the_data_is_prepared_ends_the_prepare_command_too(desk):
    desk.register(data='path = "data.json"\nprepare = ["sleep", "61.4711"]')
    command = [sys.executable, "-m", "retuned.daemon", "--state", desk.config.state, "baseline", "toy"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(is_preparing)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    wait_for(lambda: not is_preparing(), seconds=5)


def is_preparing():
    found = (process.info for process in psutil.process_iter(["cmdline", "status"]))
    return any(one["cmdline"] == ["sleep", "61.4711"] for one in found if one["status"] != psutil.STATUS_ZOMBIE)


def wait_for(condition, seconds=40.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def left_of(desk):
    """Processes of any kind that still belong to the state folder."""
    found = psutil.process_iter(["pid", "cmdline", "environ"])
    mark = f"{desk.config.state}/"
    return [
        process.info["cmdline"]
        for process in found
        if process.pid != os.getpid()
        and any(
            word.startswith(mark)
            for word in [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        )
    ]


def test_another_seed_is_refused_while_a_campaign_is_open_and_cancel_makes_room(call, judged_copy):
    state = ("--state", judged_copy.config.state)
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE campaigns SET phase = 'search', verdict = NULL, ended_at = NULL WHERE id = 3")
    code, _, err = call(*state, "retune", "toy", "--seed", "77")
    assert code == 2
    assert "campaign 3 of toy is still open, with seed 1; " in err
    assert "retuned cancel toy" in err
    assert call(*state, "cancel", "toy")[1] == "campaign 3 (retune) is cancelled\n"
    assert find_campaign(judged_copy.store, 3).phase == "cancelled"


PIPES = [
    "history toy --json | head -1",
    "show toy --json | true",
    "drift toy | head -1",
    "--help | true",
    "models | true",
]


@pytest.mark.parametrize("line", PIPES)
def test_a_reader_that_leaves_early_gets_no_traceback(judged, line):
    command = f"{sys.executable} -m retuned.daemon --state {judged.config.state} {line}"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_state_folder_comes_from_the_environment_too(judged, tmp_path):
    environ = {**os.environ, "RETUNED_STATE": str(judged.config.state), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "retuned.daemon", "models", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environ)
    assert json.loads(ended.stdout)[0]["name"] == "toy"
