"""Whole campaigns of a training that reports nothing: its score is read out of what it prints, or out of a file."""

import json
import sys
from pathlib import Path

import pytest
from retuned.daemon.state.campaigns.legs import results_of
from retuned.strategies.records import LegEnd, Outcome

QUADRATIC = Path(__file__).parents[2] / "toys" / "quadratic.py"
GOAL = 'metric = "score"\ndirection = "maximize"\n'
SCRIPT = """\
RETUNED_REPORT=$TMPDIR/report "$1" -I -S "$2" "$3" || exit 1
score=$(sed 's/.*"score": \\(.*\\)}}$/\\1/' "$TMPDIR/report")
printf '\\033[1mstep 10/10\\033[0m score: %s, done\\r\\n' "$score" >&2
echo "step;score" > "$4"; echo "10;$score" >> "$4"
"""


def registered(desk, objective):
    script = desk.folder / "train.sh"
    script.write_text(SCRIPT)
    command = json.dumps(["sh", str(script), sys.executable, str(QUADRATIC), "{lr}", "{tmp}/log.csv"])
    desk.register(training=f"command = {command}\nbudget = {{steps = 10}}\nslots = 2", objective=GOAL + objective)
    desk.baseline()
    return desk


@pytest.mark.parametrize(
    "objective",
    [
        r"pattern = 'score: (\S+)'",
        r"pattern = 'step (?P<step>\d+)/10.*score: (\S+)'",
        'file = "{tmp}/log.csv"\ncolumn = "score"',
    ],
)
def test_a_verdict_comes_from_what_is_printed_or_written(desk, objective):
    moved = registered(desk, objective)
    moved.write_data(optimum=-3.0)
    campaign = moved.retune(seed=1)
    assert campaign.verdict.outcome is Outcome.STALE
    assert {result.curve[-1][0] for result in results_of(moved.store, campaign.id) if result.curve} >= {10.0}


def test_runs_that_print_nan_count_as_diverged(desk):
    moved = registered(desk, r"pattern = 'score: (\S+)'")
    moved.write_data(nan_above=1e-9)
    campaign = moved.retune(seed=1)
    assert {result.end for result in results_of(moved.store, campaign.id)} == {LegEnd.DIVERGED}
