"""Telling what is due of alerts: a group's rows are read, one decision is taken, messages and lives are written."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from ...strategies.alerting.groups import Member, Telling, tellings
from ...strategies.alerting.life_cycle import State, told, unheard
from ...strategies.alerting.message import Event, Severity
from ...strategies.alerting.texts import Standing, message_for, undelivered
from ...strategies.errors import RetunedError
from .alert_messages import DeadLetter, dead_destinations, dead_letters, enqueue_message, has_receiver
from .alert_rows import AlertRow, add_event, alert_numbered, living_alerts, living_members, message_of, save_alert
from .alert_tables import tables_of
from .faults import note_fault
from .installation import installation_of
from .store import Store

if TYPE_CHECKING:
    from ..config.config import Config
    from ..config.model_tables import AlertsTable


MOST_IN_A_ROUND = 500
"""The most groups of which is told at once: thousands, a week after a bad day, would hold up the service's round."""


def tell_due(store: Store, config: "Config", now: datetime, most: int = MOST_IN_A_ROUND) -> int:
    """Tell whatever is due of all alerts, each group in its own transaction; how many messages were due.

    A group that cannot be told is recorded as a fault, and does not hold up the others. After `most` groups the rest is
    left to the next call.
    """
    count = done = 0
    rows = sorted(living_alerts(store), key=lambda row: (row.group_id, row.id))
    for group_id, members in groupby(rows, key=lambda row: row.group_id):
        if not tellings(_members(members), now, config.alerts.rules):
            continue
        if done == most:
            break
        try:
            with store.transaction():
                count += tell_group(store, group_id, config, now)
            done += 1
        except (RetunedError, ValueError, KeyError, TypeError) as error:
            note_fault(store, "alerts", f"alert {group_id} cannot be told: {error}", now)
    return count


def tell_groups(store: Store, groups: Iterable[int], config: "Config", now: datetime) -> None:
    """Tell, inside the open transaction, what is due of these groups."""
    for group_id in sorted(groups):
        tell_group(store, group_id, config, now)


def tell_unheard(store: Store, numbers: Iterable[int], config: "Config", now: datetime) -> int:
    """Tell those of these alerts that nobody was told of and that somebody would be told of by now, each group in its
    own transaction; how many they were. One that cannot be told is a fault, and does not hold up the others."""
    rows = [row for row in (alert_numbered(store, number) for number in numbers) if row is not None]
    count = 0
    for group_id, members in groupby(sorted(rows, key=lambda row: row.group_id), key=lambda row: row.group_id):
        try:
            with store.transaction():
                count += _tell_unheard(store, group_id, {member.id for member in members}, config, now)
        except (RetunedError, ValueError, KeyError, TypeError) as error:
            note_fault(store, "alerts", f"alert {group_id} cannot be told: {error}", now)
    return count


def tell_group(store: Store, group_id: int, config: "Config", now: datetime) -> int:
    """Tell, inside the open transaction, what is due of a group; how many messages that were."""
    rows = {row.id: row for row in living_members(store, group_id)}
    due = tellings(_members(rows.values()), now, config.alerts.rules)
    for telling in due:
        tell(store, telling, [rows[number] for number in telling.members], config, now)
    return len(due)


def tell(store: Store, telling: Telling, rows: Sequence[AlertRow], config: "Config", now: datetime) -> None:
    """Queue one message about alerts of a group, and record it in their lives, inside the open transaction."""
    loud = [row for row in rows if not row.life.is_silent]
    places: tuple[str, ...] = ()
    if loud:
        first = loud[0]
        message = message_for(
            telling.event, [standing_of(store, row) for row in loud], id=_message_id(store, first, now),
            key=_key(store, first, now), change=first.change, others=telling.others, at=now,
        )  # fmt: skip
        places = enqueue_message(store, message, config, _tables(store, loud), now, alert_id=first.id)
    for row in rows:
        count = row.tellings + (row in loud)
        save_alert(store, replace(row, life=told(row.life, telling.event, now), tellings=count))
        add_event(store, row.id, f"told {telling.event.value}", now, detail=", ".join(places))


def pass_on(store: Store, config: "Config", now: datetime) -> tuple[tuple[DeadLetter, tuple[str, ...]], ...]:
    """Send what was given up once more, to someone else where there is someone; each with the places where it went.

    Each is passed on once. What other receivers gave up about the same alert is not sent there again.
    """
    done = []
    for letter in dead_letters(store):
        with store.transaction():
            done.append((letter, _pass_on(store, letter, config, now)))
    return tuple(done)


def standing_of(store: Store, row: AlertRow) -> Standing:
    """An alert as its message is written from."""
    return Standing(row.id, message_of(store, row.id), row.life, row.by, row.note, row.resolution)


def _tell_unheard(store: Store, group_id: int, numbers: Collection[int], config: "Config", now: datetime) -> int:
    rows = [row for row in living_members(store, group_id) if row.id in numbers and row.life.state is State.OPEN]
    found = [row for row in rows if has_receiver(message_of(store, row.id), config, _tables(store, [row]))]
    for row in found:
        save_alert(store, replace(row, life=unheard(row.life)))
    if found:
        tell_group(store, group_id, config, now)
    return len(found)


def _pass_on(store: Store, letter: DeadLetter, config: "Config", now: datetime) -> tuple[str, ...]:
    row = alert_numbered(store, letter.alert_id)
    assert row is not None
    dead = dead_destinations(store, row.id)
    id, key = _message_id(store, row, now), _key(store, row, now)
    plain = message_for(Event.OPENED, [standing_of(store, row)], id=id, key=key, change="", others=0, at=now)
    message = undelivered(plain, sorted({each.place for each in dead}), id=id)
    places = enqueue_message(store, message, config, _tables(store, [row]), now, alert_id=row.id, but=dead)
    save_alert(store, replace(row, tellings=row.tellings + 1))
    add_event(store, row.id, "passed on", now, detail=letter.id)
    return places


def _members(rows: Iterable[AlertRow]) -> tuple[Member, ...]:
    return tuple(Member(row.id, row.life, row.severity is Severity.CRITICAL) for row in rows)


def _tables(store: Store, rows: Sequence[AlertRow]) -> tuple["AlertsTable", ...]:
    """The [alerts] of the alerts' models."""
    return tables_of(store, (row.model_id for row in rows if row.model_id is not None))


def _message_id(store: Store, row: AlertRow, now: datetime) -> str:
    """An id of this message alone, of all installations: receivers drop ids that they have seen."""
    return f"msg_{installation_of(store, now)}_a{row.id}_{row.tellings + 1}"


def _key(store: Store, row: AlertRow, now: datetime) -> str:
    """The same over the life of the group: receivers join on it what opens and what ends."""
    return f"retuned-{installation_of(store, now)}-{row.group_id}"
