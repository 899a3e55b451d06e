"""A stored model's calendar: what is due when, and how often."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from ....strategies.schedule.adaptive_interval import interval_of
from ....strategies.schedule.due_calendar import Calendar
from ....strategies.space import derive_seed
from ...config.schedule_tables import HouseScheduleTable, days_in
from ..campaigns.campaigns import campaigns_of
from ..store import Store
from .models import ModelEntry, entries_with_dates
from .registry import Model, model_of

PREVIEWED = 400


@dataclass(frozen=True, slots=True)
class Planned:
    """A due date to come: when it is due, when it may start by its windows, and by which rule."""

    model: str
    due_at: datetime
    starts_at: datetime
    why: str


def preview(
    store: Store, house: HouseScheduleTable, now: datetime, months: int = 12, name: str | None = None
) -> tuple[Planned, ...]:
    """The due dates of all active models, or of one, in the months to come, in order of time."""
    until = now + timedelta(days=30.44 * months)
    entries = entries_with_dates(store, name)
    planned = [one for entry in entries for one in islice(_planned(store, entry, house, until), PREVIEWED)]
    return tuple(sorted(planned, key=lambda one: (one.due_at, one.model)))


def calendar_of(model: Model, house: HouseScheduleTable, interval_days: int | None = None) -> Calendar:
    """The due dates of a registered model."""
    return model.file.schedule.calendar(house, model.name, interval_days)


def campaign_seed(store: Store, model: Model) -> int:
    """The seed of a model's next campaign: from its name, its number and [search] seed, so that it can be had again."""
    number = len(campaigns_of(store, model.id))
    return derive_seed(model.file.search.seed or 0, model.name, "campaign", number)


def campaigns_a_year(store: Store, model: Model, now: datetime) -> float:
    """How many re-evaluations share the year's error budget: those of the schedule, or those that the last 365 days
    brought without a person's asking, this one included, where they are more."""
    since = now - timedelta(days=365)
    unasked = sum(
        each.trigger != "manual" and since < each.created_at <= now and each.phase not in ("cancelled", "failed")
        for each in campaigns_of(store, model.id, "retune")
        if not each.is_open
    )
    scheduled = model.file.schedule.calendar(HouseScheduleTable(), model.name).campaigns_a_year
    return max(scheduled, 1.0 + unasked if unasked else 0.0)


def _planned(store: Store, entry: ModelEntry, house: HouseScheduleTable, until: datetime) -> Iterator[Planned]:
    model = model_of(store, entry)
    calendar = calendar_of(model, house, entry.interval_days)
    moment, why = entry.next_due_at, _rule(model, entry)
    while moment is not None and moment <= until:
        yield Planned(model.name, moment, calendar.starts_at(moment), why)
        moment = calendar.next_due(moment, model.anchor_at)


def _rule(model: Model, entry: ModelEntry) -> str:
    table = model.file.schedule
    if table.is_auto:
        first = interval_of((), days_in(table.shortest), days_in(table.longest))
        return f"auto: {entry.interval_reason or first.reason}"
    if table.cron is not None:
        return f"cron {table.cron}"
    every = " ".join(table.every.lower().split())
    return every if every.startswith("every") else f"every {every}"
