"""Due dates as they are stored, and the campaigns that they became."""

from dataclasses import dataclass
from datetime import datetime

from ....strategies.schedule.due_calendar import Calendar
from ..store import Row, Store, from_text, to_text


@dataclass(frozen=True, slots=True)
class DueModel:
    """A model whose date counts. The date itself is read with the model, so that a broken one keeps back it alone."""

    id: int
    name: str


def due_models(store: Store, now: datetime) -> tuple[DueModel, ...]:
    """Active models that are due and have no open campaign, the longest due first."""
    return tuple(_due(row) for row in store.rows(f"{_OVERDUE} ORDER BY next_due_at, name", (to_text(now),)))


def overdue_since(store: Store, now: datetime) -> datetime | None:
    """Since when a model is due without a campaign; None: none is. For monitoring."""
    row = store.row(f"{_OVERDUE} ORDER BY next_due_at LIMIT 1", (to_text(now),))
    return None if row is None else from_text(row["next_due_at"])


def next_due_model(store: Store) -> tuple[str, datetime] | None:
    """The active model that is due first, by name, and when; None where none will ever be."""
    row = store.row(
        """SELECT name, next_due_at FROM models WHERE state = 'active' AND next_due_at IS NOT NULL
        ORDER BY next_due_at LIMIT 1"""
    )
    return None if row is None else (row["name"], from_text(row["next_due_at"]))


def due_after(store: Store, moment: datetime) -> tuple[DueModel, ...]:
    """Models of any state whose due date is still to come."""
    rows = store.rows("SELECT id, name FROM models WHERE next_due_at > ?", (to_text(moment),))
    return tuple(_due(row) for row in rows)


def stood_for_until(store: Store, model_id: int) -> datetime | None:
    """The last due date that a campaign of the model stands for; None where none does."""
    row = store.row("SELECT max(stands_until) AS until FROM campaigns WHERE model_id = ?", (model_id,))
    return None if row is None or row["until"] is None else from_text(row["until"])


def move_on(store: Store, model_id: int, due_at: datetime | None) -> None:
    """Make that the model's next due date, inside the open transaction; None: it is never due."""
    store.change(
        "UPDATE models SET next_due_at = ? WHERE id = ?", (None if due_at is None else to_text(due_at), model_id)
    )


def has_campaign(store: Store, model_id: int, due_at: datetime) -> bool:
    """Whether a campaign was queued for that due date."""
    found = store.row("SELECT 1 FROM campaigns WHERE model_id = ? AND due_at = ?", (model_id, to_text(due_at)))
    return found is not None


def without_campaign(
    store: Store, model_id: int, calendar: Calendar, due_at: datetime | None, anchor: datetime
) -> datetime | None:
    """The first date from that one on that no campaign was queued for."""
    while due_at is not None and has_campaign(store, model_id, due_at):
        due_at = calendar.next_due(due_at, anchor)
    return due_at


_OVERDUE = """SELECT id, name, next_due_at FROM models WHERE state = 'active' AND next_due_at <= ? AND NOT EXISTS
    (SELECT 1 FROM campaigns WHERE campaigns.model_id = models.id AND campaigns.ended_at IS NULL)"""


def _due(row: Row) -> DueModel:
    return DueModel(row["id"], row["name"])
