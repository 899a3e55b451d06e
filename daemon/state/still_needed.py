"""What campaigns left behind and is needed no longer: folders, snapshots and curves, by the database's rows.

Always needed: an open campaign, and of each model its last finished baseline of the current settings and its last
campaign with a verdict.
"""

from collections.abc import Collection
from datetime import datetime

from .store import Store, to_json, to_text

_NEEDED = """
SELECT max(campaigns.id) AS id FROM campaigns JOIN models ON models.id = model_id
WHERE kind = 'baseline' AND phase = 'done' AND campaigns.settings_version = models.settings_version GROUP BY model_id
UNION SELECT max(id) FROM campaigns WHERE verdict IS NOT NULL GROUP BY model_id
UNION SELECT id FROM campaigns WHERE ended_at IS NULL
"""


def unneeded_campaigns(store: Store, before: datetime, first: int) -> tuple[int, ...]:
    """Campaigns from number `first` on that ended before then and are not needed, in order."""
    rows = store.rows(
        f"SELECT id FROM campaigns WHERE ended_at < ? AND id >= ? AND id NOT IN ({_NEEDED}) ORDER BY id",  # noqa: S608
        (to_text(before), first),
    )
    return tuple(row["id"] for row in rows)


def has_open_campaign(store: Store, model: str) -> bool:
    """Whether the model of that name has an open campaign."""
    row = store.row(
        "SELECT 1 FROM campaigns JOIN models ON models.id = model_id WHERE name = ? AND ended_at IS NULL", (model,)
    )
    return row is not None


def is_snapshot_needed(store: Store, model: str, place: str, since: datetime) -> bool:
    """Whether a needed campaign, or one that has ended since then, took the snapshot whose path holds `place`."""
    row = store.row(
        f"""SELECT 1 FROM campaigns JOIN models ON models.id = model_id
        WHERE name = ? AND instr(json_extract(facts, '$.snapshot'), ?) > 0
        AND (ended_at >= ? OR campaigns.id IN ({_NEEDED}))""",  # noqa: S608
        (model, place, to_text(since)),
    )
    return row is not None


def drop_curves(store: Store, before: datetime, limit: int) -> int:
    """Remove the curves of some legs of campaigns that ended before then and are not needed; how many."""
    with store.transaction():
        return store.change(
            f"""UPDATE legs SET curve = NULL WHERE rowid IN (SELECT legs.rowid FROM legs JOIN campaigns
            ON campaigns.id = campaign_id WHERE campaigns.ended_at < ? AND curve IS NOT NULL
            AND campaigns.id NOT IN ({_NEEDED}) LIMIT ?)""",  # noqa: S608
            (to_text(before), limit),
        )


def models_of_campaigns(store: Store, numbers: Collection[int]) -> tuple[tuple[int, str], ...]:
    """Each of these campaigns that is known, with its model's name."""
    rows = store.rows(
        """SELECT campaigns.id, name FROM campaigns JOIN models ON models.id = model_id
        WHERE campaigns.id IN (SELECT value FROM json_each(?))""",
        (to_json(sorted(numbers)),),
    )
    return tuple((row["id"], row["name"]) for row in rows)


def known_models(store: Store, names: Collection[str]) -> tuple[str, ...]:
    """Those of these names that are a model's."""
    rows = store.rows("SELECT name FROM models WHERE name IN (SELECT value FROM json_each(?))", (to_json(list(names)),))
    return tuple(row["name"] for row in rows)
