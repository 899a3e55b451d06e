"""A model tried out before it is registered: what it says of trainings of every kind, and that nothing stays."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from retuned.daemon.campaign.check.check import Extent, check_model
from retuned.daemon.campaign.check.temporary_state import FOLDER, temporary_state
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.metric_patterns import compile_pattern
from retuned.strategies.verdict.check_points import Level

TOYS = Path(__file__).parents[2] / "toys"
LOSS = 'metric = "loss"\ndirection = "minimize"\nfloor = 4.0'
RATE = 'type = "float"\nlow = 1e-4\nhigh = 1.0\nlog = true\nvalue = 0.06'
SOON = Extent(120.0, with_noise=False)


def write_points(path: Path, rows: int = 1600) -> None:
    generator = random.Random(0)
    points = ((x, 3 * x + generator.gauss(0, 1)) for x in (generator.uniform(-1, 1) for _ in range(rows)))
    path.write_text("x,y\n" + "".join(f"{x:.6f},{y:.6f}\n" for x, y in points))


def write_model(desk, *words: object, split: str = 'split = {by = "rows"}', **tables: str) -> Path:
    """A model file for a command, on points that retuned cuts."""
    write_points(desk.folder / "points.csv")
    command = json.dumps([sys.executable, "-I", "-S", *map(str, words)])
    return desk.write_model(**{
        "training": f'command = {command}\nbudget = {{steps = 10}}\ntimeout = "30s"\nslots = 2',
        "data": f'path = "points.csv"\n{split}',
        "objective": LOSS,
        "hyperparameters.lr": RATE,
        **tables,
    })  # fmt: skip


def points_of(desk, path: Path, extent: Extent = SOON, **environ: str):
    """The points of a check, by name, and how many runs it took."""
    done = check_model(
        load_model_file(path), path, None, extent, SystemClock(), desk.config, {**os.environ, **environ}, lambda _: None
    )
    return {point.name: point for point in done.points}, done.runs


def script(desk, text: str) -> Path:
    path = desk.folder / "train.py"
    path.write_text(text)
    return path


def test_a_model_that_keeps_the_contract_passes_and_nothing_of_the_check_stays(desk):
    path = write_model(desk, TOYS / "plain.py", "{train}", "{eval}", "{lr}", "{seed}")
    before = sorted(desk.folder.rglob("*"))
    points, runs = points_of(desk, path, Extent(120.0))
    assert [name for name, point in points.items() if point.level not in (Level.OK, Level.WARNING)] == []
    assert list(points) == ["file", "python", "slices", "starts", "metric", "split", "purpose", "seed", "repeatable",
                            "time", "cost", "noise", "detects"]  # fmt: skip
    assert runs == 11
    assert "32 held-out slices of 20" in points["slices"].sentence
    assert points["slices"].level is Level.WARNING  # 20 rows
    assert "holds by construction" in points["split"].sentence
    assert "reads RETUNED_TO_STEP, so short runs are whole ones" in points["time"].sentence
    assert "slices of 20 rows), the rest with the seed" in points["noise"].sentence
    assert re.match(
        r"a loss of [\d.]+ to [\d.]+ in loss \(\d+% to \d+% of the skill\) with 90%", points["detects"].sentence
    )
    assert sorted(desk.folder.rglob("*")) == before
    assert desk.store.rows("SELECT * FROM models") == []


@pytest.mark.parametrize(
    ("words", "split", "name", "change"),
    [
        (("{data}", "{eval}", "{lr}", "{seed}"), 'split = {by = "rows"}', "", ""),  # other rows score it
        (("{data}", "{data}", "{lr}", "{seed}"), 'split = {by = "rows"}', "split", "train on the file {train}"),
        (("{data}", "{data}", "{lr}", "{seed}"), "", "split", "split = {by = 'rows'} under [data]"),
        (("{data}", "{data}", "{lr}", "{seed}"), "", "purpose", "the change for split mends this, too"),
    ],
    ids=["all rows train", "files of the cut unused", "fixed rows", "fixed rows in a search as well"],
)
def test_what_the_score_does_not_depend_on_fails_with_the_change_to_make(desk, words, split, name, change):
    points, runs = points_of(desk, write_model(desk, TOYS / "plain.py", *words, split=split))
    failed = {point.name: point.remedy for point in points.values() if point.level is Level.FAILED}
    assert runs == (5 if not name else 9)  # two more values of each thing that looks ignored
    assert (name in failed, bool(failed)) == (bool(name), bool(name))
    assert change in failed.get(name, "")


def test_a_fixed_seed_can_be_judged_where_retuned_draws_the_rows_and_is_told(desk):
    words = ("{train}", "{eval}", "{lr}", "7")
    points, runs = points_of(desk, write_model(desk, TOYS / "plain.py", *words, split='split = {by = "rows"}'))
    assert runs == 5
    assert {point.level for point in points.values()}.isdisjoint({Level.FAILED})
    assert "since rows are drawn anew for each" in points["seed"].sentence
    assert "had better be handed {seed}" in points["seed"].sentence
    assert points["seed"].level is Level.OK


def test_a_seed_that_scores_the_same_by_chance_is_looked_at_again_in_the_runs_that_show_the_noise(desk):
    """As a coarse metric does: of the seeds that are tried, only those of the noise runs score otherwise."""
    seen = desk.folder / "seen"
    text = f"""
import json, pathlib, sys
train, scored, seed = sys.argv[1:4]
seen = pathlib.Path({str(seen)!r})
with seen.open("a") as file:
    file.write(seed + "\\n")
rank = list(dict.fromkeys(seen.read_text().split())).index(seed)
rows = open(scored).read().split()[1:]
loss = sum(float(row.split(",")[1]) for row in rows) / len(rows) + (rank if rank > 1 else 0)
print(json.dumps({{"step": 10, "metrics": {{"loss": loss}}}}))
"""
    path = write_model(desk, script(desk, text), "{train}", "{eval}", "{seed}", "{lr}")
    assert "since rows are drawn anew for each" in points_of(desk, path)[0]["seed"].sentence
    seen.unlink()
    points, _ = points_of(desk, path, Extent(120.0))
    assert points["seed"].level is Level.OK
    assert points["seed"].sentence == "runs with another seed score otherwise"


def test_what_short_runs_hide_is_tried_in_whole_runs(desk):
    desk.write_data(ignore=["seed"])
    path = desk.write_model(training=desk.training_table(shortened(desk)))
    points, runs = points_of(desk, path)
    assert points["seed"].level is Level.FAILED
    assert points["split"].level is points["purpose"].level is Level.OK
    assert runs == 5 + 5  # whole ones: a call, an equal one, and three with other seeds
    assert "a short run of 2 took" in points["time"].sentence


def shortened(desk) -> Path:
    """The toy in the model's folder, where a check can see that it reads RETUNED_TO_STEP."""
    return script(desk, (TOYS / "quadratic.py").read_text())


def test_a_metric_that_is_printed_in_other_words_is_found_and_its_pattern_named(desk):
    text = (TOYS / "plain.py").read_text()
    path = write_model(desk, script(desk, re.sub(r"sys.stdout.write.*", 'print("final valid loss:", loss)', text)),
                       "{train}", "{eval}", "{lr}", "{seed}")  # fmt: skip
    points, runs = points_of(desk, path)
    assert (points["metric"].level, runs) == (Level.FAILED, 1)
    named = re.search(r"write pattern = '(.*)' under \[objective\]", points["metric"].remedy)[1]
    assert [value for _, value, _ in compile_pattern(named).matches("final valid loss: 1.25")] == ["1.25"]
    assert '{"step": 10, "metrics": {"loss": 38.2}}' in points["metric"].remedy
    assert points["seed"].level is Level.OPEN


@pytest.mark.parametrize(
    ("text", "found", "change"),
    [
        (
            "import no_such_library",
            "No module named 'no_such_library'",
            f"install no_such_library for {sys.executable}",
        ),
        ("raise SystemExit(3)", "exit code 3", "run the command by hand"),
    ],
)
def test_a_training_that_does_not_start_says_why(desk, text, found, change):
    points, _ = points_of(desk, write_model(desk, script(desk, text), "{train}", "{lr}"))
    assert points["starts"].level is Level.FAILED
    assert found in points["starts"].sentence
    assert change in points["starts"].remedy


def test_a_run_that_is_too_long_is_cut_and_what_that_leaves_open_is_said(desk):
    text = 'import time\nprint(\'{"step": 1, "metrics": {"loss": 2.5}}\', flush=True)\ntime.sleep(600)'
    points, _ = points_of(desk, write_model(desk, script(desk, text), "{train}", "{lr}"), Extent(2.0))
    assert "cut after" in points["starts"].sentence
    assert "loss = 2.5 at step 1, when the run was cut" in points["metric"].sentence
    assert re.search(r"by its reports about [\d.]+ s for 10 steps", points["time"].sentence)
    assert {points[name].level for name in ("seed", "split", "purpose", "repeatable", "time")} == {Level.OPEN}


def test_current_values_that_diverge_are_a_finding_and_no_mistake(desk):
    text = 'print(\'{"step": 10, "metrics": {"loss": NaN}}\')'
    points, _ = points_of(desk, write_model(desk, script(desk, text), "{train}", "{lr}"))
    assert points["metric"].level is Level.WARNING
    assert "is not finite" in points["metric"].sentence


def test_without_a_training_paths_and_slices_are_looked_at(desk):
    path = write_model(desk, script(desk, "raise SystemExit('it was started')"), "{lr}")
    points, runs = points_of(desk, path, Extent(0.0))
    assert (runs, list(points)) == (0, ["file", "python", "slices", "placeholders"])
    assert "neither {train} nor {eval}" in points["placeholders"].sentence
    (desk.folder / "points.csv").unlink()
    points, _ = points_of(desk, path, Extent(0.0))
    assert points["file"].level is Level.FAILED


def test_data_that_a_prepare_command_has_yet_to_bring_leave_the_rest_open(desk):
    path = write_model(desk, TOYS / "plain.py", "{train}", "{eval}", "{lr}", "{seed}",
                       split='split = {by = "rows"}\nprepare = ["sh", "-c", "touch brought"]')  # fmt: skip
    (desk.folder / "points.csv").unlink()
    points, runs = points_of(desk, path)
    assert (points["data"].level, runs) == (Level.OPEN, 0)
    assert not (desk.folder / "brought").exists()


def test_what_a_killed_check_left_is_removed_by_the_next_and_one_that_runs_is_not(tmp_path):
    config = Config(state=tmp_path)
    with temporary_state(config) as running:
        old = time.time() - 3600
        left = tmp_path / FOLDER / "retuned-check-killed"
        (left / "snapshots").mkdir(parents=True)
        (left / "snapshots").chmod(0o500)
        for folder in (left, running.state):
            os.utime(folder, (old, old))
        with temporary_state(config) as other:
            assert other.state.parent == running.state.parent
            assert not left.exists()
            assert running.state.exists()
    assert not (tmp_path / FOLDER).exists()


def test_an_interrupted_check_ends_its_trainings_and_leaves_nothing(desk, tmp_path):
    text = f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()) + ' ')\ntime.sleep(600)"
    path = write_model(desk, script(desk, text), "{lr}")
    before = sorted(desk.config.state.rglob("*"))
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(desk.config.state), "check", str(path)]
    check = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path / "pid", check)
    check.send_signal(signal.SIGINT)
    _, err = check.communicate(timeout=60)
    assert check.returncode == 130
    assert "nothing of it is kept or registered" in err
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
    assert sorted(desk.config.state.rglob("*")) == before


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    """Until a file that ends with a blank is there."""
    while not (path.exists() and path.read_text().endswith(" ")):
        assert process.poll() is None
        time.sleep(0.05)
