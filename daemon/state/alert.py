"""The list of alerts, open ones first, each with its life and the state of its deliveries. Loads little."""

import json
from dataclasses import dataclass, replace
from datetime import datetime

from ...strategies.alerting.message import AlertMessage
from ...strategies.alerting.texts import answers
from .database_errors import of_row
from .outbox import WITHDRAWN, place_for
from .paging import LAST, MOST, checked_limit, cursor_after, key_in
from .store import Row, Store, from_text, moment_or_none


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it was raised last, how it stands, and the state of its deliveries.

    `severity`: 'alert', or 'digest' for what is not told by itself. `model`, `campaign_id`: None where it is about the
    service. `state`: open, acknowledged, snoozed or resolved. `by`, `note`: the last answer and its reason. `raised`:
    how often its cause was seen. `group_id`: the number of the first alert of those with the same cause.
    """

    id: int
    campaign_id: int | None
    model: str | None
    severity: str
    title: str
    text: str
    is_critical: bool
    created_at: datetime
    deliveries: tuple[str, ...]
    kind: str = ""
    owner: str = ""
    state: str = "open"
    opened_at: datetime | None = None
    told_at: datetime | None = None
    snoozed_until: datetime | None = None
    resolved_at: datetime | None = None
    by: str = ""
    note: str = ""
    resolution: str = ""
    raised: int = 1
    group_id: int = 0


def list_alerts(store: Store, model: str | None = None) -> tuple[Alert, ...]:
    """Every alert, or every one of a model: open ones first, and of each the newest first."""
    alerts, cursor = alerts_page(store, model, None, MOST)
    while cursor is not None:
        more, cursor = alerts_page(store, model, cursor, MOST)
        alerts += more
    return alerts


def alerts_page(
    store: Store, model: str | None, cursor: str | None, limit: int
) -> tuple[tuple[Alert, ...], str | None]:
    """Alerts, those that are not over first, then newest first, and the cursor of the next ones; None: the end."""
    is_over, before = key_in(cursor, "alerts", (int, int)) or (0, LAST)
    wanted = checked_limit(limit) + 1
    rows = [] if is_over else _rows(store, model, "<>", before, wanted)
    if len(rows) < wanted:
        rows += _rows(store, model, "=", before if is_over else LAST, wanted - len(rows))
    alerts = tuple(_alert(store, row) for row in rows[:limit])
    if len(rows) < wanted:
        return alerts, None
    return alerts, cursor_after("alerts", int(alerts[-1].state == "resolved"), alerts[-1].id)


def alerts_numbered(store: Store, numbers: tuple[int, ...]) -> tuple[Alert, ...]:
    """The alerts of these numbers, in their order."""
    rows = (store.row(f"{_SELECT} WHERE alerts.id = ?", (number,)) for number in numbers)
    return tuple(_alert(store, row) for row in rows if row is not None)


_SELECT = "SELECT alerts.*, models.name AS model FROM alerts LEFT JOIN models ON models.id = alerts.model_id"


def _rows(store: Store, model: str | None, compared: str, before: int | None, limit: int) -> list[Row]:
    of_model = "" if model is None else "alerts.model_id = (SELECT id FROM models WHERE name = :model) AND "
    return store.rows(
        f"{_SELECT} WHERE {of_model}alerts.state {compared} 'resolved' AND alerts.id < :before"
        " ORDER BY alerts.id DESC LIMIT :limit",
        {"model": model, "before": LAST if before is None else before, "limit": limit},
    )


@of_row("an alert")
def _alert(store: Store, row: Row) -> Alert:
    deliveries = store.rows("SELECT * FROM outbox WHERE alert_id = ? ORDER BY created_at, rowid", (row["id"],))
    message = AlertMessage.from_json(json.loads(row["message"]))
    if row["state"] != "resolved":
        message = replace(message, commands=(*message.commands, *answers(row["id"])))
    moments = {name: moment_or_none(row[name]) for name in ("opened_at", "told_at", "snoozed_until", "resolved_at")}
    return Alert(
        id=row["id"],
        campaign_id=row["campaign_id"],
        model=row["model"],
        severity="digest" if row["severity"] == "info" else "alert",
        title=message.title,
        text=message.text,
        is_critical=bool(message.details.get("is_critical", row["severity"] == "critical")),
        created_at=from_text(row["created_at"]),
        deliveries=tuple(_delivery_sentence(delivery) for delivery in deliveries),
        kind=row["kind"],
        owner=row["owner"],
        state=row["state"],
        by=row["by"],
        note=row["note"],
        resolution=row["resolution"],
        raised=row["raised"],
        group_id=row["group_id"],
        **moments,
    )


def _delivery_sentence(row: Row) -> str:
    place = place_for(row["channel"], row["url"])
    if row["state"] == "delivered":
        return f"delivered to {place}, {_minute(row['delivered_at'])}"
    failure = f" (attempt {row['attempts']}: {row['last_error']})" if row["last_error"] else ""
    if row["state"] == "dead":
        is_withdrawn = row["last_error"] == WITHDRAWN
        return f"not sent to {place}: {row['last_error']}" if is_withdrawn else f"given up on {place}{failure}"
    return f"waiting for {place}, next attempt {_minute(row['next_attempt_at'])}{failure}"


def _minute(text: str) -> str:
    return f"{from_text(text):%Y-%m-%d %H:%M} UTC"
