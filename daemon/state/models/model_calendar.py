"""A stored model's calendar: when it is due, and how often."""

from datetime import datetime, timedelta

from ....strategies.schedule.due_calendar import Calendar
from ....strategies.space import derive_seed
from ...config.schedule_tables import HouseScheduleTable
from ..campaigns.campaigns import campaigns_of, count_campaigns
from ..store import Store
from .registry import Model


def calendar_of(model: Model, house: HouseScheduleTable, interval_days: int | None = None) -> Calendar:
    """The due dates of a registered model."""
    return model.file.schedule.calendar(house, model.name, interval_days)


def campaign_seed(store: Store, model: Model) -> int:
    """The seed of a model's next campaign: from its name, its number and [search] seed, so that it is reproducible."""
    number = count_campaigns(store, model.id)
    return derive_seed(model.file.search.seed or 0, model.name, "campaign", number)


def campaigns_a_year(store: Store, model: Model, now: datetime) -> float:
    """How many re-evaluations share the year's error budget: the scheduled ones, or those of the last 365 days that no
    person requested, including the next one, if they are more."""
    since = now - timedelta(days=365)
    automatic = sum(
        campaign.trigger != "manual"
        and since < campaign.created_at <= now
        and campaign.phase not in ("cancelled", "failed")
        for campaign in campaigns_of(store, model.id, "retune")
        if not campaign.is_open
    )
    scheduled = model.file.schedule.calendar(HouseScheduleTable(), model.name).campaigns_a_year
    return max(scheduled, 1.0 + automatic if automatic else 0.0)
