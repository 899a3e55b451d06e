"""The history of a model: its settings versions and its campaigns, and what each campaign was measured by."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from ..campaigns.campaigns import Campaign, campaigns_page
from ..paging import Order, checked_limit, cursor_after, key_in
from ..store import Store
from .registry import Model, Settings, settings_of


@dataclass(frozen=True, slots=True)
class Measured:
    """What the campaigns of a version of the model file were measured by."""

    version: int
    metric: str
    lower_is_better: bool


def history_page(
    store: Store, model: Model, order: Order, cursor: str | None, limit: int
) -> tuple[tuple[Settings, ...], tuple[Campaign, ...], tuple[Measured, ...], str | None]:
    """So many settings versions and so many campaigns, what these were measured by, and the cursor of the next ones;
    None: there are no more of either."""
    listing = f"history {order}"
    version, number = key_in(cursor, listing, (int, int)) or (None, None)
    more = checked_limit(limit) + 1
    settings = settings_of(store, model, order, version, more)
    campaigns = campaigns_page(store, model.id, order, number, more)
    is_last = len(settings) <= limit and len(campaigns) <= limit
    settings, campaigns = settings[:limit], campaigns[:limit]
    measured = _measured(store, model.id, {campaign.model_version for campaign in campaigns})
    if is_last:
        return settings, campaigns, measured, None
    last_version = settings[-1].version if settings else version
    last_number = campaigns[-1].id if campaigns else number
    return settings, campaigns, measured, cursor_after(listing, last_version, last_number)


def _measured(store: Store, model_id: int, versions: Collection[int]) -> tuple[Measured, ...]:
    rows = store.rows(
        """SELECT version, body ->> '$.objective.metric' AS metric, body ->> '$.objective.direction' AS direction
        FROM model_versions WHERE model_id = ? AND version IN (SELECT value FROM json_each(?)) ORDER BY version""",
        (model_id, json.dumps(sorted(versions))),
    )
    return tuple(Measured(row["version"], row["metric"], row["direction"] == "minimize") for row in rows)
