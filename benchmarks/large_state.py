"""A state folder that years of work have filled: models, re-evaluations with their legs, alerts. For studies of size.

One model is registered and re-evaluated once, on moved data; the rest are copies of its rows, under other names and
numbers and with other dates.
"""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import AlertsTable, Config
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.models.registry import register
from retuned.daemon.state.store import Store, to_text
from scene import TOY_MODEL

BUSY = "toy"  # the model that half of the re-evaluations are of
ONE_IN = 10  # has a cron expression, each week
BASELINE, RETUNE = 1, 2  # the numbers of the first two campaigns, which the others are copies of


@dataclass(frozen=True)
class Size:
    """How much there is; `campaigns`: re-evaluations, besides a baseline for each model."""

    models: int = 10_000
    campaigns: int = 2_000
    legs: int = 100_000
    alerts: int = 10_000


def make_large_state(folder: Path, size: Size) -> Path:
    """A state folder of that size; nothing in it is due for a day, and no campaign is open."""
    config = Config(state=folder / "state", alerts=AlertsTable(webhook="http://127.0.0.1:9/"))
    with closing(Store(config.state)) as store:
        _first_model(store, folder, config)
        with store.transaction():
            for statement in _COPIES:
                store.change(statement, _numbers(size))
            _spread_dates(store, size)
    return config.state


def _first_model(store: Store, folder: Path, config: Config) -> None:
    """The model, its baseline, and a re-evaluation that ends STALE, which raises an alert."""
    data, clock = folder / "data.json", SystemClock()
    data.write_text("{}")
    source = folder / "model.toml"
    source.write_text(TOY_MODEL % "30s")
    model = register(store, load_model_file(source), source, clock.now()).model
    (baseline,) = open_campaigns(store)
    run_campaign(store, baseline.id, clock=clock, config=config, environ=os.environ)
    data.write_text(json.dumps({"optimum": -3.0}))
    campaign = open_or_queue(store, model, "retune", 1, {}, clock)
    run_campaign(store, campaign.id, clock=clock, config=config, environ=os.environ)


def _numbers(size: Size) -> dict[str, int]:
    each, rest = divmod(size.legs, size.campaigns)
    if rest or each < 1:
        raise ValueError(f"{size.legs} legs cannot be shared by {size.campaigns} campaigns")
    return {"models": size.models, "campaigns": size.campaigns, "legs": each, "alerts": size.alerts,
            "one_in": ONE_IN, "baseline": BASELINE, "retune": RETUNE}  # fmt: skip


def _copied(table: str, columns: Sequence[str], changed: str, source: str, where: str) -> str:
    """Rows of a table once more: `changed` columns by their expression, the other `columns` as they are."""
    changes = dict(part.split(" = ", 1) for part in changed.split(" | "))
    names, values = [*changes, *columns], [*changes.values(), *(f"old.{column}" for column in columns)]
    return f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {source} WHERE {where}"  # noqa: S608


_CAMPAIGN = (
    "model_version", "settings_version", "kind", "trigger", "phase", "seed", "options", "facts", "verdict", "epoch",
    "created_at", "started_at", "ended_at",
)  # fmt: skip
_LEG = (
    "ended", "score", "detail", "metrics", "curve", "seconds", "cpu_s", "peak_memory_bytes", "attempts", "planned_at",
    "ended_at",
)  # fmt: skip
_ALERT = (
    "owner", "kind", "change", "group_id", "severity", "message", "created_at", "opened_at", "is_silent", "told_at",
    "is_told", "asked_at", "tellings",
)  # fmt: skip
_SERIES = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :{}) SELECT i FROM n) AS series"
_COPIES = (
    _copied(
        "models", ("state", "version", "settings_version", "anchor_at", "registered_at"),
        f"name = printf('{BUSY}-%05d', i)", f"models AS old, {_SERIES.format('models')}", "i < :models",
    ),
    _copied(
        "model_versions", ("version", "source", "created_at"),
        "model_id = new.id | body = CASE new.id % :one_in WHEN 0 THEN"
        " json_set(body, '$.name', new.name, '$.schedule', json('{\"cron\": \"0 3 * * 1\"}'))"
        " ELSE json_set(body, '$.name', new.name) END",
        "model_versions AS old, models AS new", "new.id > 1",
    ),
    _copied(
        "settings", ("version", "configuration", "origin", "created_at"), "model_id = new.id",
        "settings AS old, models AS new", "new.id > 1",
    ),
    _copied(
        "campaigns", _CAMPAIGN, "model_id = new.id", "campaigns AS old, models AS new",
        "old.id = :baseline AND new.id > 1 ORDER BY new.id",
    ),
    # half of the re-evaluations are the busy model's, the other half one each of as many others
    _copied(
        "campaigns", _CAMPAIGN, "model_id = CASE i % 2 WHEN 0 THEN 1 ELSE 2 + (i / 2) % (:models - 1) END",
        f"campaigns AS old, {_SERIES.format('campaigns')}", "old.id = :retune AND i < :campaigns",
    ),
    "DELETE FROM legs WHERE campaign_id = :retune AND rowid NOT IN"
    " (SELECT rowid FROM legs WHERE campaign_id = :retune ORDER BY rowid LIMIT :legs)",
    # as many legs as each is to have: the first ones of the search once more, under other names
    _copied(
        "legs", _LEG, "campaign_id = :retune | name = old.name || '.again.' || i"
        " | request = json_set(request, '$.name', old.name || '.again.' || i)",
        f"(SELECT * FROM legs WHERE campaign_id = :retune ORDER BY rowid LIMIT 1) AS old, {_SERIES.format('legs')}",  # noqa: S608
        "i <= :legs - (SELECT count(*) FROM legs WHERE campaign_id = :retune)",
    ),
    _copied(
        "legs", ("name", "request", *_LEG), "campaign_id = new.id", "legs AS old, campaigns AS new",
        "old.campaign_id = :retune AND new.kind = 'retune' AND new.id > :retune ORDER BY new.id, old.rowid",
    ),
    # an alert each of the re-evaluations, then of as many baselines; one in a hundred is open
    _copied(
        "alerts", _ALERT, "campaign_id = new.id | model_id = new.model_id | cause = 'campaign ' || new.id"
        " | state = CASE new.id % 100 WHEN 0 THEN old.state ELSE 'resolved' END"
        " | resolved_at = CASE new.id % 100 WHEN 0 THEN NULL ELSE old.created_at END",
        "alerts AS old, campaigns AS new",
        "old.campaign_id = :retune AND new.id NOT IN (:retune, :baseline) ORDER BY new.kind DESC, new.id"
        " LIMIT :alerts - 1",
    ),
    "UPDATE alerts SET group_id = id",
    "UPDATE outbox SET state = 'delivered', delivered_at = created_at",
    _copied(
        "outbox", ("url", "payload", "state", "attempts", "next_attempt_at", "created_at", "delivered_at"),
        "id = old.id || '_' || new.id | alert_id = new.id", "outbox AS old, alerts AS new", "new.id > 1",
    ),
)  # fmt: skip


def _spread_dates(store: Store, size: Size) -> None:
    """Due dates over the three months from tomorrow, looks over the day from tomorrow."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for n in range(size.models):
        due, look = tomorrow + timedelta(days=89 * n / size.models), tomorrow + timedelta(days=n / size.models)
        row = (to_text(due), to_text(look), n + 1)
        store.change("UPDATE models SET next_due_at = ?, next_look_at = ? WHERE id = ?", row)
