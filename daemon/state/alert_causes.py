"""What is wrong by the mere passing of time, as the service's round asks: what waits too long, and for what."""

import json
from dataclasses import dataclass
from datetime import datetime

from .store import Row, Store, from_text, to_text

_MODEL = """models.id AS model_id, models.name AS model, body ->> '$.owner' AS owner,
    coalesce(body -> '$.alerts.tags', '[]') AS tags FROM models
    JOIN model_versions ON model_versions.model_id = models.id AND model_versions.version = models.version"""


@dataclass(frozen=True, slots=True)
class Waits:
    """A re-evaluation that does not run: of which model, since when, and why; `campaign_id` None: none is queued."""

    model_id: int
    model: str
    owner: str
    campaign_id: int | None
    since: datetime
    why: str
    tags: tuple[str, ...] = ()


def waiting_campaigns(store: Store) -> tuple[Waits, ...]:
    """Campaigns of models in use that were queued and have not begun, with the recorded reasons."""
    rows = store.rows(
        f"""SELECT campaigns.id AS campaign_id, campaigns.created_at AS since, coalesce(waits, '') AS why, {_MODEL}
        JOIN campaigns ON campaigns.model_id = models.id
        WHERE ended_at IS NULL AND started_at IS NULL AND waits IS NOT NULL AND models.state <> 'retired'
        ORDER BY campaigns.id"""
    )
    return tuple(map(_waits, rows))


def missed_dates(store: Store, before: datetime) -> tuple[Waits, ...]:
    """Active models whose due date passed before that moment and for which nothing is queued."""
    rows = store.rows(
        f"""SELECT NULL AS campaign_id, next_due_at AS since, '' AS why, {_MODEL}
        WHERE models.state = 'active' AND next_due_at < ? AND NOT EXISTS (SELECT 1 FROM campaigns
            WHERE campaigns.model_id = models.id AND campaigns.ended_at IS NULL) ORDER BY next_due_at""",  # noqa: S608
        (to_text(before),),
    )
    return tuple(map(_waits, rows))


def _waits(row: Row) -> Waits:
    owner, since, tags = row["owner"] or "", from_text(row["since"]), tuple(json.loads(row["tags"]))
    return Waits(row["model_id"], row["model"], owner, row["campaign_id"], since, row["why"], tags)
