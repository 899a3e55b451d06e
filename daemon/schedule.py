"""Which campaigns are due: read from the database, so that nothing is lost while no daemon runs."""

from datetime import datetime

from ..strategies.due import next_after_run, parse_every
from ..strategies.space import derive_seed
from .ledger import campaigns_of, open_campaigns, queue_campaign
from .registry import Model, all_models
from .store import Store, to_text


def queue_due(store: Store, now: datetime) -> tuple[int, ...]:
    """Queue a campaign for every active model whose due date has come, and move the due date on.

    A date that was missed while no daemon ran is run once, late; the row keeps both moments. A model whose
    earlier campaign is still open keeps its due date until that one has ended.
    """
    due = [model for model in all_models(store) if _is_due(model, now) and not open_campaigns(store, model.id)]
    return tuple(queued for model in due if (queued := _queue(store, model, now)) is not None)


def campaign_seed(store: Store, model: Model) -> int:
    """The seed of a model's next campaign: from its name, its number and [search] seed, so that it can be had again."""
    number = len(campaigns_of(store, model.id))
    return derive_seed(model.file.search.seed or 0, model.name, "campaign", number)


def _is_due(model: Model, now: datetime) -> bool:
    return model.state == "active" and model.next_due_at is not None and model.next_due_at <= now


def _queue(store: Store, model: Model, now: datetime) -> int | None:
    assert model.next_due_at is not None
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
