"""Adopting, rolling back, the audit and the exported history on the command line."""

import csv
import json
import os
import pty
import subprocess
import sys
from dataclasses import replace

import pytest
from pyarrow import parquet
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.cli.adoption_words import proposed_lines
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.model_tables import SettingsTable


@pytest.fixture
def call(judged_copy):
    """A command on a copy of the judged desk: exit code, output, errors."""

    def run(*words):
        judged_copy.store.close()
        command = [sys.executable, "-m", "retuned.daemon", "--state", judged_copy.config.state, *words]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_dry_run_shows_the_change_with_its_evidence_and_changes_nothing(call):
    code, out, _ = call("adopt", "toy", "--dry-run")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "toy of tests: settings v1 -> adopted from campaign 3"
    assert lines[2].split() == ["hyperparameter", "now", "(v1)", "new"]
    assert lines[3].split()[:2] == ["lr", "0.01"]
    assert "evidence: campaign 3 of " in out
    assert "score better by " in out
    assert " at least " in out
    assert ":1" in out
    assert lines[-1] == "nothing was changed (--dry-run)"
    assert "settings v1" in call("show", "toy")[1]


def test_where_no_file_is_written_the_new_values_stand_as_they_are_typed(judged):
    proposed = Verbs(judged.store, judged.config, SystemClock()).proposed("toy")
    files = proposed.model.file.model_copy(update={"settings": SettingsTable()})
    *_, why, typed = proposed_lines(replace(proposed, model=replace(proposed.model, file=files)))
    assert why.startswith("writes no file")
    assert float(typed) == proposed.after["lr"]  # with all its digits


def test_a_script_is_not_asked_and_the_audit_knows_the_reason(call):
    code, out, _ = call("adopt", "toy", "--why", "winter")
    assert code == 0
    assert "settings v2 are now current" in out
    assert "settings v3 are now current" in call("rollback", "toy", "--yes")[1]
    code, out, _ = call("audit", "toy", "--jsonl")
    back, there = map(json.loads, out.splitlines())
    assert (back["act"], there["act"], there["why"], there["subject"]) == ("rollback", "adopt", "winter", "campaign 3")
    shown = call("audit", "--limit", "1")[1]
    assert "rollback toy" in shown
    assert "settings_version: 2 -> 3" in shown
    assert "there are more" in shown


@pytest.mark.parametrize(("answer", "code", "words"), [(b"n\n", 1, "nothing was changed"), (b"y\n", 0, "now current")])
def test_at_a_terminal_a_person_is_asked(judged_copy, answer, code, words):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "retuned.daemon", "--state", judged_copy.config.state, "adopt", "toy"]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        os.write(ours, answer)
        shown = read_all(ours)
    assert (process.returncode, words in shown, "Adopt these values?" in shown) == (code, True, True)


def read_all(terminal):
    pieces = []
    while True:
        try:
            pieces.append(os.read(terminal, 65536))
        except OSError:  # the last one that had it open has gone
            os.close(terminal)
            return b"".join(pieces).decode()


def test_the_history_is_written_as_csv_json_lines_and_parquet(call, tmp_path):
    assert call("adopt", "toy")[0] == 0
    assert call("history", "toy", "--csv", tmp_path / "h.csv")[0] == 0
    assert call("history", "toy", "--jsonl", tmp_path / "h.jsonl")[0] == 0
    assert call("history", "toy", "--parquet", tmp_path / "h.parquet")[0] == 0
    lines = [json.loads(line) for line in (tmp_path / "h.jsonl").read_text().splitlines()]
    with (tmp_path / "h.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = parquet.read_table(tmp_path / "h.parquet").to_pylist()
    assert columns == lines
    assert [row["campaign"] for row in rows] == ["1", "2", "3", "4"]
    stale = lines[2]
    assert (stale["outcome"], stale["adoption"], stale["adopted_as"]) == ("stale", "adopted", 2)
    assert stale["lower"] <= stale["mean"] <= stale["upper"]
    assert float(rows[2]["e_value"]) == stale["e_value"]
    assert json.loads(stale["settings"]) == {"lr": 0.01}
    assert json.loads(stale["causes"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--csv", "h.txt"], "--csv"),
        (["--csv", "a.csv", "--jsonl", "b.jsonl"], "do not go together"),
        (["--csv", "a.csv", "--json"], "do not go together"),
        (["--csv", "/no/such/folder/a.csv"], "/no/such/folder"),
    ],
)
def test_a_table_that_cannot_be_written_is_one_line(call, words, why):
    code, out, err = call("history", "toy", *words)
    assert (code, out) == (2, "")
    assert why in err
    assert "Traceback" not in err
