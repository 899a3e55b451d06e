"""What a training script may ask for by name: from an installed wheel, as a copied file, and by hand."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "daemon" / "leg" / "leg.py"
SHOW = """if True:
    import json
    {imported}
    names = ("is_retuned", "seed", "split_seed", "purpose", "data", "train", "eval", "config", "from_step", "to_step",
             "budget_unit", "checkpoint_in", "checkpoint_out")
    print(json.dumps({{name: getattr(leg, name) for name in names}} | {{"lr": leg.hyperparameters.get("lr", 0.1)}}))
"""


def run(code, folder, **environment):
    """What a script prints that is run in a folder, with nothing of ours in its environment but what is given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RETUNED_")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=plain | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def copied_leg(folder, **environment):
    """The module as a file copied into a folder, imported there by a script that shows what it holds."""
    shutil.copy(SOURCE, folder / "leg.py")
    return json.loads(run(SHOW.format(imported="import leg"), folder, **environment))


def load(monkeypatch, **environment):
    """The module, loaded anew in an environment."""
    import importlib.util

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("leg", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def leg(tmp_path, monkeypatch):
    """The module as a training of ours has it, with its reports at tmp_path / "report.jsonl"."""
    return load(monkeypatch, RETUNED_REPORT=str(tmp_path / "report.jsonl"))


def reports(folder):
    return [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]


def test_by_hand_a_script_gets_its_own_defaults(tmp_path):
    paths = dict.fromkeys(
        ("data", "train", "eval", "config", "checkpoint_in", "checkpoint_out", "to_step", "budget_unit")
    )
    plain = {"is_retuned": False, "seed": 0, "split_seed": 0, "purpose": "search", "from_step": 0, "lr": 0.1}
    assert copied_leg(tmp_path) == paths | plain


def test_in_a_training_it_holds_what_the_environment_says(tmp_path):
    (tmp_path / "values.json").write_text('{"lr": 0.02}')
    paths = {
        "DATA": "d.csv",
        "TRAIN": "t.csv",
        "EVAL": "e.csv",
        "CONFIG": "c.yaml",
        "CHECKPOINT_IN": "i",
        "CHECKPOINT_OUT": "o",
    }
    given = {f"RETUNED_{name}": value for name, value in paths.items()}
    held = copied_leg(
        tmp_path,
        **given,
        RETUNED_REPORT=str(tmp_path / "report.jsonl"),
        RETUNED_HYPERPARAMETERS=str(tmp_path / "values.json"),
        RETUNED_SEED="7",
        RETUNED_SPLIT_SEED="4097",
        RETUNED_PURPOSE="confirm",
        RETUNED_FROM_STEP="2",
        RETUNED_TO_STEP="4.5",
        RETUNED_BUDGET_UNIT="epochs",
    )
    plain = {"is_retuned": True, "seed": 7, "split_seed": 4097, "purpose": "confirm", "from_step": 2, "to_step": 4.5}
    assert held == {name.lower(): value for name, value in paths.items()} | plain | {
        "budget_unit": "epochs",
        "lr": 0.02,
    }


def test_the_hyperparameters_cannot_be_changed(tmp_path, monkeypatch):
    (tmp_path / "values.json").write_text('{"lr": 0.02}')
    leg = load(monkeypatch, RETUNED_HYPERPARAMETERS=str(tmp_path / "values.json"))
    with pytest.raises(TypeError):
        leg.hyperparameters["lr"] = 1


def test_an_installed_wheel_imports_it_and_nothing_else_of_ours(wheel):
    code = "import sys; sys.path.insert(0, 'site'); from retuned.training import leg; leg.report(1, loss=0.5)"
    code += "; print(leg.__file__); print(*sys.modules)"
    bare = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(bare, cwd=wheel.parents[1], capture_output=True, text=True, check=True)
    file, loaded = done.stdout.splitlines()
    assert file.endswith("site/retuned/training/leg.py")
    assert [name for name in loaded.split() if name.startswith("retuned.")] == [
        "retuned.training",
        "retuned.training.leg",
    ]
    assert {"pydantic", "numpy", "torch", "typer"} & set(loaded.split()) == set()
    assert not (wheel / "daemon" / "leg").exists()


def test_by_hand_a_report_is_checked_and_not_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RETUNED_REPORT", raising=False)
    leg = load(monkeypatch)
    leg.report(1, loss=0.5)
    with pytest.raises(TypeError):
        leg.report(1, loss="low")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1, 1.0),
        (True, 1.0),
        (numpy.float32(0.5), 0.5),
        (numpy.array(0.5), 0.5),
        (torch.tensor(0.25), 0.25),
        (torch.tensor(0.25, requires_grad=True), 0.25),
        (float("inf"), math.inf),
        (10**400, math.inf),  # an integer that no float holds
    ],
)
def test_whatever_is_one_number_can_be_reported(leg, tmp_path, value, written):
    leg.report(3, loss=value)
    assert reports(tmp_path) == [{"step": 3, "metrics": {"loss": written}}]


def test_nan_is_reported_as_such(leg, tmp_path):
    leg.report(numpy.int64(2), loss=math.nan)
    assert (tmp_path / "report.jsonl").read_text() == '{"step": 2, "metrics": {"loss": NaN}}\n'


def test_names_that_are_no_python_names_come_in_a_mapping_and_any_name_may_be_a_metric(leg, tmp_path):
    leg.report(0.5, {"eval/loss": 1.0}, step=2.0, metrics=3.0)
    assert reports(tmp_path) == [{"step": 0.5, "metrics": {"eval/loss": 1.0, "step": 2.0, "metrics": 3.0}}]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda leg: leg.report(1), ValueError, "no metric is reported"),
        (lambda leg: leg.report(-1, loss=1), ValueError, "a step is a finite number, 0 or more"),
        (lambda leg: leg.report(math.nan, loss=1), ValueError, "a step is a finite number"),
        (lambda leg: leg.report("1", loss=1), TypeError, "the step is the text '1'"),
        (lambda leg: leg.report(1, loss="0.5"), TypeError, "the metric 'loss' is the text '0.5'"),
        (lambda leg: leg.report(1, loss=None), TypeError, "the metric 'loss' is a NoneType"),
        (lambda leg: leg.report(1, loss=numpy.zeros(2)), TypeError, "no single number"),
        (lambda leg: leg.report(1, loss=torch.zeros(2)), TypeError, "no single number"),
        (lambda leg: leg.report(1, {"": 1}), ValueError, "a name is a text of 1 to 200 characters"),
        (lambda leg: leg.report(1, {3: 1}), ValueError, "a metric is named 3"),
        (lambda leg: leg.report(1, {"x" * 201: 1}), ValueError, "1 to 200 characters"),
        (lambda leg: leg.report(1, {"\ud800": 1}), ValueError, "valid Unicode"),
    ],
)
def test_what_is_no_report_is_told_and_nothing_is_written(leg, tmp_path, call, error, said):
    with pytest.raises(error, match=said):
        call(leg)
    assert not (tmp_path / "report.jsonl").exists()


def test_lines_of_processes_that_report_at_once_stay_whole(tmp_path):
    shutil.copy(SOURCE, tmp_path / "leg.py")
    code = "import leg, sys\nfor step in range(300): leg.report(step, {sys.argv[1] * 150: step})"
    environment = os.environ | {"RETUNED_REPORT": str(tmp_path / "report.jsonl")}
    writers = [
        subprocess.Popen([sys.executable, "-c", code, name], cwd=tmp_path, env=environment) for name in ("a", "b", "c")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(reports(tmp_path)) == 900


SCRIPT = """
import random
from retuned.training import leg

order = random.Random(leg.seed * 7 + leg.split_seed * 13 + (leg.purpose in ("replicate", "confirm")))
done = 0
if leg.checkpoint_in:
    done = int(open(leg.checkpoint_in).read())
assert done == leg.from_step
for step in range(int(leg.from_step), int(leg.to_step or 10)):
    leg.report(step + 1, loss=abs(leg.hyperparameters.get("lr", 0.1) - 0.1) + order.gauss(0, 0.01))
if leg.checkpoint_out:
    open(leg.checkpoint_out, "w").write(str(leg.to_step))
"""


def test_a_script_that_asks_for_its_leg_by_name_keeps_the_contract(desk, tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    desk.register(
        training=f'command = ["{sys.executable}", "train.py"]\nbudget = {{steps = 4}}\nslots = 2\nresumable = true',
        data='path = "train.py"',
        objective='metric = "loss"\ndirection = "minimize"',
    )
    baseline = desk.baseline()
    assert (baseline.phase, baseline.failure) == ("done", None)
    assert baseline.facts.contract.breaches == ()
