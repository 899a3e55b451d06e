"""The life of an alert: what it is told of and when, and what a person's answer or its end changes.

An alert is one model's (or the service's own), of one kind, for one cause; what a message says never tells two apart.
Each function takes the life as it is and the moment, and gives the life as it is then.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .message import Event


class State(StrEnum):
    """How an alert stands; the values are stored."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"  # someone has seen it: it is not told again
    SNOOZED = "snoozed"  # it is told again once the snooze ends
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Rules:
    """When an alert is told again.

    `repeat`: while nobody answers. `escalate_after` None: never. `flapping`: an alert that comes back this soon after
    its end is the same one. `group`: alerts with a cause in common join the first for this long.
    """

    repeat: timedelta
    escalate_after: timedelta | None = None
    flapping: timedelta = timedelta(days=1)
    group: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Life:
    """An alert's life so far.

    `opened_at`: when it was opened last. `is_silent`: it is listed and stands in the digest, and is not told by itself.
    `told_at`: when its owner last heard that it is open; `is_told`: whether that was since it was opened last.
    `asked_at`: since when an answer is awaited: an escalation counts from there.
    `owes_end`: it was told, and its end was not yet. `raised`: how often its cause was seen; `reopened`: how often it
    came back shortly after its end.
    """

    state: State
    opened_at: datetime
    is_silent: bool = False
    told_at: datetime | None = None
    is_told: bool = False
    asked_at: datetime | None = None
    snoozed_until: datetime | None = None
    escalated_at: datetime | None = None
    resolved_at: datetime | None = None
    owes_end: bool = False
    raised: int = 1
    reopened: int = 0

    @property
    def is_resolved(self) -> bool:
        """Whether it is over."""
        return self.state is State.RESOLVED


def opened(now: datetime, *, is_silent: bool = False) -> Life:
    """A new alert, which nobody was told of yet."""
    return Life(State.OPEN, now, is_silent)


def raised(life: Life, now: datetime, rules: Rules, *, is_silent: bool = False) -> Life | None:
    """The life after its cause was seen again; None: it has been over for so long that this is a new alert.

    One that is open stays as it is, and is counted. One that was just over is open again; where its end was not told
    yet, nobody need hear of either.
    """
    silent = life.is_silent and is_silent
    if not life.is_resolved:
        return replace(life, raised=life.raised + 1, is_silent=silent)
    if life.resolved_at is None or not now - life.resolved_at < rules.flapping:
        return None
    return replace(
        life, state=State.OPEN, opened_at=now, is_silent=silent, is_told=life.owes_end, owes_end=False,
        resolved_at=None, escalated_at=None, raised=life.raised + 1, reopened=life.reopened + 1,
    )  # fmt: skip


def due(life: Life, now: datetime, rules: Rules) -> Event | None:
    """What is to be told now; None: nothing. Whatever was missed meanwhile is told once."""
    if life.is_resolved:
        return Event.RESOLVED if life.owes_end else None
    if life.state is State.SNOOZED:
        is_over = life.snoozed_until is None or now >= life.snoozed_until
        return Event.SNOOZE_ENDED if is_over else None
    if life.state is State.ACKNOWLEDGED or life.is_silent:
        return None
    if not life.is_told or life.told_at is None:
        return None if _is_flapping(life, now, rules) else Event.OPENED
    after = rules.escalate_after
    if after is not None and life.escalated_at is None and now >= (life.asked_at or life.told_at) + after:
        return Event.ESCALATED
    return Event.REPEATED if now >= life.told_at + rules.repeat else None


def told(life: Life, event: Event, now: datetime) -> Life:
    """The life after that event was told; of a silent one, after nothing was said about it."""
    if event is Event.RESOLVED:
        return replace(life, owes_end=False)
    if event is Event.ESCALATED:
        return replace(life, told_at=now, escalated_at=now)
    if event is Event.SNOOZE_ENDED:
        life = replace(life, state=State.OPEN, snoozed_until=None)
    elif event is not Event.OPENED:
        return replace(life, told_at=now)
    return life if life.is_silent else replace(life, told_at=now, is_told=True, asked_at=now)


def unheard(life: Life) -> Life:
    """The life of one that nobody could be told of, once somebody can: it is told as one that has just been opened."""
    return replace(life, is_silent=False, is_told=False, told_at=None)


def acknowledged(life: Life) -> Life:
    """Someone has seen it; a snooze ends with that. One that is over stays so."""
    return life if life.is_resolved else replace(life, state=State.ACKNOWLEDGED, snoozed_until=None)


def snoozed(life: Life, until: datetime) -> Life:
    """Nothing is told until that moment. One that is over stays so."""
    return life if life.is_resolved else replace(life, state=State.SNOOZED, snoozed_until=until)


def unsnoozed(life: Life, now: datetime) -> Life:
    """Open again at once, by the wish of a person, who need not be told; any other stays as it is."""
    if life.state is not State.SNOOZED:
        return life
    told_at = now if life.is_told else life.told_at
    return replace(life, state=State.OPEN, snoozed_until=None, told_at=told_at, asked_at=told_at)


def resolved(life: Life, now: datetime) -> Life:
    """The life after its cause is gone; its end is told where it was told itself."""
    if life.is_resolved:
        return life
    owes_end = life.is_told and not life.is_silent
    return replace(life, state=State.RESOLVED, resolved_at=now, snoozed_until=None, owes_end=owes_end)


def _is_flapping(life: Life, now: datetime, rules: Rules) -> bool:
    """Whether it comes and goes, and was told not long ago: the first return is told at once, later ones by the way."""
    return life.reopened > 1 and life.told_at is not None and now < life.told_at + rules.flapping
