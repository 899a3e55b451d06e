"""Rows of lists as plain JSON values, for --json and other programs."""

from datetime import datetime
from typing import Any

from ..state.alert import Alert
from ..state.models.model_list import ListedModel
from ..state.models.schedule_list import Planned


def listed_json(model: ListedModel) -> dict[str, Any]:
    """A model in the list of models."""
    return {
        "name": model.name,
        "owner": model.owner,
        "state": model.state,
        "version": model.version,
        "settings_version": model.settings_version,
        "settings": model.settings,
        "metric": model.metric,
        "direction": model.direction,
        "next_due_at": None if model.next_due_at is None else model.next_due_at.isoformat(),
        "registered_at": model.registered_at.isoformat(),
        "last_verdict": None if model.last_verdict is None else model.last_verdict.value,
        "is_critical": model.is_critical,
        "watch": model.watch,
        "tags": list(model.tags),
    }


def alert_json(alert: Alert) -> dict[str, Any]:
    """An alert and its deliveries."""
    return {
        "id": alert.id,
        "campaign": alert.campaign_id,
        "model": alert.model,
        "severity": alert.severity,
        "title": alert.title,
        "text": alert.text,
        "is_critical": alert.is_critical,
        "created_at": alert.created_at.isoformat(),
        "deliveries": list(alert.deliveries),
        "kind": alert.kind,
        "owner": alert.owner,
        "state": alert.state,
        "opened_at": _moment(alert.opened_at),
        "told_at": _moment(alert.told_at),
        "snoozed_until": _moment(alert.snoozed_until),
        "resolved_at": _moment(alert.resolved_at),
        "by": alert.by,
        "note": alert.note,
        "resolution": alert.resolution,
        "raised": alert.raised,
        "group": alert.group_id,
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def planned_json(planned: Planned) -> dict[str, Any]:
    """A future due date."""
    return {
        "model": planned.model,
        "due_at": planned.due_at.isoformat(),
        "starts_at": planned.starts_at.isoformat(),
        "why": planned.why,
    }
