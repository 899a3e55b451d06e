"""Programs that know nothing of retuned are registered as they are, from the first command to the page."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "scripts"
SCRIPTS = sorted([*EXAMPLE.glob("*.py"), *EXAMPLE.glob("*.sh"), EXAMPLE / "config.yaml"])
NAMES = ["printed", "table", "yaml"]


@pytest.fixture
def folder(tmp_path):
    """A copy of the example that trains with this interpreter."""
    copy = tmp_path / "scripts"
    shutil.copytree(EXAMPLE, copy)
    for path in copy.glob("*.toml"):
        path.write_text(path.read_text().replace("[training]\n", f'[training]\npython = "{sys.executable}"\n'))
    return copy


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_knows_of_retuned(script):
    assert "retuned" not in script.read_text().lower()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_file_takes_at_most_fifteen_lines_beside_the_hyperparameters(name):
    tables = re.split(r"^\[hyperparameters\.\w+\]$", (EXAMPLE / f"{name}.toml").read_text(), flags=re.MULTILINE)
    lines = [line for line in tables[0].splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 15


@pytest.mark.parametrize("name", NAMES)
def test_the_stale_rate_of_an_ordinary_script_is_found_and_the_script_stays_as_it_is(retuned, folder, name):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    registered = retuned("register", folder / f"{name}.toml")
    assert registered.returncode == 0, registered.stderr
    ended = retuned("retune", name, "--seed", 1, "--json")
    assert ended.returncode == 10, ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["recommended"]["lr"] > 0.001
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
