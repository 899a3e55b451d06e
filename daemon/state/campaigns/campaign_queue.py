"""The open campaigns as the service's queue reads them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from ....strategies.schedule.grants import Grant
from ..store import Row, Store, from_text
from .campaign_writes import BY_A_PERSON

_QUEUED = """SELECT campaigns.id, model_id, models.name AS model, models.state, models.version AS newest,
    model_version, campaigns.settings_version AS settings_version, kind, trigger, priority, waits, failures, not_before,
    resources, options, started_at, campaigns.created_at AS created_at
    FROM campaigns JOIN models ON models.id = campaigns.model_id WHERE """


@dataclass(frozen=True, slots=True)
class QueuedCampaign:
    """An open campaign, with what the queue needs of its model's row.

    `newest_version`: of the model's file; `waits`: the last recorded reason to wait; `failures`: how often in a row its
    process died; `options`: as stored, in JSON, so that broken ones hold back only this campaign.
    """

    id: int
    model_id: int
    model: str
    model_state: str
    newest_version: int
    model_version: int
    settings_version: int
    kind: str
    trigger: str
    priority: int
    options: str
    created_at: datetime
    has_begun: bool
    waits: str | None
    failures: int
    not_before: datetime | None
    grant: Grant | None


def open_numbers(store: Store) -> frozenset[int]:
    """The numbers of every open campaign."""
    return frozenset(row["id"] for row in store.rows("SELECT id FROM campaigns WHERE ended_at IS NULL"))


def claimed_numbers(store: Store) -> tuple[int, ...]:
    """The numbers of open campaigns that a process has claimed and may still run."""
    rows = store.rows("SELECT id FROM campaigns WHERE ended_at IS NULL AND epoch > 0")
    return tuple(row["id"] for row in rows)


def cancelled_numbers(store: Store, among: Collection[int]) -> frozenset[int]:
    """Those of some campaigns that a person cancelled."""
    sql = "SELECT id FROM campaigns WHERE id IN (SELECT value FROM json_each(?)) AND failure = ? AND ended_at NOT NULL"
    rows = store.rows(sql, (json.dumps(sorted(among)), BY_A_PERSON))
    return frozenset(row["id"] for row in rows)


def queued_campaigns(store: Store, running: Collection[int]) -> tuple[QueuedCampaign, ...]:
    """Every open campaign, and the ended ones of `running`, which keep their resources until they are cleaned up."""
    rows = store.rows(f"{_QUEUED} ended_at IS NULL")
    leaving = sorted(set(running) - {row["id"] for row in rows})
    rows += [row for number in leaving for row in store.rows(f"{_QUEUED} campaigns.id = ?", (number,))]
    return tuple(_queued(row) for row in rows)


def _queued(row: Row) -> QueuedCampaign:
    return QueuedCampaign(
        id=row["id"],
        model_id=row["model_id"],
        model=row["model"],
        model_state=row["state"],
        newest_version=row["newest"],
        model_version=row["model_version"],
        settings_version=row["settings_version"],
        kind=row["kind"],
        trigger=row["trigger"],
        priority=row["priority"],
        options=row["options"],
        created_at=from_text(row["created_at"]),
        has_begun=row["started_at"] is not None,
        waits=row["waits"],
        failures=row["failures"],
        not_before=None if row["not_before"] is None else from_text(row["not_before"]),
        grant=None if row["resources"] is None else Grant.from_json(json.loads(row["resources"])),
    )
