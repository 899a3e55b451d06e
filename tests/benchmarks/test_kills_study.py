"""A campaign that is killed again and again, with real processes; benchmarks/kills.py is the whole study."""

import json
import subprocess
import sys
from pathlib import Path

STUDY = Path(__file__).parents[2] / "benchmarks" / "kills.py"


def test_a_campaign_killed_at_three_random_moments_ends_with_the_same_verdict_and_nothing_runs_twice(tmp_path):
    out = tmp_path / "kills.json"
    options = ["--kills", "3", "--worker-kills", "1", "--flights-kills", "0", "--fast", "--seed", "11", "--out", out]
    subprocess.run([sys.executable, STUDY, *options], check=True, stdout=subprocess.DEVNULL)
    (row,) = json.loads(out.read_text())["killed"]
    assert row["kills"] == 3
    assert row["same_verdict"]
    assert row["ended_legs_run_again"] == 0
    assert row["processes_left"] == 0
