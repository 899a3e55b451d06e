"""A program that cannot be started is told by what is missing, at registration and in a campaign."""

import os
import subprocess

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.config.model_paths import check_paths
from retuned.daemon.start_errors import shebang_of, why_not_started
from retuned.daemon.training.snapshot import run_prepare
from retuned.strategies.errors import CampaignFailed, InputError

BINARY = b"\x7fELF of another system"


def program(folder, content, name="t.sh", mode=0o755):
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def why(folder, word="./t.sh", environment=None):
    """What is told of a start that fails."""
    environment = environment or {"PATH": "/usr/bin:/bin"}
    with pytest.raises(OSError) as failed:
        subprocess.run([word], cwd=folder, env=environment, check=False)
    return why_not_started(failed.value, word, folder, environment)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#!/bin/sh\r\necho\r\n", r"'/bin/sh\r': the script has Windows line ends"),
        (b"#!/opt/conda/envs/gone/bin/python\n", "'/opt/conda/envs/gone/bin/python', which is not there"),
        (b"#!/opt/gone/python -u\n", "'/opt/gone/python', which is not there"),
        (b"echo no first line\n", "has no #! line"),
    ],
)
def test_a_script_that_cannot_be_started_is_told_by_its_first_line(tmp_path, content, said):
    program(tmp_path, content)
    assert said in why(tmp_path)
    assert "\n" not in why(tmp_path)
    assert "\r" not in why(tmp_path)


def test_what_is_missing_otherwise_is_named(tmp_path):
    assert "there is no program ./t.sh" in why(tmp_path)
    assert "there is no program nothing-like-it" in why(tmp_path, "nothing-like-it")
    assert "there is no folder" in why(tmp_path / "gone", "true")
    program(tmp_path, b"#!/bin/sh\n", mode=0o644)
    assert "chmod +x" in why(tmp_path)
    assert "longer than the kernel takes" in why(tmp_path, "/bin/true", {"X": "x" * (3 << 20)})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#!/bin/sh\n", ("/bin/sh",)),
        (b"#! \t/bin/sh  -e  -x\n", ("/bin/sh", "-e  -x")),  # one argument, as the kernel reads it
        (b"#!/bin/sh", ("/bin/sh",)),  # no line end
        (b"#!\n", ()),
        (b"", ()),
        (BINARY, ()),
        (b"#!/caf\xe9/python\n", ("/caf\udce9/python",)),
    ],
)
def test_a_first_line_is_read_as_the_kernel_reads_it(tmp_path, content, words):
    assert shebang_of(program(tmp_path, content)) == words


@pytest.mark.parametrize("key", ["command", "prepare"])
@pytest.mark.parametrize(
    ("first_line", "said"),
    [
        ("#!/bin/sh\r", "Windows line ends"),
        ("#!/usr/bin/env sh\r", "Windows line ends"),
        ("#! /bin/sh -e\r", "Windows line ends"),
        ("#!/opt/gone/python", "which is not there"),
    ],
)
def test_such_a_script_is_refused_at_registration(desk, key, first_line, said):
    program(desk.folder, f"{first_line}\n".encode())
    tables = {"training": 'command = ["./t.sh"]\nbudget = {steps = 10}'} if key == "command" else {}
    tables |= {"data": 'path = "data.json"\nprepare = ["./t.sh"]'} if key == "prepare" else {}
    path = desk.write_model(**tables)
    with pytest.raises(InputError, match=said):
        check_paths(load_model_file(path))


def test_a_script_that_lost_its_interpreter_since_is_told_in_the_campaign(desk):
    path = program(desk.folder, b"#!/bin/sh\n")
    desk.register(training='command = ["./t.sh"]\nbudget = {steps = 10}')
    path.write_bytes(b"#!/opt/gone/python\n")
    campaign = desk.baseline()
    assert campaign.phase == "failed"
    assert "asks for the interpreter '/opt/gone/python', which is not there" in campaign.failure


def test_a_prepare_command_is_told_alike(tmp_path):
    program(tmp_path, b"#!/bin/sh\r\n")
    with pytest.raises(CampaignFailed, match="Windows line ends"):
        run_prepare(["./t.sh"], tmp_path, dict(os.environ), 10.0)
