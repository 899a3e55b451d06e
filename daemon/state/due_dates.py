"""Due dates as they are stored, and the campaigns that they became."""

from datetime import datetime

from ...strategies.schedule.due_calendar import Calendar
from .registry import Model
from .store import Store, to_text


def let_stand_for(store: Store, campaign: int, due_at: datetime | None, missed: tuple[datetime, ...]) -> None:
    """Record up to which due date a campaign stands for, so that a clock that is set back brings none of them again."""
    until = missed[-1] if missed else due_at
    if until is not None:
        store.change("UPDATE campaigns SET stands_until = ? WHERE id = ?", (to_text(until), campaign))


def move_on(store: Store, model_id: int, due_at: datetime | None) -> None:
    store.change(
        "UPDATE models SET next_due_at = ? WHERE id = ?", (None if due_at is None else to_text(due_at), model_id)
    )


def has_campaign(store: Store, model_id: int, due_at: datetime) -> bool:
    found = store.row("SELECT 1 FROM campaigns WHERE model_id = ? AND due_at = ?", (model_id, to_text(due_at)))
    return found is not None


def without_campaign(
    store: Store, model: Model, calendar: Calendar, due_at: datetime | None, anchor: datetime
) -> datetime | None:
    """The first date from that one on that no campaign was queued for."""
    while due_at is not None and has_campaign(store, model.id, due_at):
        due_at = calendar.next_due(due_at, anchor)
    return due_at
