"""Messages of channels in the outbox: put there, joined with what still waits, and how each channel fares."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from ...strategies.alerting.message import AlertMessage, Event
from ...strategies.alerting.routing import ChannelRule, Merged, Routes, merged, route, send_at
from .store import Store, moment_or_none, to_json, to_text


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of an alert that a channel was not sent yet."""

    id: str
    event: Event


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel fares: messages that wait, those given up, the last delivery, and why the last attempt failed."""

    pending: int = 0
    dead: int = 0
    delivered_at: datetime | None = None
    last_error: str | None = None


def enqueue_routed(
    store: Store,
    message: AlertMessage,
    routes: Routes,
    alert_id: int | None,
    now: datetime,
    *,
    told: Sequence[str],
    chosen: Sequence[str] | None = None,
    but: Collection[str] = (),
) -> tuple[str, ...]:
    """Queue a message for its channels inside the open transaction; the names of those that will be sent it.

    `told`: the channels that heard of the alert, to which alone its end goes. `chosen`: those that the model's file or
    an escalation names; None: the default ones. `but`: they are left out. In quiet hours it waits, and what waits
    already for the same alert is joined with it.
    """
    names = [name for name in route(message, routes, chosen, told) if name not in but]
    rules = {rule.name: rule for rule in routes.channels}
    return tuple(name for name in names if enqueue_for(store, message, name, rules.get(name), alert_id, now))


def enqueue_for(
    store: Store, message: AlertMessage, channel: str, rule: ChannelRule | None, alert_id: int | None, now: datetime
) -> bool:
    """Queue a message for one channel inside the open transaction; False where it needs not be sent any more.

    `rule` None: the channel is not configured, and the message is given up when its time comes.
    """
    waiting = None if alert_id is None else _waiting(store, alert_id, channel)
    if waiting is not None and alert_id is not None:
        is_first = waiting.event is Event.OPENED or not _is_open_there(store, alert_id, channel)
        end = merged(waiting.event, message.event, is_first)
        if end in (Merged.NEW, Merged.NONE):
            store.change("DELETE FROM outbox WHERE id = ? AND attempts = 0", (waiting.id,))
        if end in (Merged.OLD, Merged.NONE):
            return False
    at = now if rule is None else send_at(message, rule, now)
    store.change(
        """INSERT OR IGNORE INTO outbox (id, alert_id, channel, url, payload, state, next_attempt_at, created_at)
        VALUES (?, ?, ?, '', ?, 'pending', ?, ?)""",
        (f"{message.id}_{channel}", alert_id, channel, to_json(message.to_json()), to_text(at), to_text(now)),
    )
    return True


def channel_standing(store: Store, channel: str) -> Standing:
    """How a channel fares."""
    row = store.row(
        """SELECT sum(state = 'pending') AS pending, sum(state = 'dead') AS dead, max(delivered_at) AS delivered
        FROM outbox WHERE channel = ?""",
        (channel,),
    )
    last = store.row(
        """SELECT attempts.error AS error FROM attempts JOIN outbox ON outbox.id = attempts.message_id
        WHERE outbox.channel = ? AND attempts.ended_at IS NOT NULL ORDER BY attempts.ended_at DESC LIMIT 1""",
        (channel,),
    )
    again = store.row(
        "SELECT error FROM channel_alerts WHERE channel = ? AND error IS NOT NULL ORDER BY key LIMIT 1", (channel,)
    )
    error = next((found["error"] for found in (last, again) if found is not None and found["error"]), None)
    if row is None or row["pending"] is None:
        return Standing(last_error=error)
    delivered = moment_or_none(row["delivered"])
    return Standing(row["pending"], row["dead"], delivered, error)


def _waiting(store: Store, alert_id: int, channel: str) -> Waiting | None:
    """The newest message of the alert that the channel was not sent yet, not even in part."""
    row = store.row(
        """SELECT id, payload FROM outbox WHERE alert_id = ? AND channel = ? AND state = 'pending' AND attempts = 0
        ORDER BY rowid DESC LIMIT 1""",
        (alert_id, channel),
    )
    return None if row is None else Waiting(row["id"], Event(json.loads(row["payload"])["event"]))


def _is_open_there(store: Store, alert_id: int, channel: str) -> bool:
    """Whether the channel was told of the alert, and not that it is over."""
    row = store.row(
        """SELECT payload FROM outbox WHERE alert_id = ? AND channel = ? AND attempts > 0 AND state != 'dead'
        ORDER BY rowid DESC LIMIT 1""",
        (alert_id, channel),
    )
    return row is not None and json.loads(row["payload"])["event"] != Event.RESOLVED
