"""Alerts of before they had a life: they read on, open where they still hold, and are told nobody again."""

import json
import sqlite3
from datetime import UTC, datetime

import pytest
from retuned.daemon.config.config import AlertsTable, Config
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.alert_telling import tell_due
from retuned.daemon.state.migrations import schema
from retuned.daemon.state.store import FILE_NAME, Store
from sqlite_utils import Database

MOMENT = "2025-06-01T09:00:00.000000+00:00"


def body(model, campaign, **data):
    sentences, commands = [f"Campaign {campaign} says so."], [f"retuned drift {model}"]
    data = {"model": model, "owner": "team", "campaign": campaign, "title": "t", "text": "x", "sentences": sentences,
            "commands": commands, **data}  # fmt: skip
    return json.dumps({"type": "retuned.alert", "timestamp": MOMENT, "text": "x", "data": data})


@pytest.fixture
def before(tmp_path):
    """A state folder of the schema before: models a to d, each with campaigns, alerts and a message."""
    folder = tmp_path / "state"
    folder.mkdir()
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    database = Database(connection)
    database.execute("PRAGMA journal_mode = WAL").fetchall()
    schema.apply(database, stop_before="m0006_alert_lives")
    rows = [
        # model, its state, its current settings; the alert's campaign, outcome, severity; whether a later one went well
        (1, "a", "active", 1, "stale", "alert", False),  # still holds
        (2, "b", "active", 2, "broken", "alert", False),  # other settings were adopted
        (3, "c", "retired", 1, "degraded", "digest", False),
        (4, "d", "active", 1, "failed", "alert", True),  # the next one went well
    ]
    for number, name, state, settings, outcome, severity, is_over in rows:
        database.execute(
            "INSERT INTO models (id, name, state, version, settings_version, anchor_at, registered_at)"
            " VALUES (?, ?, ?, 1, ?, ?, ?)", (number, name, state, settings, MOMENT, MOMENT),
        )  # fmt: skip
        for later in range(1 + is_over):
            database.execute(
                "INSERT INTO campaigns (id, model_id, model_version, settings_version, kind, trigger, phase, seed,"
                " options, created_at, ended_at) VALUES (?, ?, 1, 1, 'retune', 'schedule', 'done', 1, '{}', ?, ?)",
                (number + 10 * later, number, MOMENT, MOMENT),
            )
        database.execute(
            "INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)",
            (number, number, number, severity, f"{name}: {outcome}", body(name, number, outcome=outcome), MOMENT),
        )
        database.execute(
            "INSERT INTO outbox (id, alert_id, url, payload, state, attempts, next_attempt_at, created_at)"
            " VALUES (?, ?, 'http://127.0.0.1:9/x', '{}', 'delivered', 1, ?, ?)",
            (f"msg_{number}", number, MOMENT, MOMENT),
        )
        database.execute("UPDATE outbox SET delivered_at = ?", (MOMENT,))
    database.close()
    return folder


def test_alerts_of_before_read_on_and_are_open_where_they_still_hold(before):
    alerts = {alert.model: alert for alert in list_alerts(Store(before))}
    assert {name: (alert.state, alert.kind, alert.severity) for name, alert in alerts.items()} == {
        "a": ("open", "stale", "alert"),
        "b": ("resolved", "broken", "alert"),
        "c": ("resolved", "degraded", "digest"),
        "d": ("resolved", "failed", "alert"),
    }
    assert alerts["a"].text.startswith("a: stale\n\nCampaign 1 says so.\n\n  retuned drift a\n")
    assert alerts["a"].deliveries == ("delivered to http://127.0.0.1:9, 2025-06-01 09:00 UTC",)
    assert (alerts["b"].is_critical, alerts["a"].is_critical) == (True, False)


def test_nobody_is_told_of_them_again(before):
    store = Store(before)
    config = Config(state=before, alerts=AlertsTable(webhook="http://127.0.0.1:9/x"))
    assert tell_due(store, config, datetime(2026, 6, 1, tzinfo=UTC)) == 0
    assert len(store.rows("SELECT id FROM outbox")) == 4


def test_every_message_is_kept_can_have_attempts_and_nothing_points_nowhere(before):
    store = Store(before)
    with store.transaction():
        store.change("INSERT INTO attempts SELECT id, 1, created_at, NULL, NULL FROM outbox ORDER BY id")
    assert store.rows("PRAGMA foreign_key_check") == []
    assert [row["message_id"] for row in store.rows("SELECT * FROM attempts")] == ["msg_1", "msg_2", "msg_3", "msg_4"]
    assert [row["url"] for row in store.rows("SELECT * FROM outbox")] == ["http://127.0.0.1:9/x"] * 4
