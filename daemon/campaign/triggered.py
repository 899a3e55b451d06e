"""How a re-evaluation begins for another cause than its date."""

from datetime import datetime, timedelta

from ..config.schedule_tables import HouseScheduleTable
from ..state.campaigns.campaign_writes import queue_campaign
from ..state.campaigns.campaigns import open_campaigns
from ..state.models.due_dates import has_campaign, move_on
from ..state.models.model_calendar import calendar_of, campaign_seed
from ..state.models.models import find_entry
from ..state.models.registry import Model
from ..state.store import Store


def queue_triggered(
    store: Store, model: Model, trigger: str, reason: str, now: datetime, house: HouseScheduleTable
) -> int | None:
    """Queue a re-evaluation for a cause other than its date, with the reason in words; None while one is open.

    It replaces the next due date where that is closer than the model's cool-down: the campaign then covers that date
    too, which is not queued again.
    """
    with store.transaction():
        entry = find_entry(store, model.id)
        if entry is None or entry.state != "active" or open_campaigns(store, model.id):
            return None
        due_at = entry.next_due_at
        cool_down = timedelta(seconds=model.file.triggers.cool_down_s)
        if due_at is not None and due_at <= now + cool_down and not has_campaign(store, model.id, due_at):
            calendar = calendar_of(model, house, entry.interval_days)
            move_on(store, model.id, calendar.next_due(max(now, due_at), model.anchor_at))
            missed = tuple(calendar.dates(due_at, now, model.anchor_at))
        else:
            due_at, missed = None, ()
        return queue_campaign(
            store, model=entry, kind="retune", trigger=trigger, seed=campaign_seed(store, model), options={}, now=now,
            due_at=due_at, stands_until=missed[-1] if missed else due_at, reason=reason,
        )  # fmt: skip
