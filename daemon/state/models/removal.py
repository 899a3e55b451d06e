"""Removing a model for good: its rows go in one transaction, and a record of the removal stays.

Numbers of removed campaigns, models and alerts are not given again: a folder that is still to be deleted, or a number
in someone's notes, must never mean another campaign.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from ....strategies.alerting.message import Kind
from ....strategies.errors import ConflictError
from ..alert_rows import resolve_alerts
from ..database_errors import of_row
from ..numbers import LAST
from ..store import Row, Store, from_text, to_json, to_text
from .models import ModelEntry, known_entry, set_state_of


@dataclass(frozen=True, slots=True)
class Removal:
    """What was removed, when, and by whom: the name of a token, or None for a command on the state folder itself."""

    name: str
    campaigns: tuple[int, ...]
    removed_at: datetime
    removed_by: str | None


# children first; each takes the model's number
_DELETES = (
    # that its alerts are over is still to be told, though it is gone
    """UPDATE outbox SET alert_id = NULL WHERE state = 'pending'
    AND alert_id IN (SELECT id FROM alerts WHERE model_id = :model)
    AND coalesce(payload ->> '$.event', payload ->> '$.data.event') = 'resolved'""",
    """DELETE FROM attempts WHERE message_id IN (
        SELECT outbox.id FROM outbox JOIN alerts ON alerts.id = outbox.alert_id WHERE model_id = :model)""",
    "DELETE FROM outbox WHERE alert_id IN (SELECT id FROM alerts WHERE model_id = :model)",
    "DELETE FROM alert_events WHERE alert_id IN (SELECT id FROM alerts WHERE model_id = :model)",
    "DELETE FROM channel_alerts WHERE alert_id IN (SELECT id FROM alerts WHERE model_id = :model)",
    "DELETE FROM alerts WHERE model_id = :model",
    "DELETE FROM legs WHERE campaign_id IN (SELECT id FROM campaigns WHERE model_id = :model)",
    """DELETE FROM faults WHERE model_id = :model
    OR campaign_id IN (SELECT id FROM campaigns WHERE model_id = :model)""",
    "DELETE FROM looks WHERE model_id = :model",
    "DELETE FROM auto_adoptions WHERE model_id = :model",
    "DELETE FROM adoptions WHERE model_id = :model",
    "DELETE FROM settings WHERE model_id = :model",
    "DELETE FROM campaigns WHERE model_id = :model",
    "DELETE FROM model_versions WHERE model_id = :model",
    "DELETE FROM models WHERE id = :model",
)


def remove_model(store: Store, name: str, now: datetime, by: str | None) -> Removal:
    """Delete a retired model with its settings, campaigns, alerts and messages from the database; its folders stay.

    Raises UnknownName, and ConflictError where it is in use or a campaign of it is open.
    """
    with store.transaction():
        entry = known_entry(store, name)
        refuse_in_use(entry.name, entry.state)
        refuse_open_campaigns(store, entry)
        rows = store.rows("SELECT id FROM campaigns WHERE model_id = ? ORDER BY id", (entry.id,))
        removal = Removal(entry.name, tuple(row["id"] for row in rows), now, by)
        last = store.row("SELECT max(id) AS alert FROM alerts WHERE model_id = ?", (entry.id,))
        for statement in _DELETES:
            store.change(statement, {"model": entry.id})
        store.insert(
            "removed_models",
            {
                "name": removal.name, "campaigns": to_json(list(removal.campaigns)), "removed_at": to_text(now),
                "removed_by": by, LAST["models"]: entry.id, LAST["campaigns"]: max(removal.campaigns, default=0),
                LAST["alerts"]: (last and last["alert"]) or 0,
            },
        )  # fmt: skip
    return removal


def retire_unless_busy(store: Store, name: str, now: datetime) -> None:
    """Retire a model that has no open campaign. Raises UnknownName, and ConflictError where it has one."""
    with store.transaction():
        entry = known_entry(store, name)
        refuse_open_campaigns(store, entry)
        set_state_of(store, entry.id, "retired")
        resolve_alerts(store, entry.id, tuple(Kind), "the model was removed", now)


def refuse_in_use(name: str, state: str) -> None:
    """Raise ConflictError for a model that is not retired."""
    if state != "retired":
        raise ConflictError(
            f"{name} is {state}", "a retired model can be removed", f"retuned remove {name} --retire retires it first"
        )


def refuse_open_campaigns(store: Store, entry: ModelEntry) -> None:
    """Raise ConflictError where a campaign of the model runs or waits."""
    row = store.row(
        "SELECT id, phase FROM campaigns WHERE model_id = ? AND ended_at IS NULL ORDER BY id LIMIT 1", (entry.id,)
    )
    if row is not None:
        raise ConflictError(
            f"campaign {row['id']} of {entry.name} is open ({row['phase']})",
            "a model without open campaigns can be removed",
            f"wait for its end, or: retuned cancel {entry.name}",
        )


def removals(store: Store, name: str | None = None) -> tuple[Removal, ...]:
    """What was removed, oldest first; of one name where it is given."""
    rows = store.rows("SELECT * FROM removed_models WHERE name = coalesce(?, name) ORDER BY id", (name,))
    return tuple(map(_removal, rows))


@of_row("a removed model")
def _removal(row: Row) -> Removal:
    return Removal(row["name"], tuple(json.loads(row["campaigns"])), from_text(row["removed_at"]), row["removed_by"])
