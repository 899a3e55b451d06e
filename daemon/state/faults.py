"""Recent faults of the service, and a few facts that it keeps about itself."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..masking import masked
from .database_errors import of_row
from .store import Store, from_text, to_json, to_text

KEPT = 200


INSTALLATION = "installation"  # the fact by which messages of this state folder differ from those of others


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that went wrong: where, when, and in words."""

    id: int
    at: datetime
    part: str
    model_id: int | None
    campaign_id: int | None
    sentence: str


def note_fault(
    store: Store,
    part: str,
    sentence: str,
    now: datetime,
    *,
    model_id: int | None = None,
    campaign_id: int | None = None,
) -> None:
    """Record a fault; only the newest are kept, and only the last of identical ones."""
    row = {
        "at": to_text(now), "part": part, "model_id": model_id, "campaign_id": campaign_id,
        "sentence": masked(" ".join(sentence.split()))[:1000],
    }  # fmt: skip
    with store.transaction():
        store.insert("faults", row)  # before the delete, so that its number is a new one
        store.change(
            """DELETE FROM faults WHERE part = :part AND sentence = :sentence AND model_id IS :model_id
            AND campaign_id IS :campaign_id AND id < (SELECT max(id) FROM faults)""",
            {name: value for name, value in row.items() if name != "at"},
        )
        store.change("DELETE FROM faults WHERE id <= (SELECT max(id) FROM faults) - ?", (KEPT,))


def recent_faults(store: Store, limit: int = 20) -> tuple[Fault, ...]:
    """The newest faults first."""
    rows = store.rows("SELECT * FROM faults ORDER BY id DESC LIMIT ?", (limit,))
    return tuple(
        Fault(row["id"], from_text(row["at"]), row["part"], row["model_id"], row["campaign_id"], row["sentence"])
        for row in rows
    )


def newest_fault(store: Store) -> int:
    """The number of the newest fault; 0 where there is none."""
    row = store.row("SELECT max(id) AS id FROM faults")
    return 0 if row is None or row["id"] is None else int(row["id"])


def parts_failed_since(store: Store, fault: int) -> tuple[str, ...]:
    """The parts of the service with faults newer than that one, in order."""
    rows = store.rows("SELECT DISTINCT part FROM faults WHERE id > ? ORDER BY part", (fault,))
    return tuple(row["part"] for row in rows)


def set_fact(store: Store, name: str, value: Any, now: datetime) -> None:  # noqa: ANN401 - any JSON value
    """Store a fact about the service under a name."""
    with store.transaction():
        put_fact(store, name, value, now)


def put_fact(store: Store, name: str, value: Any, now: datetime) -> None:  # noqa: ANN401 - any JSON value
    """Store a fact inside the open transaction."""
    store.change(
        """INSERT INTO service_facts (name, value, at) VALUES (?, ?, ?)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at""",
        (name, to_json(value), to_text(now)),
    )


def forget_fact(store: Store, name: str) -> None:
    """Remove a fact, where there is one."""
    with store.transaction():
        store.change("DELETE FROM service_facts WHERE name = ?", (name,))


@of_row("a fact about the service")
def get_fact(store: Store, name: str) -> tuple[Any, datetime] | None:
    """A fact and when it was set; None when it never was."""
    row = store.row("SELECT value, at FROM service_facts WHERE name = ?", (name,))
    return None if row is None else (json.loads(row["value"]), from_text(row["at"]))
