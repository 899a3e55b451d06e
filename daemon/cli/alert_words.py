"""How an alert stands, in a line."""

from datetime import datetime

from ...strategies.words import age, counted
from ..state.alert import Alert


def standing(alert: Alert, now: datetime) -> str:
    """Number, state, age, who answered and why, and what it is about."""
    state = alert.state
    if alert.state == "snoozed" and alert.snoozed_until is not None:
        state = f"snoozed until {alert.snoozed_until:%Y-%m-%d %H:%M} UTC"
    if alert.state in ("snoozed", "acknowledged"):
        state += f" by {alert.by}" + (f" ({alert.note})" if alert.note else "")
    if alert.state == "resolved":
        on = "" if alert.resolved_at is None else f" since {alert.resolved_at:%Y-%m-%d}"
        state = f"over{on}" + (f": {alert.resolution}" if alert.resolution else "")
    opened = alert.opened_at or alert.created_at
    since = f"[{opened:%Y-%m-%d %H:%M} UTC, {age(now - opened)} ago]"
    about = "" if alert.campaign_id is None else f", campaign {alert.campaign_id}"
    times = f", seen {counted(alert.raised, 'time')}" if alert.raised > 1 else ""
    digest = ", digest only" if alert.severity == "digest" else ""
    return f"{since} alert {alert.id} is {state}{about}{times}{digest}"
