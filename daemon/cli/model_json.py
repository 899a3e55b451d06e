"""A model as plain JSON values, for --json and other programs."""

from datetime import datetime
from typing import Any

from ...strategies.records import plain
from ...strategies.verdict.verdict_records import Verdict
from ..state.models.cool_down import CoolDown
from ..state.models.registry import Model


def model_json(model: Model, last: Verdict | None) -> dict[str, Any]:
    """A model and its state; `last` is its last verdict."""
    return {
        "name": model.name,
        "owner": model.file.owner,
        "state": model.state,
        "version": model.version,
        "settings_version": model.settings_version,
        "settings": plain(model.configuration),
        "metric": model.file.goal.metric,
        "direction": model.file.goal.direction,
        "next_due_at": None if model.next_due_at is None else model.next_due_at.isoformat(),
        "registered_at": model.registered_at.isoformat(),
        "last_verdict": None if last is None else last.outcome.value,
        "is_critical": last is not None and last.critical,
        "watch": last is not None and last.watch,
        "tags": list(model.file.alerts.tags),
    }


def looks_json(next_look_at: datetime | None, cool_down: CoolDown | None) -> dict[str, Any]:
    """When a model is looked at for changes next, and until when none makes it due."""
    return {
        "next_look_at": None if next_look_at is None else next_look_at.isoformat(),
        "cool_down_until": None if cool_down is None else cool_down.until.isoformat(),
    }
