"""What people answer to alerts: seen, not now, now again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...strategies.alerting.groups import Telling
from ...strategies.alerting.life_cycle import Life, State, acknowledged, snoozed, unsnoozed
from ...strategies.alerting.message import Event
from ...strategies.errors import ConflictError, InputError, RetunedError, UnknownName
from ...strategies.words import age, readable
from ..masking import masked
from .alert_messages import withdraw_untried
from .alert_rows import AlertRow, add_event, alert_numbered, living_members, save_alert, unresolved_alerts
from .alert_telling import tell
from .audit import Snapshot
from .models.models import known_entry
from .store import Store

if TYPE_CHECKING:
    from ..config.config import Config

LONGEST_SNOOZE = timedelta(days=366)
LONGEST_NOTE = 500  # characters
MOST_IN_AUDIT = 100  # alerts of one answer


def acknowledge(
    store: Store, number: int, by: str, note: str, config: "Config", now: datetime
) -> tuple[int, ...]:  # fmt: skip
    """Someone has seen an alert, and with it those of its group that are open now: they are not told again.

    Their numbers. Raises UnknownName, ConflictError for one that is over, InputError for a note without bounds.
    """
    note = _checked(note, "note")
    with store.transaction():
        rows = _open_group(store, number)
        told = [row for row in rows if row.life.is_told and row.life.state is not State.ACKNOWLEDGED]
        done = _answer(store, rows, acknowledged, "acknowledged", by, note, now)
        if told:
            answered = [row for row in done if row.id in {each.id for each in told}]
            tell(store, Telling(Event.ACKNOWLEDGED, tuple(row.id for row in answered)), answered, config, now)
    return tuple(row.id for row in rows)


def snooze(store: Store, named: str, seconds: float, by: str, reason: str, now: datetime) -> tuple[int, ...]:
    """Put off an alert by its number, with its group, or all that are open of a model; the numbers of the alerts.

    Raises what `acknowledge` raises, and InputError without a reason or for a time out of bounds.
    """
    reason = _checked(reason, "reason")
    if not reason:
        raise InputError("the reason is empty", "allowed: a few words, told when the snooze ends", 'add --reason "..."')
    if not 0 < seconds <= LONGEST_SNOOZE.total_seconds():
        raise InputError(
            f"a snooze of {age(timedelta(seconds=seconds))}", "allowed: up to 366 days", "for instance --for 14d"
        )
    until = now + timedelta(seconds=seconds)
    with store.transaction():
        rows = _named(store, named)
        _answer(store, rows, lambda life: snoozed(life, until), "snoozed", by, reason, now)
    return tuple(row.id for row in rows)


def unsnooze(store: Store, named: str, by: str, now: datetime) -> tuple[int, ...]:
    """End the snooze of an alert by its number, with its group, or of a model's; the numbers of the alerts.

    Raises what `acknowledge` raises, and ConflictError where none is snoozed.
    """
    with store.transaction():
        rows = [row for row in _named(store, named) if row.life.state is State.SNOOZED]
        if not rows:
            found = f"alert {named} is not snoozed" if named.isdecimal() else f"no alert of {named} is snoozed"
            raise ConflictError(found, "a snoozed alert", "see: retuned alerts")
        _answer(store, rows, lambda life: unsnoozed(life, now), "unsnoozed", by, "", now)
    return tuple(row.id for row in rows)


def snapshot_of_named(store: Store, named: str) -> Snapshot:
    """The states, for the audit, of the open alerts that a number or a model's name stands for; empty where it stands
    for none."""
    try:
        rows = _named(store, named)
    except RetunedError:
        return {}
    return {f"alert {row.id}": _state(row.life) for row in rows[:MOST_IN_AUDIT]}


def model_of_named(store: Store, named: str) -> str | None:
    """The model that a number of an alert, or a model's name, stands for; None: none, or the service's own alert."""
    if not _is_number(named):
        return named
    row = store.row("SELECT name FROM alerts JOIN models ON models.id = model_id WHERE alerts.id = ?", (int(named),))
    return None if row is None else str(row["name"])


def _state(life: Life) -> str:
    until = f" until {life.snoozed_until:%Y-%m-%d %H:%M} UTC" if life.snoozed_until is not None else ""
    return f"{life.state.value}{until}"


def _is_number(named: str) -> bool:
    return named.isascii() and named.isdecimal() and len(named) < 16


def _answer(
    store: Store, rows: Sequence[AlertRow], change: Callable[[Life], Life], event: str, by: str, note: str,
    now: datetime,
) -> list[AlertRow]:  # fmt: skip
    """Record an answer in the rows; what was not tried yet is withdrawn where all of a group are answered."""
    done = [replace(row, life=change(row.life), by=by, note=note) for row in rows]
    for row in done:
        save_alert(store, row)
        add_event(store, row.id, event, now, by, note)
    for group_id in {row.group_id for row in rows}:
        if all(row.life.state is not State.OPEN for row in living_members(store, group_id)):
            withdraw_untried(store, group_id)
    return done


def _named(store: Store, named: str) -> list[AlertRow]:
    """The open alerts that a number or a model's name stands for."""
    if _is_number(named):
        return _open_group(store, int(named))
    rows = list(unresolved_alerts(store, known_entry(store, named).id))
    if not rows:
        raise ConflictError(f"{named} has no open alert", "a model with one", f"see: retuned alerts {named}")
    return rows


def _open_group(store: Store, number: int) -> list[AlertRow]:
    """The alert, first, and the others of its group that are open."""
    row = alert_numbered(store, number)
    if row is None:
        raise UnknownName(f"there is no alert {number}", "", "list them with: retuned alerts")
    if row.life.is_resolved:
        end = f": {row.resolution}" if row.resolution else ""
        raise ConflictError(f"alert {number} is over{end}", "an open alert", "see: retuned alerts")
    others = [each for each in living_members(store, row.group_id) if not each.life.is_resolved and each.id != number]
    return [row, *others]


def _checked(text: str, what: str) -> str:
    if len(text) > LONGEST_NOTE:
        raise InputError(f"the {what} has {len(text)} characters", f"allowed: {LONGEST_NOTE}", "shorten it")
    return readable(masked(" ".join(text.split())))
