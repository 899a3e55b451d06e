"""Reading campaigns: their phases, facts and verdicts.

Every change to a row: campaign_writes.py. What a campaign's own process writes goes through its lease (lease.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from ....strategies.errors import UnknownName
from ....strategies.schedule.grants import Grant
from ....strategies.verdict.verdict_records import Verdict
from ..database_errors import of_row
from ..paging import Order
from ..store import Row, Store, moment_or_none, to_text
from .campaign_facts import CampaignFacts

OPEN_PHASES = ("queued", "prepare", "search", "confirm", "causes")


def _facts_in(value: object) -> CampaignFacts:
    return value if isinstance(value, CampaignFacts) else CampaignFacts.from_json(dict(value))  # type: ignore[call-overload]


SentFacts = Annotated[CampaignFacts, PlainSerializer(CampaignFacts.to_json), PlainValidator(_facts_in)]
"""Facts that are sent in their stored form."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One re-evaluation as stored; `facts`: what its phases found and froze.

    `reason`: what made it due; `waits`: why it is not started, or gets no further; `failures`: how often in a row its
    process died without ending it; `grant`: the share of the machine that the service gave it, None without a service.
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


@of_row("a campaign")
def _campaign(row: Row) -> Campaign:
    created_at = moment_or_none(row["created_at"])
    assert created_at is not None
    return Campaign(
        id=row["id"],
        model=row["model"],
        model_id=row["model_id"],
        model_version=row["model_version"],
        settings_version=row["settings_version"],
        kind=row["kind"],
        trigger=row["trigger"],
        due_at=moment_or_none(row["due_at"]),
        phase=row["phase"],
        seed=row["seed"],
        options=json.loads(row["options"]),
        facts=CampaignFacts.from_json(json.loads(row["facts"])),
        verdict=None if row["verdict"] is None else Verdict.from_json(json.loads(row["verdict"])),
        failure=row["failure"],
        epoch=row["epoch"],
        created_at=created_at,
        started_at=moment_or_none(row["started_at"]),
        ended_at=moment_or_none(row["ended_at"]),
        reason=row["reason"],
        priority=row["priority"],
        waits=row["waits"],
        failures=row["failures"],
        not_before=moment_or_none(row["not_before"]),
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


def count_campaigns(store: Store, model_id: int) -> int:
    """How many campaigns the model has had, of every kind."""
    row = store.row("SELECT count(*) AS n FROM campaigns WHERE model_id = ?", (model_id,))
    return int(row["n"]) if row else 0


def finished_baseline(store: Store, model_id: int, settings_version: int) -> Campaign | None:
    """The last finished baseline of a model's settings; None while there is none."""
    row = store.row(
        f"{_SELECT} WHERE model_id = ? AND campaigns.settings_version = ? AND kind = 'baseline' AND phase = 'done'"
        " ORDER BY campaigns.id DESC LIMIT 1",
        (model_id, settings_version),
    )
    return None if row is None else _campaign(row)


def last_verdict(store: Store, model_id: int) -> Verdict | None:
    """The verdict of the model's last re-evaluation that has one; None: none has."""
    row = store.row(
        """SELECT verdict FROM campaigns WHERE model_id = ? AND kind = 'retune' AND verdict IS NOT NULL
        ORDER BY id DESC LIMIT 1""",
        (model_id,),
    )
    return None if row is None else _verdict(row)


@of_row("a verdict")
def _verdict(row: Row) -> Verdict:
    return Verdict.from_json(json.loads(row["verdict"]))


@dataclass(frozen=True, slots=True)
class Occasion:
    """What made a campaign due, and the causes that it found, in a few words each; empty: none is on record."""

    trigger: str
    reason: str
    cause: str


def occasions_of(store: Store, numbers: Sequence[int]) -> Mapping[int, Occasion]:
    """What made these campaigns due and what they found to be the cause, by their numbers."""
    rows = store.rows(
        """SELECT id, trigger, reason, facts ->> '$.causes.summary' AS cause FROM campaigns
        WHERE id IN (SELECT value FROM json_each(?))""",
        (json.dumps(list(numbers)),),
    )
    return {row["id"]: Occasion(row["trigger"], row["reason"] or "", row["cause"] or "") for row in rows}


def campaigns_page(
    store: Store, model_id: int, order: Order, after: int | None, limit: int, phase: str | None = None
) -> tuple[Campaign, ...]:
    """Campaigns of a model that follow the one numbered `after`; None: from the first. `phase`: those in it alone.

    Their facts are without what is large and only reports show: the profile of the data, and a panda's diary.
    """
    compared, direction = order.sql
    in_phase = "" if phase is None else "phase = :phase AND "
    rows = store.rows(
        f"""SELECT campaigns.*, models.name AS model, json_remove(facts, '$.profile', '$.panda') AS facts
        FROM campaigns JOIN models ON models.id = campaigns.model_id
        WHERE model_id = :model AND {in_phase}(:after IS NULL OR campaigns.id {compared} :after)
        ORDER BY campaigns.id {direction} LIMIT :limit""",  # noqa: S608 - words of our own source
        {"model": model_id, "phase": phase, "after": after, "limit": limit},
    )
    return tuple(_campaign(row) for row in rows)


def open_campaigns(store: Store, model_id: int | None = None) -> tuple[Campaign, ...]:
    """Campaigns that have not ended, baselines first, then in the order they were queued."""
    of_model = "" if model_id is None else " AND +model_id = ?"  # few are open: that index is the better one
    rows = store.rows(
        f"{_SELECT} WHERE ended_at IS NULL{of_model} ORDER BY kind = 'retune', campaigns.id",
        () if model_id is None else (model_id,),
    )
    return tuple(_campaign(row) for row in rows)


def ended_since(store: Store, moment: datetime) -> frozenset[int]:
    """The numbers of campaigns that ended after a moment."""
    rows = store.rows("SELECT id FROM campaigns WHERE ended_at > ?", (to_text(moment),))
    return frozenset(row["id"] for row in rows)


def highest_number(store: Store) -> int:
    """The number of the newest campaign; 0 where there is none."""
    row = store.row("SELECT coalesce(max(id), 0) AS id FROM campaigns")
    return int(row["id"]) if row else 0


def last_compute_s(store: Store, model_id: int, kind: str) -> float | None:
    """Seconds of training that the model's last finished campaign of a kind took; None: there is none, or it was not
    timed."""
    row = store.row(
        """SELECT facts ->> '$.compute_s' AS seconds FROM campaigns
        WHERE model_id = ? AND kind = ? AND phase = 'done' ORDER BY id DESC LIMIT 1""",
        (model_id, kind),
    )
    return None if row is None or row["seconds"] is None else float(row["seconds"])
