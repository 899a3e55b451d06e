"""The audit: who did what, to which model, what was before and after, and why. Rows are only ever added."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...strategies.words import readable
from ..masking import masked
from .database_errors import of_row
from .paging import LAST, checked_limit, cursor_after, key_in
from .store import Row, Store, from_text, to_json, to_text

BY_SERVICE = "the service"
LONGEST_WHY = 500

Snapshot = Mapping[str, Any]
"""JSON values by name: what an act may change."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does. `model`: the name of the one it is about, None: of none; `subject`: a campaign's number, or
    whatever else it is about; `request_id`: of the request to the API that asked for it."""

    by: str
    act: str
    model: str | None = None
    subject: str | None = None
    why: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row: an act, when it was, and what it changed, by name; empty: nothing."""

    id: int
    at: datetime
    by: str
    act: str
    model: str | None
    subject: str | None
    before: Snapshot
    after: Snapshot
    why: str | None
    request_id: str | None


@contextmanager
def recorded(
    store: Store,
    act: Act,
    now: datetime,
    look: Callable[[], Snapshot | None] | None = None,
    also: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Record the act in the transaction that the block commits first; an exception in it records nothing.

    `look`: what the act may change, asked before the block and at the end of the transaction; by default the model's
    state, versions, settings and open campaigns. What is the same both times is left out. `also`: what else is written
    in the same transaction.
    """
    look = look or (lambda: model_snapshot(store, act.model))
    before = look() or {}

    def write() -> None:
        note_act(store, act, before, look() or {}, now)
        also()

    with store.together_with(write):
        yield


def note_act(store: Store, act: Act, before: Snapshot, after: Snapshot, now: datetime) -> None:
    """Record an act inside the open transaction."""
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    sides = [{name: side[name] for name in changed if name in side} for side in (before, after)]
    why = None if not act.why else reason_text(act.why)
    store.insert(
        "audit",
        {
            "at": to_text(now), "by": act.by, "act": act.act, "model": act.model, "subject": act.subject,
            "before": to_json(sides[0]) if sides[0] else None, "after": to_json(sides[1]) if sides[1] else None,
            "why": why, "request_id": act.request_id,
        },
    )  # fmt: skip


def reason_text(why: str) -> str:
    """A reason that a person gave, as it is recorded: without secrets, and not too long."""
    return readable(masked(why))[:LONGEST_WHY]


def model_snapshot(store: Store, name: str | None) -> Snapshot | None:
    """What acts may change of a model, without what its file says; None where there is no such model."""
    row = store.row(
        """SELECT models.id, state, models.version, settings_version, configuration FROM models JOIN settings
        ON settings.model_id = models.id AND settings.version = settings_version WHERE name = ?""",
        (name,),
    )
    if row is None:
        return None
    campaigns = store.rows(
        "SELECT id FROM campaigns WHERE ended_at IS NULL AND +model_id = ? ORDER BY id", (row["id"],)
    )
    return {
        "state": row["state"],
        "version": row["version"],
        "settings_version": row["settings_version"],
        "settings": json.loads(row["configuration"]),
        "open_campaigns": [campaign["id"] for campaign in campaigns],
    }


def audit_page(
    store: Store, model: str | None, since: datetime | None, cursor: str | None, limit: int
) -> tuple[tuple[AuditEntry, ...], str | None]:
    """Entries, newest first, and the cursor of the next ones; None: there are no more.

    `model`: those of the models that had this name; `since`: those from then on.
    """
    (before,) = key_in(cursor, "audit", (int,)) or (None,)
    of_model = "" if model is None else "model = :model AND "
    later = "" if since is None else "at >= :since AND "
    rows = store.rows(
        f"SELECT * FROM audit WHERE {of_model}{later}id < :before ORDER BY id DESC LIMIT :limit",  # noqa: S608
        {
            "model": model, "since": None if since is None else to_text(since),
            "before": LAST if before is None else before, "limit": checked_limit(limit) + 1,
        },
    )  # fmt: skip
    entries = tuple(map(_entry, rows[:limit]))
    return entries, cursor_after("audit", entries[-1].id) if len(rows) > limit else None


def registered_by(store: Store, model: str, since: datetime) -> Mapping[int, str]:
    """Who registered settings of the model of that name, by their version; since it was registered itself."""
    rows = store.rows(
        """SELECT after ->> '$.settings_version' AS version, by FROM audit WHERE model = ? AND act = 'register'
        AND at >= ? AND after ->> '$.settings_version' IS NOT NULL ORDER BY id""",
        (model, to_text(since)),
    )
    return {row["version"]: row["by"] for row in rows}


@of_row("an entry of the audit")
def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=from_text(row["at"]),
        by=row["by"],
        act=row["act"],
        model=row["model"],
        subject=row["subject"],
        before=json.loads(row["before"] or "{}"),
        after=json.loads(row["after"] or "{}"),
        why=row["why"],
        request_id=row["request_id"],
    )
