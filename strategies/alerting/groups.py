"""Alerts with a cause in common, such as the models that one change of hardware made stale: one message for many.

The first is told at once. Those that follow join it, and are told together once the time for that is over; their
message names the new ones and counts the rest. The end of all of them is told once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .life_cycle import Life, Rules, State, due
from .message import Event

MOST_WHERE_URGENT = timedelta(hours=1)
"""How long something that must be looked at tonight waits for others to join."""
_ORDER = (Event.SNOOZE_ENDED, Event.OPENED, Event.ESCALATED, Event.REPEATED)


@dataclass(frozen=True, slots=True)
class Member:
    """One alert of a group."""

    id: int
    life: Life
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Telling:
    """One message that is due: what it tells, of which alerts, and how many others of the group are open."""

    event: Event
    members: tuple[int, ...]
    others: int = 0


def tellings(members: Sequence[Member], now: datetime, rules: Rules) -> tuple[Telling, ...]:
    """The messages that are due about a group, in the order in which they are sent; an alert is in one of them."""
    wanted = {member.id: due(member.life, now, rules) for member in members}
    if len(members) > 1 and not _may_open(members, wanted, now, rules):
        wanted |= {number: None for number, event in wanted.items() if event is Event.OPENED}
    still_open = [member for member in members if not member.life.is_resolved]
    found = []
    for event in _ORDER:
        about = tuple(member.id for member in members if wanted[member.id] is event)
        if about and event is Event.REPEATED:
            about = tuple(member.id for member in still_open if _hears_again(member, wanted[member.id]))
        if about:
            known = sum(member.life.is_told and member.id not in about for member in still_open)
            found.append(Telling(event, about, known))
    over = tuple(member.id for member in members if wanted[member.id] is Event.RESOLVED)
    return (*found, Telling(Event.RESOLVED, over)) if over and not still_open else tuple(found)


def _may_open(members: Sequence[Member], wanted: dict[int, Event | None], now: datetime, rules: Rules) -> bool:
    """Whether those that are not told yet may be told: nothing was told for the time in which they join."""
    is_urgent = any(member.is_urgent and wanted[member.id] is Event.OPENED for member in members)
    window = min(rules.group, MOST_WHERE_URGENT) if is_urgent else rules.group
    heard = [member.life.told_at for member in members if member.life.told_at is not None]
    return not heard or now >= max(heard) + window


def _hears_again(member: Member, event: Event | None) -> bool:
    """Whether a repetition for the group is one for this member, too: it is open, told, and has no other news."""
    life = member.life
    return life.state is State.OPEN and life.is_told and not life.is_silent and event in (None, Event.REPEATED)
