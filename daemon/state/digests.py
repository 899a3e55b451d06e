"""Digests: each owner's re-evaluations since the last one, open alerts and next dates, as one message."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from ...strategies.alerting.digest import Judged, OwnersPart, Upcoming, digest_message, last_date
from ...strategies.words import readable
from ..masking import masked
from .alert_messages import enqueue_message, place_here
from .alert_tables import models_numbered, tables_of
from .faults import get_fact, put_fact
from .installation import installation_of
from .models.adoption_log import measured_between, running_account
from .store import Store, from_text, to_text

if TYPE_CHECKING:
    from ..config.config import Config

FACT = "digest"


def send_digests(store: Store, config: "Config", now: datetime) -> int:
    """Queue the digests that are due, in one transaction with the record of that; how many.

    Dates that were missed count as one. The first date after digests were switched on begins the first one's time.
    """
    table = config.alerts
    date = last_date(table.digest, table.digest_day, table.digest_hour, now)
    if date is None:
        return 0
    last = get_fact(store, FACT)
    if last is not None and last[1] >= date:
        return 0
    with store.transaction():
        sent = 0 if last is None else _send(store, config, last[1], now)
        put_fact(store, FACT, {"sent": sent}, now)
    return sent


def owners_parts(store: Store, since: datetime, now: datetime) -> tuple[OwnersPart, ...]:
    """What each owner of a model in use is told of the time between, in order of the owner."""
    owners = _owners(store)
    parts = []
    for owner in sorted(set(owners.values())):
        ids = [model_id for model_id, whose in owners.items() if whose == owner]
        judged, alerts, upcoming = _judged(store, ids, since, now), _open_titles(store, ids), _next(store, ids)
        parts.append(OwnersPart(readable(owner), judged, alerts, upcoming, *_adopted(store, ids, since, now)))
    return tuple(parts)


def _send(store: Store, config: "Config", since: datetime, now: datetime) -> int:
    owners, sent = _owners(store), 0
    for part in owners_parts(store, since, now):
        if part.is_empty:
            continue
        digest = hashlib.sha256(part.owner.encode(errors="replace")).hexdigest()[:8]
        id = f"msg_{installation_of(store, now)}_d{now:%Y%m%d}_{digest}"
        message = digest_message(part, since, now, id=id, place=place_here(store))
        tables = tables_of(store, [number for number, whose in owners.items() if readable(whose) == part.owner])
        sent += bool(enqueue_message(store, message, config, tables, now))
    return sent


def _owners(store: Store) -> Mapping[int, str]:
    """The owner of each model in use, by the model's number."""
    rows = store.rows(
        """SELECT models.id, body ->> '$.owner' AS owner FROM models JOIN model_versions
        ON model_versions.model_id = models.id AND model_versions.version = models.version
        WHERE state <> 'retired'"""
    )
    return {row["id"]: row["owner"] or "" for row in rows}


def _judged(store: Store, ids: list[int], since: datetime, now: datetime) -> tuple[Judged, ...]:
    rows = store.rows(
        """SELECT name, campaigns.id, verdict ->> '$.outcome' AS outcome, verdict ->> '$.sentence' AS sentence
        FROM campaigns JOIN models ON models.id = model_id
        WHERE model_id IN (SELECT value FROM json_each(?)) AND kind = 'retune' AND verdict IS NOT NULL
        AND ended_at > ? AND ended_at <= ? ORDER BY campaigns.id""",
        (json.dumps(ids), to_text(since), to_text(now)),
    )
    return tuple(
        Judged(row["name"], row["id"], row["outcome"], readable(masked(row["sentence"] or ""))) for row in rows
    )


def _open_titles(store: Store, ids: list[int]) -> tuple[str, ...]:
    rows = store.rows(
        """SELECT id, message ->> '$.title' AS title, state FROM alerts WHERE state <> 'resolved'
        AND +model_id IN (SELECT value FROM json_each(?)) ORDER BY id DESC""",
        (json.dumps(ids),),
    )
    return tuple(f"{row['title']} (alert {row['id']}, {row['state']})" for row in rows)


def _adopted(store: Store, ids: list[int], since: datetime, now: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What came of adoptions that were measured in that time, and what re-tuning each model has earned."""
    measured, accounts = list[str](), list[str]()
    for model in models_numbered(store, ids):
        for made in measured_between(store, model.id, since, now):
            adopted = f"the settings adopted on {made.adopted_at:%Y-%m-%d}"
            measured.append(f"{model.name}, {adopted}: {made.gain_sentence}.")
        account = running_account(store, model, now)
        if account is not None:
            accounts.append(f"{model.name}: {account.sentence}.")
    return tuple(map(readable, measured)), tuple(map(readable, accounts))


def _next(store: Store, ids: list[int]) -> tuple[Upcoming, ...]:
    rows = store.rows(
        """SELECT name, next_due_at FROM models WHERE state = 'active' AND next_due_at IS NOT NULL
        AND id IN (SELECT value FROM json_each(?)) ORDER BY next_due_at, name""",
        (json.dumps(ids),),
    )
    return tuple(Upcoming(row["name"], from_text(row["next_due_at"])) for row in rows)
