"""The legs of campaigns: planned before they run, and recorded once when they end."""

import json
import math
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ....strategies.legs.request import request_of, role_in
from ....strategies.records import LegEnd, LegRequest, LegResult, Role
from ..database_errors import of_row
from ..store import Row, Store, to_json, to_text

Reports = tuple[tuple[float, float], ...]
"""(step, score) of each report."""


@dataclass(frozen=True, slots=True)
class LegState:
    """The state of a leg: `end`, `score` and `seconds` are None until it has ended."""

    name: str
    end: LegEnd | None
    score: float | None
    seconds: float | None


def reports_in(leg: str, stored: bytes) -> Reports:
    """The reports of a leg, as (step, score), from how they are stored."""
    return tuple((step, score) for step, score in json.loads(zlib.decompress(stored)))


def results_of(
    store: Store, campaign_id: int, read: Callable[[str, bytes], Reports] = reports_in
) -> tuple[LegResult, ...]:
    """The ended legs of a campaign in the order they were planned. `read`: what reads the reports of one."""
    rows = store.rows("SELECT * FROM legs WHERE campaign_id = ? AND ended IS NOT NULL ORDER BY rowid", (campaign_id,))
    return tuple(_result(row, read) for row in rows)


def held_out_scores(store: Store, campaign_id: int) -> tuple[tuple[Role, float], ...]:
    """Role and score of the completed legs on held-out rows that have one, in the order they were planned."""
    rows = store.rows(
        """SELECT request ->> '$.role' AS role, request ->> '$.name' AS name, score FROM legs
        WHERE campaign_id = ? AND ended = 'completed' AND score IS NOT NULL
        AND request ->> '$.purpose' IN ('confirm', 'replicate') ORDER BY rowid""",
        (campaign_id,),
    )
    return tuple(_score(row) for row in rows)


@of_row("a training run")
def _score(row: Row) -> tuple[Role, float]:
    said = {"name": row["name"]} if row["role"] is None else {"role": row["role"]}
    return role_in(said), row["score"]


def leg_states(store: Store, campaign_id: int) -> tuple[LegState, ...]:
    """Every leg of a campaign in the order they were planned, without its reports."""
    rows = store.rows(
        "SELECT name, ended, score, seconds FROM legs WHERE campaign_id = ? ORDER BY rowid", (campaign_id,)
    )
    return tuple(
        LegState(row["name"], None if row["ended"] is None else LegEnd(row["ended"]), row["score"], row["seconds"])
        for row in rows
    )


def failure_details(store: Store, campaign_id: int) -> tuple[str, ...]:
    """What is recorded of how legs of a campaign failed, each detail once."""
    rows = store.rows(
        """SELECT DISTINCT detail FROM legs WHERE campaign_id = ? AND detail != ''
        AND ended NOT IN ('completed', 'stopped', 'diverged')""",
        (campaign_id,),
    )
    return tuple(row["detail"] for row in rows)


def planned_legs(store: Store, campaign_id: int) -> frozenset[str]:
    """The names of the recorded legs."""
    rows = store.rows("SELECT name FROM legs WHERE campaign_id = ?", (campaign_id,))
    return frozenset(row["name"] for row in rows)


def count_ended(store: Store, campaign_id: int) -> int:
    """How many legs of a campaign have ended."""
    row = store.row("SELECT count(*) AS n FROM legs WHERE campaign_id = ? AND ended IS NOT NULL", (campaign_id,))
    assert row is not None
    return int(row["n"])


def training_s(store: Store, campaign_id: int) -> float:
    """Seconds of training that a campaign has taken so far, parallel runs added up."""
    row = store.row("SELECT total(seconds) AS seconds FROM legs WHERE campaign_id = ?", (campaign_id,))
    assert row is not None
    return float(row["seconds"])


def hours_used(store: Store, since: datetime) -> dict[int, float]:
    """Hours of training in legs that ended since `since`, parallel runs added up, by model."""
    rows = store.rows(
        """SELECT model_id, total(seconds) AS seconds FROM legs JOIN campaigns ON campaigns.id = legs.campaign_id
        WHERE legs.ended_at >= ? GROUP BY model_id""",
        (to_text(since),),
    )
    return {row["model_id"]: row["seconds"] / 3600.0 for row in rows}


def plan_legs(store: Store, campaign_id: int, requests: Iterable[LegRequest], now: datetime) -> None:
    """Record legs inside the open transaction; those already recorded stay unchanged."""
    for request in requests:
        store.change(
            "INSERT OR IGNORE INTO legs (campaign_id, name, request, planned_at) VALUES (?, ?, ?, ?)",
            (campaign_id, request.name, to_json(asdict(request)), to_text(now)),
        )


def end_legs(store: Store, campaign_id: int, results: Sequence[LegResult], now: datetime) -> None:
    """Record inside the open transaction how legs ended; a leg that ended earlier keeps its first record."""
    for result in results:
        store.change(
            """UPDATE legs SET ended = ?, score = ?, detail = ?, metrics = ?, curve = ?, seconds = ?,
            cpu_s = ?, peak_memory_bytes = ?, node = ?, attempts = ?, ended_at = ?
            WHERE campaign_id = ? AND name = ? AND ended IS NULL""",
            (*_outcome_columns(result), to_text(now), campaign_id, result.request.name),
        )


@of_row("a training run")
def _result(row: Row, read: Callable[[str, bytes], Reports]) -> LegResult:
    return LegResult(
        request=request_of(json.loads(row["request"])),
        end=LegEnd(row["ended"]),
        score=row["score"],
        detail=row["detail"],
        metrics={name: math.nan if value is None else value for name, value in json.loads(row["metrics"]).items()},
        curve=read(row["name"], row["curve"]) if row["curve"] else (),
        seconds=row["seconds"],
        cpu_s=row["cpu_s"],
        peak_memory_bytes=row["peak_memory_bytes"],
        node=row["node"] or "",
        attempts=row["attempts"],
    )


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
        result.node or None,
        result.attempts,
    )
