"""A program that is asked for its help may do anything: it ends in a clause, within a bound, and leaves nothing."""

import os

import pytest
from retuned.daemon.drafting.script_help import ask_for_help

HERE = {"PATH": os.environ["PATH"], "AWS_SECRET_ACCESS_KEY": "hidden", "PYTHONPATH": "/nowhere"}


def asked(tmp_path, body, **bounds):
    script = tmp_path / "program"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return ask_for_help([str(script)], HERE, **bounds)


def test_help_comes_back_whole_from_either_stream(tmp_path):
    assert asked(tmp_path, "echo 'usage: program [--lr LR]' >&2").text == "usage: program [--lr LR]\n"


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ("exit 3", "it ended with exit code 3"),
        ("echo 'no module torch'; exit 1", "it ended with exit code 1: no module torch"),
        ("printf '\\033[31mred'; exit 1", "it ended with exit code 1: \\x1b[31mred"),
        ("sleep 60", "it did not answer within 0.5 s, and was ended"),
        ("sleep 60 & sleep 60 & exit 0", "it did not answer within 0.5 s, and was ended"),
        ("kill -9 $$", "it ended with exit code -9"),
        ('read line && echo "--$line"', "it ended with exit code 1"),
    ],
)
def test_a_program_that_does_not_answer_is_told_in_a_clause(tmp_path, body, failure):
    found = asked(tmp_path, body, timeout_s=0.5)
    assert (found.text, found.failure) == ("", failure)


def test_a_flood_is_cut_and_its_source_ended(tmp_path):
    found = asked(tmp_path, "echo $$ > " + str(tmp_path / "pid") + "; yes -- usage: --lr", most_bytes=1000)
    assert len(found.text) == 1000
    pid = int((tmp_path / "pid").read_text())
    assert not os.path.exists(f"/proc/{pid}")


def test_it_runs_in_an_empty_folder_with_few_variables(tmp_path):
    found = asked(tmp_path, "ls -A; env; touch left; echo --end")
    names = {line.partition("=")[0] for line in found.text.splitlines() if "=" in line}
    assert "AWS_SECRET_ACCESS_KEY" not in names
    assert "PYTHONPATH" not in names
    assert names >= {"PATH", "HOME", "COLUMNS"}
    assert found.text.splitlines()[0].count("=") == 1  # ls listed nothing
    assert [path.name for path in tmp_path.iterdir()] == ["program"]


def test_a_program_that_cannot_be_started_is_told(tmp_path):
    assert ask_for_help([str(tmp_path / "no")], HERE).failure.endswith("cannot be started: No such file or directory")
