"""The record of campaigns: their phases, legs, verdicts and the messages that follow from them.

What a campaign's own process writes goes through its lease (lease.py).
"""

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from ...strategies.errors import UnknownName
from ...strategies.legs.request import request_of
from ...strategies.records import LegEnd, LegResult
from ...strategies.schedule.grants import Grant
from ...strategies.verdict.verdict_records import Verdict
from .campaign_facts import CampaignFacts
from .store import Row, Store, from_text, to_json, to_text

OPEN_PHASES = ("queued", "prepare", "search", "confirm", "causes")


def _facts_in(value: object) -> CampaignFacts:
    return value if isinstance(value, CampaignFacts) else CampaignFacts.from_json(dict(value))  # type: ignore[call-overload]


SentFacts = Annotated[CampaignFacts, PlainSerializer(CampaignFacts.to_json), PlainValidator(_facts_in)]
"""Facts that travel in the form that the database keeps."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One re-evaluation as the database holds it; `facts` are what the phases found and froze.

    `reason`: what made it due, in words; `waits`: why it is not started, in words; `failures`: how often in a row its
    process died without ending it; `grant`: what of the machine the service gave it, None without a service.
    """

    id: int
    model: str
    model_id: int
    model_version: int
    settings_version: int
    kind: str
    trigger: str
    due_at: datetime | None
    phase: str
    seed: int
    options: Mapping[str, Any]
    facts: SentFacts
    verdict: Verdict | None
    failure: str | None
    epoch: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    reason: str | None = None
    priority: int = 0
    waits: str | None = None
    failures: int = 0
    not_before: datetime | None = None
    grant: Grant | None = None

    @property
    def is_open(self) -> bool:
        """True until the campaign is done, failed or cancelled."""
        return self.phase in OPEN_PHASES


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


def _campaign(row: Row) -> Campaign:
    created_at = _moment(row["created_at"])
    assert created_at is not None
    return Campaign(
        id=row["id"],
        model=row["model"],
        model_id=row["model_id"],
        model_version=row["model_version"],
        settings_version=row["settings_version"],
        kind=row["kind"],
        trigger=row["trigger"],
        due_at=_moment(row["due_at"]),
        phase=row["phase"],
        seed=row["seed"],
        options=json.loads(row["options"]),
        facts=CampaignFacts.from_json(json.loads(row["facts"])),
        verdict=None if row["verdict"] is None else Verdict.from_json(json.loads(row["verdict"])),
        failure=row["failure"],
        epoch=row["epoch"],
        created_at=created_at,
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
        reason=row["reason"],
        priority=row["priority"],
        waits=row["waits"],
        failures=row["failures"],
        not_before=_moment(row["not_before"]),
        grant=None if row["resources"] is None else Grant.from_json(json.loads(row["resources"])),
    )


_SELECT = "SELECT campaigns.*, models.name AS model FROM campaigns JOIN models ON models.id = campaigns.model_id"


def find_campaign(store: Store, campaign_id: int) -> Campaign:
    """The campaign of that number; raises UnknownName."""
    row = store.row(f"{_SELECT} WHERE campaigns.id = ?", (campaign_id,))
    if row is None:
        raise UnknownName(f"there is no campaign {campaign_id}", "", "list them with: retuned history NAME")
    return _campaign(row)


def campaigns_of(store: Store, model_id: int, kind: str | None = None) -> tuple[Campaign, ...]:
    """Every campaign of a model, oldest first."""
    rows = store.rows(f"{_SELECT} WHERE model_id = ? ORDER BY campaigns.id", (model_id,))
    return tuple(_campaign(row) for row in rows if kind is None or row["kind"] == kind)


def open_campaigns(store: Store, model_id: int | None = None) -> tuple[Campaign, ...]:
    """Campaigns that still have work to do, baselines first, then in the order they were queued."""
    rows = store.rows(f"{_SELECT} WHERE ended_at IS NULL ORDER BY kind = 'retune', campaigns.id")
    return tuple(_campaign(row) for row in rows if model_id is None or row["model_id"] == model_id)


def queue_campaign(
    store: Store,
    *,
    model: Row,
    kind: str,
    trigger: str,
    seed: int,
    options: Mapping[str, Any],
    now: datetime,
    due_at: datetime | None = None,
    reason: str | None = None,
    priority: int = 0,
) -> int:
    """Insert a queued campaign inside the open transaction; `model` is its row in `models`.

    `priority` is added to that of the model's file; `reason` says in words what made it due.
    """
    return store.insert(
        "campaigns",
        {
            "model_id": model["id"],
            "model_version": model["version"],
            "settings_version": model["settings_version"],
            "kind": kind,
            "trigger": trigger,
            "due_at": None if due_at is None else to_text(due_at),
            "phase": "queued",
            "seed": seed,
            "options": to_json(options),
            "created_at": to_text(now),
            "reason": reason,
            "priority": priority,
        },
    )


def results_of(store: Store, campaign_id: int) -> tuple[LegResult, ...]:
    """The ended legs of a campaign in the order they were planned."""
    rows = store.rows("SELECT * FROM legs WHERE campaign_id = ? AND ended IS NOT NULL ORDER BY rowid", (campaign_id,))
    return tuple(_result(row) for row in rows)


def _result(row: Row) -> LegResult:
    curve = json.loads(zlib.decompress(row["curve"])) if row["curve"] else []
    return LegResult(
        request=request_of(json.loads(row["request"])),
        end=LegEnd(row["ended"]),
        score=row["score"],
        detail=row["detail"],
        metrics={name: math.nan if value is None else value for name, value in json.loads(row["metrics"]).items()},
        curve=tuple((step, score) for step, score in curve),
        seconds=row["seconds"],
        cpu_s=row["cpu_s"],
        peak_memory_bytes=row["peak_memory_bytes"],
        attempts=row["attempts"],
    )


def give_up_campaign(store: Store, campaign: Campaign, reason: str, now: datetime) -> bool:
    """End an open campaign as failed inside the open transaction, as no process of its own can; False when it ended.

    The epoch moves on, so that a process that still comes writes nothing.
    """
    changed = store.change(
        """UPDATE campaigns SET phase = CASE WHEN verdict IS NULL THEN 'failed' ELSE 'done' END, failure = ?,
        epoch = epoch + 1, waits = NULL, ended_at = ? WHERE id = ? AND ended_at IS NULL""",
        (reason, to_text(now), campaign.id),
    )
    return changed == 1


def cancel_campaign(store: Store, campaign: Campaign, now: datetime) -> None:
    """End an open campaign without a verdict; the epoch moves on, so that its process stops at its next look.

    One that was reopened keeps the verdict it had, as after `Lease.fail`.
    """
    with store.transaction():
        store.change(
            """UPDATE campaigns SET phase = CASE WHEN verdict IS NULL THEN 'cancelled' ELSE 'done' END,
            failure = 'cancelled by hand', epoch = epoch + 1, waits = NULL, ended_at = ?
            WHERE id = ? AND ended_at IS NULL""",
            (to_text(now), campaign.id),
        )


def reopen_campaign(store: Store, campaign_id: int, facts: CampaignFacts) -> None:
    """Put an ended campaign back into the confirm phase with these facts in all, inside the open transaction.

    Its verdict stays in its place until there is another.
    """
    store.change(
        """UPDATE campaigns SET phase = 'confirm', failure = NULL, facts = ?, failures = 0, not_before = NULL,
        ended_at = NULL WHERE id = ?""",
        (to_json(facts.to_json()), campaign_id),
    )
