"""Alerts that are open on channels which take an alert for resolved unless they are told of it again (Alertmanager)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ...strategies.alerting.message import AlertMessage
from .store import Row, Store, to_json, to_text


@dataclass(frozen=True, slots=True)
class OpenThere:
    """An alert as a channel was last told of it, and the labels under which it was opened there."""

    message: AlertMessage
    labels: Mapping[str, str]


def note_open(
    store: Store, channel: str, message: AlertMessage, labels: Mapping[str, str], alert_id: int | None, at: datetime
) -> None:
    """Record inside the open transaction that the channel knows the alert; it is told again at `at`."""
    store.change(
        """INSERT INTO channel_alerts (channel, key, alert_id, labels, payload, next_send_at)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (channel, key) DO UPDATE SET payload = excluded.payload, next_send_at = excluded.next_send_at""",
        (channel, message.key, alert_id, to_json(dict(labels)), to_json(message.to_json()), to_text(at)),
    )


def note_over(store: Store, channel: str, key: str) -> None:
    """Record inside the open transaction that the channel knows the alert's end."""
    store.change("DELETE FROM channel_alerts WHERE channel = ? AND key = ?", (channel, key))


def labels_there(store: Store, channel: str, key: str) -> Mapping[str, str] | None:
    """The labels under which the channel knows the alert; None where it knows none."""
    row = store.row("SELECT labels FROM channel_alerts WHERE channel = ? AND key = ?", (channel, key))
    return None if row is None else json.loads(row["labels"])


def due_again(store: Store, now: datetime) -> tuple[str, ...]:
    """The channels that must hear now of what is open there."""
    rows = store.rows(
        "SELECT DISTINCT channel FROM channel_alerts WHERE next_send_at <= ? ORDER BY channel", (to_text(now),)
    )
    return tuple(row["channel"] for row in rows)


def open_there(store: Store, channel: str) -> tuple[OpenThere, ...]:
    """What is open on a channel; a record that cannot be read keeps no other from being told."""
    rows = store.rows("SELECT payload, labels FROM channel_alerts WHERE channel = ? ORDER BY key", (channel,))
    return tuple(there for there in map(_read, rows) if there is not None)


def put_off(store: Store, channel: str, at: datetime, error: str | None) -> None:
    """Record how telling a channel again ended, and when it is told the next time."""
    with store.transaction():
        store.change(
            "UPDATE channel_alerts SET next_send_at = ?, error = ? WHERE channel = ?", (to_text(at), error, channel)
        )


def forget_channel(store: Store, channel: str) -> None:
    """Drop what is open on a channel that is no longer configured."""
    with store.transaction():
        store.change("DELETE FROM channel_alerts WHERE channel = ?", (channel,))


def _read(row: Row) -> OpenThere | None:
    try:
        return OpenThere(AlertMessage.from_json(json.loads(row["payload"])), json.loads(row["labels"]))
    except (ValueError, KeyError, TypeError):
        return None
