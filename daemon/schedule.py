"""Which campaigns are due: read from the database, so that nothing is lost while no daemon runs."""

from datetime import datetime

from ..strategies.due import next_after_run, parse_every
from ..strategies.errors import RetunedError
from ..strategies.space import derive_seed
from .ledger import campaigns_of, open_campaigns, queue_campaign
from .registry import Model, find_model
from .store import Store, to_text


def queue_due(store: Store, now: datetime) -> tuple[int, ...]:
    """Queue a campaign for every active model whose due date has come, and move the due date on.

    A date that was missed while no daemon ran is run once, late; the row keeps both moments. A model whose
    earlier campaign is still open keeps its due date until that one has ended. A model that cannot be read does
    not keep the others waiting: its error is raised at the end.
    """
    due = store.rows(
        "SELECT name FROM models WHERE state = 'active' AND next_due_at <= ? ORDER BY name", (to_text(now),)
    )
    queued, failures = [], []
    for name in (row["name"] for row in due):
        try:
            queued.append(_queue(store, find_model(store, name), now))
        except RetunedError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return tuple(campaign_id for campaign_id in queued if campaign_id is not None)


def campaign_seed(store: Store, model: Model) -> int:
    """The seed of a model's next campaign: from its name, its number and [search] seed, so that it can be had again."""
    number = len(campaigns_of(store, model.id))
    return derive_seed(model.file.search.seed or 0, model.name, "campaign", number)


def _queue(store: Store, model: Model, now: datetime) -> int | None:
    if model.next_due_at is None or open_campaigns(store, model.id):
        return None
    due_at = next_after_run(model.anchor_at, parse_every(model.file.schedule.every), now)
    with store.transaction():
        row = store.row("SELECT * FROM models WHERE id = ? AND next_due_at = ?", (model.id, to_text(model.next_due_at)))
        if row is None:
            return None  # another process was quicker
        queued = queue_campaign(
            store, model=row, kind="retune", trigger="schedule", seed=campaign_seed(store, model), options={}, now=now,
            due_at=model.next_due_at,
        )  # fmt: skip
        store.change(
            "UPDATE models SET next_due_at = ? WHERE id = ?", (None if due_at is None else to_text(due_at), model.id)
        )
    return queued
