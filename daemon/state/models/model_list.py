"""The list of models: of each what a list shows, read by SQL alone, since a model file takes a millisecond to parse."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ....strategies.records import Outcome
from ....strategies.verdict.verdict_records import Verdict, label_of
from ..database_errors import of_row
from ..paging import checked_limit, cursor_after, key_in
from ..store import Row, Store, from_text

_LISTED = """SELECT models.*, settings.configuration, judged.verdict,
    body ->> '$.owner' AS owner, body ->> '$.objective.metric' AS metric, body ->> '$.objective.direction' AS direction,
    body -> '$.alerts.tags' AS tags
    FROM models
    JOIN model_versions ON model_versions.model_id = models.id AND model_versions.version = models.version
    JOIN settings ON settings.model_id = models.id AND settings.version = models.settings_version
    LEFT JOIN campaigns AS judged ON judged.id = (SELECT id FROM campaigns
        WHERE model_id = models.id AND kind = 'retune' AND verdict IS NOT NULL ORDER BY id DESC LIMIT 1)
    WHERE name > :after AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(body, '$.alerts.tags') WHERE value = :tag))
    ORDER BY name LIMIT :limit"""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model in a list. `settings`: the current values, as JSON; `last_verdict` None: it has none yet."""

    name: str
    owner: str
    state: str
    version: int
    settings_version: int
    settings: dict[str, Any]
    metric: str
    direction: str
    next_due_at: datetime | None
    registered_at: datetime
    last_verdict: Outcome | None
    is_critical: bool
    watch: bool
    tags: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The last verdict in a word for tables; empty without one."""
        return "" if self.last_verdict is None else label_of(self.last_verdict, self.is_critical, self.watch)


def list_models(
    store: Store, cursor: str | None, limit: int, tag: str | None = None
) -> tuple[tuple[ListedModel, ...], str | None]:
    """Models in order of name, retired ones included, and the cursor of the next ones; None: there are no more.

    `tag`: only those that have it.
    """
    (after,) = key_in(cursor, "models", (str,)) or ("",)
    rows = store.rows(_LISTED, {"after": after or "", "limit": checked_limit(limit) + 1, "tag": tag})
    models = tuple(_listed(row) for row in rows[:limit])
    return models, cursor_after("models", models[-1].name) if len(rows) > limit else None


def owners(store: Store, most: int) -> tuple[str, ...]:
    """The owners of models, in order of the alphabet; at most so many."""
    rows = store.rows(
        """SELECT DISTINCT body ->> '$.owner' AS owner FROM models
        JOIN model_versions ON model_id = id AND model_versions.version = models.version ORDER BY owner LIMIT ?""",
        (most,),
    )
    return tuple(row["owner"] for row in rows)


def tags(store: Store, most: int) -> tuple[str, ...]:
    """The tags of models, in order of the alphabet; at most so many."""
    rows = store.rows(
        """SELECT DISTINCT tag.value AS tag FROM models
        JOIN model_versions ON model_id = models.id AND model_versions.version = models.version,
        json_each(body, '$.alerts.tags') AS tag ORDER BY tag LIMIT ?""",
        (most,),
    )
    return tuple(row["tag"] for row in rows)


@of_row("a model")
def _listed(row: Row) -> ListedModel:
    last = None if row["verdict"] is None else Verdict.from_json(json.loads(row["verdict"]))
    return ListedModel(
        name=row["name"],
        owner=row["owner"],
        state=row["state"],
        version=row["version"],
        settings_version=row["settings_version"],
        settings=json.loads(row["configuration"]),
        metric=row["metric"],
        direction=row["direction"],
        next_due_at=None if row["next_due_at"] is None else from_text(row["next_due_at"]),
        registered_at=from_text(row["registered_at"]),
        last_verdict=None if last is None else last.outcome,
        is_critical=last is not None and last.critical,
        watch=last is not None and last.watch,
        tags=tuple(json.loads(row["tags"] or "[]")),
    )
