"""Scripts of six frameworks train as their model files start them, and print the metric where those look for it.

Without its framework a script's test is skipped.
"""

import csv
import math
import re
import subprocess
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.strategies.legs.command import expand

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FOLDER = EXAMPLES / "frameworks"
MODEL_FILES = sorted(FOLDER.glob("*.toml"))
LIBRARIES = {
    "sklearn": (),
    "lightgbm": (),
    "xgboost": (),
    "torch": (),
    "lightning": (),
    "transformers": ("accelerate",),
}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """A file to train on and one to score on, 400 flights each."""
    folder = tmp_path_factory.mktemp("parts")
    with open(EXAMPLES / "flights" / "flights.csv", newline="") as file:
        header, *rows = islice(csv.reader(file), 801)
    for name, part in (("train.csv", rows[::2]), ("eval.csv", rows[1::2])):
        with open(folder / name, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *part])
    return {"train": str(folder / "train.csv"), "eval": str(folder / "eval.csv")}


def metric_of(model, output, tmp):
    """The metric as the model file finds it."""
    objective = model.goal
    if objective.pattern is not None:
        match = list(re.finditer(objective.pattern, output))[-1]
        (number,) = [text for name, text in enumerate(match.groups(), 1) if name != match.re.groupindex.get("step")]
        return float(number)
    with open(objective.file.replace("{tmp}", str(tmp)), newline="") as file:
        return float([row[objective.column] for row in csv.DictReader(file)][-1])


def test_there_is_a_model_file_for_each_framework():
    assert [path.stem for path in MODEL_FILES] == sorted(LIBRARIES)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_script_trains_and_its_metric_is_found(name, parts, tmp_path):
    missing = [library for library in (name, *LIBRARIES[name]) if find_spec(library) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed, so {name}.toml is NOT tested: pip install -e '.[frameworks]'")
    model = load_model_file(FOLDER / f"{name}.toml")
    values = model.stored_configuration() | parts | {"seed": 2**31 - 1, "tmp": str(tmp_path)}
    _, *arguments = expand(model.training.command, values)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=170
    )
    assert done.returncode == 0, done.stderr
    loss = metric_of(model, done.stdout + done.stderr, tmp_path)
    assert math.isfinite(loss)
    assert 0 < loss < 1.5


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_no_script_knows_of_retuned(script):
    assert "retuned" not in script.read_text().lower()


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.stem)
def test_a_model_file_takes_at_most_fifteen_lines_beside_the_hyperparameters(path):
    tables = re.split(r"^\[hyperparameters\.\w+\]$", path.read_text(), flags=re.MULTILINE)
    lines = [line for line in tables[0].splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 15
