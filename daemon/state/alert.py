"""Alerts: a row for `retuned alerts`, and a message for every channel, in the transaction of the verdict."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...strategies.words import readable
from ..masking import masked
from .database_errors import of_row
from .faults import INSTALLATION, get_fact, put_fact
from .numbers import next_number
from .outbox import enqueue, place_for
from .paging import LAST, MOST, checked_limit, cursor_after, key_in
from .store import Row, Store, from_text, to_json, to_text

if TYPE_CHECKING:
    from ...strategies.verdict.notice import Notice
    from ..config.config import Config
    from .campaigns.campaigns import Campaign
    from .models.registry import Model


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it was raised, and the state of its deliveries."""

    id: int
    campaign_id: int
    model: str
    severity: str
    title: str
    text: str
    is_critical: bool
    created_at: datetime
    deliveries: tuple[str, ...]


def raise_alert(
    store: Store,
    model: "Model",
    campaign: "Campaign",
    notice: "Notice",
    details: Mapping[str, Any],
    config: "Config",
    now: datetime,
) -> None:
    """Record an alert and queue its messages inside the open transaction; a digest entry sends nothing.

    A campaign has one alert: the alert of a continued campaign replaces its earlier one, as a new message.
    """
    notice = _for_people(notice)
    body = {
        "type": f"retuned.{notice.severity}",
        "timestamp": to_text(now),
        "text": notice.text,  # what Slack, Mattermost and others show of a message
        "data": {
            "model": model.name, "owner": readable(model.file.owner), "campaign": campaign.id, "title": notice.title,
            "text": notice.text, "sentences": list(notice.sentences), "commands": list(notice.commands), **details,
        },
    }  # fmt: skip
    row = {
        "campaign_id": campaign.id, "model_id": model.id, "severity": notice.severity, "title": notice.title,
        "body": to_json(body), "created_at": to_text(now),
    }  # fmt: skip
    replaced = _replaced(store, row)
    alert_id = store.insert("alerts", {"id": next_number(store, "alerts"), **row}) if replaced is None else replaced
    url, secret = _channel(model, config)
    if notice.severity == "alert" and url is not None:
        enqueue(
            store, message_id=_message_id(store, campaign, now), alert_id=alert_id, url=url,
            secret_reference=secret, payload=to_json(body), now=now,
        )  # fmt: skip


def _for_people(notice: "Notice") -> "Notice":
    """The notice with nothing in it that acts on a terminal or a chat, and no secret: it quotes names of data columns,
    metrics and files, and what trainings wrote."""
    return replace(
        notice,
        title=readable(masked(notice.title)),
        sentences=tuple(readable(masked(sentence)) for sentence in notice.sentences),
        commands=tuple(readable(command) for command in notice.commands),
    )


def list_alerts(store: Store, model: str | None = None) -> tuple[Alert, ...]:
    """Every alert, or every one of a model, newest first."""
    alerts, cursor = alerts_page(store, model, None, MOST)
    while cursor is not None:
        more, cursor = alerts_page(store, model, cursor, MOST)
        alerts += more
    return alerts


def alerts_page(
    store: Store, model: str | None, cursor: str | None, limit: int
) -> tuple[tuple[Alert, ...], str | None]:
    """Alerts, newest first, and the cursor of the next ones; None: there are no more."""
    (before,) = key_in(cursor, "alerts", (int,)) or (None,)
    of_model = "" if model is None else "models.name = :model AND "
    rows = store.rows(
        "SELECT alerts.*, models.name AS model FROM alerts JOIN models ON models.id = alerts.model_id "  # noqa: S608
        f"WHERE {of_model}alerts.id < :before ORDER BY alerts.id DESC LIMIT :limit",
        {"model": model, "before": LAST if before is None else before, "limit": checked_limit(limit) + 1},
    )
    alerts = tuple(_alert(store, row) for row in rows[:limit])
    return alerts, cursor_after("alerts", alerts[-1].id) if len(rows) > limit else None


def alert_times(store: Store, model_id: int) -> Mapping[int, datetime]:
    """When each campaign of a model had its alert raised, by the campaign's number; those without one are left out."""
    rows = store.rows("SELECT campaign_id, created_at FROM alerts WHERE model_id = ?", (model_id,))
    return {row["campaign_id"]: from_text(row["created_at"]) for row in rows}


def _replaced(store: Store, row: Row) -> int | None:
    """The number of the campaign's alert, updated with this row; None if it has none yet."""
    earlier = store.row("SELECT id FROM alerts WHERE campaign_id = ?", (row["campaign_id"],))
    if earlier is None:
        return None
    store.change(
        """UPDATE alerts SET severity = :severity, title = :title, body = :body, created_at = :created_at
        WHERE campaign_id = :campaign_id""",
        {name: row[name] for name in ("severity", "title", "body", "created_at", "campaign_id")},
    )
    return int(earlier["id"])


def _message_id(store: Store, campaign: "Campaign", now: datetime) -> str:
    """An id of this message alone, of all installations: receivers drop ids that they have seen."""
    continued = 0 if campaign.facts.continued is None else len(campaign.facts.continued.earlier_verdicts)
    return f"msg_{installation_of(store, now)}_{campaign.id}" + (f"_{continued}" if continued else "")


def installation_of(store: Store, now: datetime) -> str:
    """The id of this state folder, made inside the open transaction where there is none yet."""
    known = get_fact(store, INSTALLATION)
    if known is not None:
        return str(known[0])
    made = secrets.token_hex(8)
    put_fact(store, INSTALLATION, made, now)
    return made


def _channel(model: "Model", config: "Config") -> tuple[str | None, str | None]:
    if model.file.alerts.webhook is not None:
        return model.file.alerts.webhook, model.file.alerts.webhook_secret
    return config.alerts.webhook, config.alerts.webhook_secret


@of_row("an alert")
def _alert(store: Store, row: Row) -> Alert:
    deliveries = store.rows("SELECT * FROM outbox WHERE alert_id = ? ORDER BY created_at", (row["id"],))
    data = json.loads(row["body"])["data"]
    return Alert(
        id=row["id"],
        campaign_id=row["campaign_id"],
        model=row["model"],
        severity=row["severity"],
        title=row["title"],
        text=data["text"],
        is_critical=data.get("is_critical", False),
        created_at=from_text(row["created_at"]),
        deliveries=tuple(_delivery_sentence(delivery) for delivery in deliveries),
    )


def _delivery_sentence(row: Row) -> str:
    place = place_for(row["channel"], row["url"])
    if row["state"] == "delivered":
        return f"delivered to {place}, {_minute(row['delivered_at'])}"
    failure = f" (attempt {row['attempts']}: {row['last_error']})" if row["last_error"] else ""
    if row["state"] == "dead":
        return f"given up on {place}{failure}"
    return f"waiting for {place}, next attempt {_minute(row['next_attempt_at'])}{failure}"


def _minute(text: str) -> str:
    return f"{from_text(text):%Y-%m-%d %H:%M} UTC"
