"""Changes of hardware or software that made models due, on their way to the programs that show them.

A fact of the service keeps what is still joined: it ends once its time is over, so that the fact stays small.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...strategies.alerting.shared_changes import MadeDue, SharedChange, change_message, joined
from ...strategies.alerting.verdict_alert import shared_change
from ...strategies.words import readable
from ..masking import masked
from .alert_messages import enqueue_message, place_here
from .alert_tables import tables_of
from .faults import get_fact, put_fact
from .installation import installation_of
from .models.models import entry_named
from .store import Store, from_text, to_text

if TYPE_CHECKING:
    from ..config.config import Config

FACT = "due_changes"


def tell_due_changes(store: Store, config: "Config", now: datetime) -> int:
    """Queue the messages that are due, in one transaction with the record of that; how many.

    What was made due before the first call is not told.
    """
    window = config.alerts.rules.group
    known = get_fact(store, FACT)
    seen, before = (_newest(store), ()) if known is None else _read(known[0])
    made = _made_due(store, seen)
    changes = joined(before, made, window)
    due = [change for change in changes if change.is_due(now, window)]
    after = [replace(change, told=len(change.models)) if change in due else change for change in changes]
    left = tuple(change for change in after if not change.is_over(now, window))
    if known is not None and left == before and not made:
        return 0
    with store.transaction():
        for change in due:
            _tell(store, change, config, now)
        fact = {"seen": max([seen, *(each.campaign_id for each in made)]), "changes": [_stored(each) for each in left]}
        put_fact(store, FACT, fact, now)
    return len(due)


def _tell(store: Store, change: SharedChange, config: "Config", now: datetime) -> None:
    ids = [entry.id for entry in (entry_named(store, name) for name in change.models) if entry is not None]
    tables = tables_of(store, ids)
    id = f"msg_{installation_of(store, now)}_e{change.campaigns[0]}_{len(change.models)}"
    tags = tuple(dict.fromkeys(tag for table in tables for tag in table.tags))
    message = change_message(change, id=id, place=readable(place_here(store)), tags=tags)
    enqueue_message(store, message, config, tables, now)


def _made_due(store: Store, after: int) -> tuple[MadeDue, ...]:
    """The re-evaluations with a higher number that a change of the environment queued, in order."""
    rows = store.rows(
        """SELECT campaigns.id, name, campaigns.created_at, coalesce(reason, '') AS reason, body ->> '$.owner' AS owner
        FROM campaigns JOIN models ON models.id = campaigns.model_id
        JOIN model_versions ON model_versions.model_id = models.id AND model_versions.version = models.version
        WHERE campaigns.id > ? AND trigger = 'environment' ORDER BY campaigns.id""",
        (after,),
    )
    return tuple(
        MadeDue(row["name"], row["id"], readable(row["owner"] or ""), change, from_text(row["created_at"]))
        for row in rows
        if (change := readable(masked(shared_change("environment", row["reason"], ()))))
    )


def _newest(store: Store) -> int:
    row = store.row("SELECT coalesce(max(id), 0) AS number FROM campaigns")
    assert row is not None
    return int(row["number"])


def _read(stored: Mapping[str, Any]) -> tuple[int, tuple[SharedChange, ...]]:
    return stored["seen"], tuple(
        SharedChange(
            each["owner"], each["change"], from_text(each["at"]), tuple(each["models"]), tuple(each["campaigns"]),
            each["told"],
        )
        for each in stored["changes"]
    )  # fmt: skip


def _stored(change: SharedChange) -> Mapping[str, Any]:
    return asdict(change) | {"at": to_text(change.at)}
