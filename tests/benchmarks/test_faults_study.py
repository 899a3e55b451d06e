"""The service, killed again and again over running campaigns; benchmarks/faults.py is the whole study."""

import json
import subprocess
import sys
from pathlib import Path

STUDY = Path(__file__).parents[2] / "benchmarks" / "faults.py"


def test_a_service_killed_four_times_loses_nothing_doubles_nothing_and_leaves_nothing_behind(tmp_path):
    out = tmp_path / "faults.json"
    options = [
        "--kills",
        "4",
        "--leader-kills",
        "1",
        "--stops",
        "1",
        "--pauses",
        "1",
        "--models",
        "1",
        "--seed",
        "5",
        "--out",
        out,
    ]
    done = subprocess.run([sys.executable, STUDY, *options], stdout=subprocess.DEVNULL, check=False, timeout=300)
    row = json.loads(out.read_text())["killed"]
    assert row["kills"] == 4
    kinds = ("lost", "doubled", "orphans", "temporary_files")
    assert {name: row[name] for name in kinds} == dict.fromkeys(kinds, 0)
    assert row["noticed"] == row["stops"]
    assert row["same_verdicts"]
    assert row["same_alerts"]
    assert done.returncode == 0
