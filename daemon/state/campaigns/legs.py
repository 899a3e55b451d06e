"""The legs of campaigns: planned before they run, and written down once when they end."""

import json
import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ....strategies.legs.request import request_of
from ....strategies.records import LegEnd, LegRequest, LegResult
from ..store import Row, Store, to_json, to_text


@dataclass(frozen=True, slots=True)
class LegState:
    """How far a leg is: `end`, `score` and `seconds` are None until it has ended."""

    name: str
    end: LegEnd | None
    score: float | None
    seconds: float | None


def results_of(store: Store, campaign_id: int) -> tuple[LegResult, ...]:
    """The ended legs of a campaign in the order they were planned."""
    rows = store.rows("SELECT * FROM legs WHERE campaign_id = ? AND ended IS NOT NULL ORDER BY rowid", (campaign_id,))
    return tuple(_result(row) for row in rows)


def leg_states(store: Store, campaign_id: int) -> tuple[LegState, ...]:
    """Every leg of a campaign in the order they were planned, without what it reported."""
    rows = store.rows(
        "SELECT name, ended, score, seconds FROM legs WHERE campaign_id = ? ORDER BY rowid", (campaign_id,)
    )
    return tuple(
        LegState(row["name"], None if row["ended"] is None else LegEnd(row["ended"]), row["score"], row["seconds"])
        for row in rows
    )


def planned_legs(store: Store, campaign_id: int) -> frozenset[str]:
    """The names of the legs that were written down."""
    rows = store.rows("SELECT name FROM legs WHERE campaign_id = ?", (campaign_id,))
    return frozenset(row["name"] for row in rows)


def leg_counts(store: Store, campaign_id: int) -> tuple[int, int]:
    """How many legs of a campaign are planned, and how many of these have ended."""
    row = store.row("SELECT count(*) AS planned, count(ended) AS done FROM legs WHERE campaign_id = ?", (campaign_id,))
    assert row is not None
    return row["planned"], row["done"]


def count_ended(store: Store, campaign_id: int) -> int:
    """How many legs of a campaign have ended."""
    row = store.row("SELECT count(*) AS n FROM legs WHERE campaign_id = ? AND ended IS NOT NULL", (campaign_id,))
    assert row is not None
    return int(row["n"])


def training_s(store: Store, campaign_id: int) -> float:
    """Seconds of training that a campaign has taken until now, parallel trainings added up."""
    row = store.row("SELECT total(seconds) AS seconds FROM legs WHERE campaign_id = ?", (campaign_id,))
    assert row is not None
    return float(row["seconds"])


def hours_used(store: Store, since: datetime) -> dict[int, float]:
    """Hours of training that ended since then, parallel trainings added up, by model."""
    rows = store.rows(
        """SELECT model_id, total(seconds) AS seconds FROM legs JOIN campaigns ON campaigns.id = legs.campaign_id
        WHERE legs.ended_at >= ? GROUP BY model_id""",
        (to_text(since),),
    )
    return {row["model_id"]: row["seconds"] / 3600.0 for row in rows}


def baseline_run_s(store: Store, model_id: int) -> float | None:
    """Seconds that a run of the model's last finished baseline took on average; None where there is none."""
    row = store.row(
        """SELECT total(seconds) AS seconds, count(*) AS runs FROM legs WHERE name LIKE 'replicate.%' AND campaign_id =
        (SELECT max(id) FROM campaigns WHERE model_id = ? AND kind = 'baseline' AND phase = 'done')""",
        (model_id,),
    )
    return None if row is None or not row["runs"] else float(row["seconds"]) / int(row["runs"])


def plan_legs(store: Store, campaign_id: int, requests: Iterable[LegRequest], now: datetime) -> None:
    """Write legs down inside the open transaction; those already known are left alone."""
    for request in requests:
        store.change(
            "INSERT OR IGNORE INTO legs (campaign_id, name, request, planned_at) VALUES (?, ?, ?, ?)",
            (campaign_id, request.name, to_json(asdict(request)), to_text(now)),
        )


def end_legs(store: Store, campaign_id: int, results: Sequence[LegResult], now: datetime) -> None:
    """Write down inside the open transaction how legs ended; one that has ended before keeps its first record."""
    for result in results:
        store.change(
            """UPDATE legs SET ended = ?, score = ?, detail = ?, metrics = ?, curve = ?, seconds = ?,
            cpu_s = ?, peak_memory_bytes = ?, attempts = ?, ended_at = ?
            WHERE campaign_id = ? AND name = ? AND ended IS NULL""",
            (*_outcome_columns(result), to_text(now), campaign_id, result.request.name),
        )


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
