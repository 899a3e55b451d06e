"""The state of the studies of many models, in small: it is made of the schema's own columns, and can be read."""

import sys
from pathlib import Path

import pytest
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.models.model_list import list_models
from retuned.daemon.state.store import Store

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def large_state(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import large_state

    yield large_state
    for name in ("large_state", "scene"):
        sys.modules.pop(name, None)


def test_a_state_of_any_size_is_made_and_read(large_state, tmp_path):
    state = large_state.make_large_state(tmp_path, large_state.Size(models=4, campaigns=2, legs=20, alerts=5))
    store = Store(state)
    assert len(list_models(store, None, 100)[0]) == 4
    assert len(list_alerts(store)) == 5
    assert len({row["group_id"] for row in store.rows("SELECT group_id FROM alerts")}) == 5
    assert store.rows("SELECT count(*) AS n FROM legs JOIN campaigns ON id = campaign_id AND kind = 'retune'") == [
        {"n": 20}
    ]
