"""What is installed: the unit's promises, its hardening, and scripts without slips."""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from retuned.daemon.config.config import load_config

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "deploy" / "retuned.service"
SCRIPTS = ("deploy/install.sh", "deploy/uninstall.sh", "tests/systemd/box.sh")


def needed(tool):
    """The tool's path; without it the test is skipped, except in continuous integration."""
    path = shutil.which(tool)
    if path is None:
        told = f"NOT TESTED: {tool} is not installed"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    return path


@pytest.fixture
def unit():
    read = configparser.RawConfigParser(strict=False)
    read.optionxform = str
    read.read(UNIT)
    return read


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("KillMode", "process"),
        ("User", "retuned"),
        ("OOMPolicy", "continue"),
        ("StateDirectory", "retuned"),
        ("Restart", "always"),
    ],
)
def test_the_unit_keeps_what_trainings_that_outlive_the_service_need(unit, key, value):
    assert unit["Service"][key] == value


@pytest.mark.parametrize("key", ["DynamicUser", "PrivateTmp", "MemoryDenyWriteExecute"])
def test_the_unit_has_nothing_that_would_break_them(unit, key):
    assert key not in unit["Service"]


def test_the_unit_is_exposed_little():
    analyze = needed("systemd-analyze")
    words = [analyze, "security", "--offline=true", "--threshold=20", "--no-pager", str(UNIT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]


def test_systemd_finds_nothing_to_say_about_the_unit(tmp_path):
    analyze = needed("systemd-analyze")
    copy = tmp_path / "retuned.service"
    copy.write_text(UNIT.read_text().replace("ExecStart=/opt/retuned/current/bin/retuned", "ExecStart=/bin/true"))
    done = subprocess.run([analyze, "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_has_no_slips(script):
    done = subprocess.run([needed("shellcheck"), str(ROOT / script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS[:2])
def test_a_script_refuses_what_it_does_not_know_in_one_line(script):
    done = subprocess.run([str(ROOT / script), "--frobnicate"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1]


def test_the_installed_configuration_can_be_read():
    config = load_config(ROOT / "deploy" / "config.toml", {})
    assert (str(config.state), config.api.listen) == ("/var/lib/retuned", "127.0.0.1:8719")


@pytest.mark.parametrize(
    "name", ["README.md", "docs/operations.md", "deploy/README.md", "deploy/install.sh", "deploy/constraints.txt"]
)
def test_who_installs_is_told_where_the_small_torch_is(name):
    assert "https://download.pytorch.org/whl/cpu" in (ROOT / name).read_text()
