"""Every column that holds a moment, and what becomes of it when the clock is set back."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from .store import Store, from_text, to_text


class Follows(StrEnum):
    """How a column follows a clock that is set back. Otherwise what was put off while it was ahead waits until then."""

    NOT = "it says when something happened; readers bear moments that are still to come"
    SHIFTED = "it moves back by as much as the clock, at the earliest to now"
    CALENDAR = "it is computed again from the calendar (service/schedule.py)"
    CHECKED_NOW = "what it puts off is done now (change_checks.py)"


MOMENTS: Mapping[str, Follows] = {
    "models.anchor_at": Follows.NOT,
    "models.next_due_at": Follows.CALENDAR,
    "models.registered_at": Follows.NOT,
    "models.next_look_at": Follows.CHECKED_NOW,
    "model_versions.created_at": Follows.NOT,
    "settings.created_at": Follows.NOT,
    "campaigns.due_at": Follows.NOT,
    "campaigns.stands_until": Follows.CALENDAR,
    "campaigns.not_before": Follows.SHIFTED,
    "campaigns.created_at": Follows.NOT,
    "campaigns.started_at": Follows.NOT,
    "campaigns.ended_at": Follows.NOT,
    "legs.planned_at": Follows.NOT,
    "legs.ended_at": Follows.NOT,
    "alerts.created_at": Follows.NOT,
    "alerts.opened_at": Follows.NOT,
    "alerts.told_at": Follows.SHIFTED,
    "alerts.asked_at": Follows.SHIFTED,
    "alerts.snoozed_until": Follows.SHIFTED,
    "alerts.escalated_at": Follows.NOT,
    "alerts.resolved_at": Follows.NOT,
    "alert_events.at": Follows.NOT,
    "outbox.next_attempt_at": Follows.SHIFTED,
    "outbox.created_at": Follows.NOT,
    "outbox.delivered_at": Follows.NOT,
    "attempts.began_at": Follows.NOT,
    "attempts.ended_at": Follows.NOT,
    "channel_alerts.next_send_at": Follows.SHIFTED,
    "looks.looked_at": Follows.NOT,
    "tokens.created_at": Follows.NOT,
    "tokens.last_used_at": Follows.NOT,
    "tokens.revoked_at": Follows.NOT,
    "service_facts.at": Follows.NOT,
    "faults.at": Follows.NOT,
    "removed_models.removed_at": Follows.NOT,
    "adoptions.adopted_at": Follows.NOT,
    "adoptions.hook_ended_at": Follows.NOT,
    "adoptions.measured_at": Follows.NOT,
    "auto_adoptions.decided_at": Follows.NOT,
    "audit.at": Follows.NOT,
}
"""By table and column; a test compares them with the schema."""


def shift_back(store: Store, before: datetime, now: datetime) -> int:
    """Move what was put off by a clock that showed `before` and now shows `now`; how many moments moved."""
    moved = 0
    with store.transaction():
        for name in (name for name, follows in MOMENTS.items() if follows is Follows.SHIFTED):
            table, column = name.split(".")
            later = f"SELECT rowid AS number, {column} AS at FROM {table} WHERE {column} > ?"  # noqa: S608 - as above
            rows = store.rows(later, (to_text(now),))
            for row in rows:
                at = max(now, from_text(row["at"]) - (before - now))
                change = f"UPDATE {table} SET {column} = ? WHERE rowid = ?"  # noqa: S608 - as above
                store.change(change, (to_text(at), row["number"]))
            moved += len(rows)
    return moved
