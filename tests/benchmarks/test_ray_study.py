"""Campaigns on three nodes, and what is killed on the way; benchmarks/ray_kills.py is the whole study."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(900)  # a cluster takes its time to start, again and again
STUDY = Path(__file__).parents[2] / "benchmarks" / "ray_kills.py"


def test_a_service_a_leader_a_worker_and_a_node_are_killed_and_nothing_is_lost_doubled_or_left(tmp_path):
    if importlib.util.find_spec("ray") is None:
        reason = "Ray is not installed, so nothing was tested on a cluster: pip install 'retuned[ray]'"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    out = tmp_path / "ray.json"
    options = ["--kills", "4", "--rounds", "1", "--seed", "2", "--out", out]
    done = subprocess.run([sys.executable, STUDY, *options], stdout=subprocess.DEVNULL, check=False)
    row = json.loads(out.read_text())["killed"]
    assert row["kills"] == {"service": 1, "leader": 1, "worker": 1, "node": 1}
    assert (row["lost"], row["counted_twice"], row["split_pairs"]) == (0, 0, 0)
    assert row["left"] == {"jobs": [], "actors": [], "processes": [], "files": []}
    assert (row["same_verdicts"], row["same_legs"], row["same_alerts"]) == (True, True, True)
    assert done.returncode == 0
