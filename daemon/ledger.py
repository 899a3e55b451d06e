"""The record of campaigns: their phases, legs, verdicts and the messages that follow from them.

One process at a time works on a campaign: the holder of its lease. The lease is a file lock, which the
kernel gives back when the holder dies, and an epoch in the row, which fences off a holder that was only slow.
"""

import fcntl
import json
import math
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..strategies.errors import ConflictError, UnknownName
from ..strategies.judgement import Verdict
from ..strategies.records import LegEnd, LegRequest, LegResult
from .spool import request_of
from .store import Row, Store, from_text, to_json, to_text

OPEN_PHASES = ("queued", "prepare", "search", "confirm", "causes")


@dataclass(frozen=True, slots=True)
class Campaign:
    """One re-evaluation as the database holds it; `facts` are what the phases found and froze."""

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
    facts: Mapping[str, Any]
    verdict: Verdict | None
    failure: str | None
    epoch: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """True until the campaign is done, failed or cancelled."""
        return self.phase in OPEN_PHASES


class LostLease(ConflictError):
    """Another process has taken this campaign over; nothing more may be written for it."""


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
        facts=json.loads(row["facts"]),
        verdict=None if row["verdict"] is None else Verdict.from_json(json.loads(row["verdict"])),
        failure=row["failure"],
        epoch=row["epoch"],
        created_at=created_at,
        started_at=_moment(row["started_at"]),
        ended_at=_moment(row["ended_at"]),
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
) -> int:
    """Insert a queued campaign inside the open transaction; `model` is its row in `models`."""
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


class Lease:
    """The right to work on one campaign, held from `claim` until `release` or the end of the process."""

    def __init__(self, store: Store, campaign_id: int) -> None:
        """Claim the campaign; raises ConflictError while another living process holds it."""
        self._store = store
        self.campaign_id = campaign_id
        self.folder = store.state / "campaigns" / str(campaign_id)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(self.folder / "lease", f"campaign {campaign_id} is already being worked on")
        with store.transaction():
            store.change(
                "UPDATE campaigns SET epoch = epoch + 1, owner = ? WHERE id = ?", (str(os.getpid()), campaign_id)
            )
            self.epoch = find_campaign(store, campaign_id).epoch

    def campaign(self) -> Campaign:
        """The campaign as it stands now."""
        return find_campaign(self._store, self.campaign_id)

    def advance(self, phase: str, facts: Mapping[str, Any], now: datetime) -> Campaign:
        """Move to a phase and add facts to the record."""
        with self._store.transaction():
            merged = {**self._fenced().facts, **facts}
            self._store.change(
                "UPDATE campaigns SET phase = ?, facts = ?, started_at = coalesce(started_at, ?) WHERE id = ?",
                (phase, to_json(merged), to_text(now), self.campaign_id),
            )
        return self.campaign()

    def plan(self, requests: Iterable[LegRequest], now: datetime) -> None:
        """Write down legs that are about to run; those already known are left alone."""
        with self._store.transaction():
            self._fenced()
            for request in requests:
                self._store.change(
                    "INSERT OR IGNORE INTO legs (campaign_id, name, request, planned_at) VALUES (?, ?, ?, ?)",
                    (self.campaign_id, request.name, to_json(asdict(request)), to_text(now)),
                )

    def ingest(self, results: Sequence[LegResult], now: datetime) -> None:
        """Write down how legs ended; a leg that has ended before keeps its first record."""
        with self._store.transaction():
            self._fenced()
            for result in results:
                self._store.change(
                    """UPDATE legs SET ended = ?, score = ?, detail = ?, metrics = ?, curve = ?, seconds = ?,
                    cpu_s = ?, peak_memory_bytes = ?, attempts = ?, ended_at = ?
                    WHERE campaign_id = ? AND name = ? AND ended IS NULL""",
                    (*_outcome_columns(result), to_text(now), self.campaign_id, result.request.name),
                )

    def finish(self, verdict: Verdict | None, facts: Mapping[str, Any], now: datetime) -> Campaign:
        """Mark the campaign done inside the open transaction, so that its alert is committed with it."""
        merged = {**self._fenced().facts, **facts}
        self._store.change(
            "UPDATE campaigns SET phase = 'done', verdict = ?, failure = NULL, facts = ?, ended_at = ? WHERE id = ?",
            (None if verdict is None else to_json(verdict.to_json()), to_json(merged), to_text(now), self.campaign_id),
        )
        return self.campaign()

    def fail(self, phase: str, reason: str, now: datetime) -> None:
        """End the campaign without a verdict: `phase` is 'failed' or 'cancelled'.

        One that was reopened keeps the verdict it had: it is done, and `failure` says why it went no further.
        """
        with self._store.transaction():
            self._fenced()
            self._store.change(
                """UPDATE campaigns SET phase = CASE WHEN verdict IS NULL THEN ? ELSE 'done' END, failure = ?,
                ended_at = ? WHERE id = ?""",
                (phase, reason, to_text(now), self.campaign_id),
            )

    def check(self) -> None:
        """Raise LostLease when another process has taken over or the campaign was cancelled."""
        self._fenced()

    def release(self) -> None:
        """Give the lease back."""
        os.close(self._lock)

    def _fenced(self) -> Campaign:
        campaign = self.campaign()
        if not campaign.is_open:
            raise LostLease(f"campaign {self.campaign_id} has ended: {campaign.failure or campaign.phase}")
        if campaign.epoch != self.epoch:
            raise LostLease(f"campaign {self.campaign_id} was taken over by another process")
        return campaign


def cancel_campaign(store: Store, campaign: Campaign, now: datetime) -> None:
    """End an open campaign without a verdict; the epoch moves on, so that its process stops at its next look.

    One that was reopened keeps the verdict it had, as after `Lease.fail`.
    """
    with store.transaction():
        store.change(
            """UPDATE campaigns SET phase = CASE WHEN verdict IS NULL THEN 'cancelled' ELSE 'done' END,
            failure = 'cancelled by hand', epoch = epoch + 1, ended_at = ? WHERE id = ? AND ended_at IS NULL""",
            (to_text(now), campaign.id),
        )


def reopen_campaign(store: Store, campaign_id: int, facts: Mapping[str, Any]) -> None:
    """Put an ended campaign back into the confirm phase with these facts in all, inside the open transaction.

    Its verdict stays in its place until there is another.
    """
    store.change(
        "UPDATE campaigns SET phase = 'confirm', failure = NULL, facts = ?, ended_at = NULL WHERE id = ?",
        (to_json(facts), campaign_id),
    )


def _lock(path: Path, found: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConflictError(found, "one process a campaign", "wait for it, or end that process") from None
    return descriptor


def _outcome_columns(result: LegResult) -> tuple[object, ...]:
    curve = zlib.compress(json.dumps(result.curve).encode()) if result.curve else None
    return (
        result.end.value,
        result.score,
        result.detail,
        to_json({name: value if math.isfinite(value) else None for name, value in result.metrics.items()}),
        curve,
        result.seconds,
        result.cpu_s,
        result.peak_memory_bytes,
        result.attempts,
    )
