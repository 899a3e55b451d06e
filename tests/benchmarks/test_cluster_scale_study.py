"""The study of large clusters, in small: simulated nodes carry a campaign's legs out as workers do."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def cluster_scale(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import cluster_scale

    yield cluster_scale
    for name in ("cluster_scale", "machine", "scene", "simulated_nodes"):
        sys.modules.pop(name, None)


def test_simulated_nodes_end_every_leg_and_the_campaign_alone_is_charged(cluster_scale, tmp_path):
    row = cluster_scale.case(nodes=3, legs=12, leg_s=0.5, place=tmp_path)
    assert row["submit_ms"] > 0 < row["poll_ms"]
    assert row["took_s"] >= 12 / 3 * 0.5  # no leg took less than its time
    assert [*tmp_path.iterdir()] == []
