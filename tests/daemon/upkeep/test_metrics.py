"""What Prometheus reads: every figure from the database, and a bounded number of series."""

from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from retuned.daemon.state.faults import note_fault, set_fact
from retuned.daemon.state.models.adoption import make_current, proposal
from retuned.daemon.state.store import from_text, to_text
from retuned.daemon.upkeep.metrics import MODELS_SHOWN, metrics_text


def figures_of(desk, now):
    """Each figure by its name and labels, written as Prometheus writes them."""
    text = metrics_text(desk.store, desk.config, now).decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {_key(sample): sample.value for sample in samples}


def _key(sample):
    labels = ",".join(f"{name}={value}" for name, value in sample.labels.items())
    return f"{sample.name}{{{labels}}}" if labels else sample.name


@pytest.fixture
def now(judged):
    """A day after the last verdict."""
    row = judged.store.row("SELECT max(ended_at) AS at FROM campaigns")
    return from_text(row["at"]) + timedelta(days=1)


def test_what_ran_and_what_came_of_it_is_counted(judged, now):
    figures = figures_of(judged, now)
    assert figures["retuned_campaigns{phase=done}"] == 3
    assert figures["retuned_campaigns{phase=search}"] == 0
    assert figures["retuned_verdicts_total{outcome=fresh}"] == 1
    assert figures["retuned_verdicts_total{outcome=stale}"] == 1
    assert figures["retuned_models{state=active}"] == 1
    assert figures["retuned_queue_length"] == 0
    assert figures["retuned_is_serving"] == 0
    assert figures["retuned_health{state=degraded}"] == 1


def test_a_model_that_was_found_stale_is_told_until_better_settings_are_in_force(judged_copy, now):
    before = figures_of(judged_copy, now)
    assert before["retuned_model_is_stale{model=toy}"] == 1
    assert before["retuned_model_days_since_verdict{model=toy}"] == pytest.approx(1.0, abs=0.01)
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), now)
    assert figures_of(judged_copy, now)["retuned_model_is_stale{model=toy}"] == 0


def test_the_services_own_facts_are_told_where_they_are_known(judged_copy, now):
    beat = {"pid": 1, "started_at": to_text(now), "tick": 1, "tick_s": 0.25, "failed": []}
    set_fact(judged_copy.store, "heartbeat", beat, now)
    set_fact(judged_copy.store, "last_backup", {"path": "/b", "bytes": 1}, now)
    note_fault(judged_copy.store, "queue", "x", now)
    figures = figures_of(judged_copy, now)
    assert figures["retuned_tick_seconds"] == 0.25
    assert figures["retuned_last_tick_timestamp_seconds"] == pytest.approx(now.timestamp())
    assert figures["retuned_last_backup_timestamp_seconds"] == pytest.approx(now.timestamp())
    assert figures["retuned_faults_total"] == 1
    assert figures["retuned_disk_free_bytes"] > 0


def test_an_overdue_model_and_a_waiting_message_are_told(judged_copy, now):
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE models SET next_due_at = ?", (to_text(now - timedelta(hours=1)),))
        judged_copy.store.change("UPDATE outbox SET state = 'pending'")
    figures = figures_of(judged_copy, now)
    assert figures["retuned_overdue_seconds"] == 3600
    assert figures["retuned_outbox_pending"] == 1
    assert figures["retuned_outbox_oldest_seconds"] > 0


def test_the_number_of_series_does_not_grow_with_the_models(judged_copy, now):
    few = len(figures_of(judged_copy, now))
    with judged_copy.store.transaction():
        judged_copy.store.change(
            """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
            INSERT INTO models (name, state, version, settings_version, anchor_at, next_due_at, registered_at)
            SELECT 'model' || i, 'active', 1, 1, '2026-01-01', '2026-01-01T00:00:00+00:00', '2026-01-01' FROM n"""
        )
    many = figures_of(judged_copy, now)
    assert many["retuned_models{state=active}"] == 3001
    assert len(many) <= few + MODELS_SHOWN


def test_nothing_secret_is_in_the_figures(judged, now):
    assert b"token-4711" not in metrics_text(judged.store, judged.config, now)
