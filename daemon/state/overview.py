"""Counts over all models and campaigns, for health and metrics; an index answers each query."""

from dataclasses import dataclass
from datetime import datetime

from .database_errors import of_row
from .store import Row, Store, from_text

_OPEN = """SELECT campaigns.id, models.name AS model, kind, phase, waits, campaigns.created_at,
    campaigns.started_at, facts ->> '$.seconds_expected' AS seconds_expected
    FROM campaigns JOIN models ON models.id = model_id WHERE ended_at IS NULL"""

_JUDGED = """SELECT last_verdicts.*, campaigns.ended_at, campaigns.settings_version AS judged_version,
    verdict ->> '$.outcome' AS outcome
    FROM (SELECT name, next_due_at, settings_version, (SELECT max(id) FROM campaigns
        WHERE model_id = models.id AND kind = 'retune' AND verdict IS NOT NULL) AS last
        FROM models WHERE state = 'active' AND next_due_at IS NOT NULL ORDER BY next_due_at LIMIT ?) AS last_verdicts
    LEFT JOIN campaigns ON campaigns.id = last_verdicts.last ORDER BY next_due_at"""


@dataclass(frozen=True, slots=True)
class OpenCampaign:
    """An open campaign in brief; `seconds_expected`: from its start to its end, None: unknown yet."""

    id: int
    model: str
    kind: str
    phase: str
    waits: str | None
    created_at: datetime
    started_at: datetime | None
    seconds_expected: float | None


@dataclass(frozen=True, slots=True)
class JudgedModel:
    """A model with a due date, and its last verdict; `judged_at` None: it has none yet.

    `is_of_current`: whether the verdict is on the current settings.
    """

    name: str
    due_at: datetime
    judged_at: datetime | None
    outcome: str | None
    is_of_current: bool


def models_by_state(store: Store) -> tuple[tuple[str, int], ...]:
    """How many models there are in each state, in order."""
    rows = store.rows("SELECT state, count(*) AS n FROM models GROUP BY state ORDER BY state")
    return tuple((row["state"], row["n"]) for row in rows)


def campaigns_by_phase(store: Store) -> dict[str, int]:
    """How many campaigns there are in each phase."""
    rows = store.rows("SELECT phase, count(*) AS n FROM campaigns GROUP BY phase")
    return {row["phase"]: row["n"] for row in rows}


def verdicts_by_outcome(store: Store) -> dict[str, int]:
    """How many verdicts there are of each outcome."""
    rows = store.rows(  # counted by the index on this very expression
        """SELECT verdict ->> '$.outcome' AS outcome, count(*) AS n FROM campaigns WHERE verdict IS NOT NULL
        GROUP BY verdict ->> '$.outcome'"""
    )
    return {row["outcome"]: row["n"] for row in rows}


def count_open(store: Store) -> int:
    """How many campaigns are open."""
    row = store.row("SELECT count(*) AS n FROM campaigns WHERE ended_at IS NULL")
    assert row is not None
    return int(row["n"])


def leg_counts(store: Store, campaign_id: int) -> tuple[int, int]:
    """How many legs of a campaign are planned, and how many of them have ended."""
    row = store.row("SELECT count(*) AS planned, count(ended) AS done FROM legs WHERE campaign_id = ?", (campaign_id,))
    assert row is not None
    return row["planned"], row["done"]


def claimed_campaigns(store: Store) -> tuple[OpenCampaign, ...]:
    """Open campaigns that a process has claimed; only these can have one working on them."""
    return tuple(_open(row) for row in store.rows(f"{_OPEN} AND epoch > 0 ORDER BY campaigns.id"))


def first_open(store: Store, limit: int) -> tuple[OpenCampaign, ...]:
    """The first open campaigns; thousands may be queued after a bulk import."""
    return tuple(_open(row) for row in store.rows(f"{_OPEN} ORDER BY campaigns.id LIMIT ?", (limit,)))


def open_of_model(store: Store, model_id: int) -> tuple[OpenCampaign, ...]:
    """The open campaigns of a model, baselines first, then in the order they were queued."""
    # few are open: that index is the better one
    rows = store.rows(f"{_OPEN} AND +model_id = ? ORDER BY kind = 'retune', campaigns.id", (model_id,))
    return tuple(_open(row) for row in rows)


def next_models_due(store: Store, limit: int) -> tuple[JudgedModel, ...]:
    """The active models due next, each with its last verdict."""
    return tuple(_judged(row) for row in store.rows(_JUDGED, (limit,)))


@of_row("a campaign")
def _open(row: Row) -> OpenCampaign:
    expected_s = row["seconds_expected"]
    return OpenCampaign(
        id=row["id"],
        model=row["model"],
        kind=row["kind"],
        phase=row["phase"],
        waits=row["waits"],
        created_at=from_text(row["created_at"]),
        started_at=None if row["started_at"] is None else from_text(row["started_at"]),
        seconds_expected=None if expected_s is None else float(expected_s),
    )


@of_row("a model")
def _judged(row: Row) -> JudgedModel:
    return JudgedModel(
        name=row["name"],
        due_at=from_text(row["next_due_at"]),
        judged_at=None if row["ended_at"] is None else from_text(row["ended_at"]),
        outcome=row["outcome"],
        is_of_current=row["judged_version"] == row["settings_version"],
    )
