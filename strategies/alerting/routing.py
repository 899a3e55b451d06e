"""Which channels a message goes to, when, and what becomes of one that still waits there when the next one comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from ..schedule.windows import Window, next_outside
from .message import AlertMessage, Event, Kind, Severity


class ChannelKind(StrEnum):
    """The kinds of channels."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    TEAMS = "teams"
    EMAIL = "email"
    PAGERDUTY = "pagerduty"
    ALERTMANAGER = "alertmanager"
    APPRISE = "apprise"


FOR_PROGRAMS = frozenset({Event.ACKNOWLEDGED, Event.ADOPTED, Event.DUE})
"""Events that people need not be told of."""
UNTOLD = {
    ChannelKind.SLACK: FOR_PROGRAMS,
    ChannelKind.TEAMS: FOR_PROGRAMS,
    ChannelKind.EMAIL: FOR_PROGRAMS,
    ChannelKind.APPRISE: FOR_PROGRAMS,
    ChannelKind.ALERTMANAGER: FOR_PROGRAMS | {Event.CHANGED, Event.DIGEST},
    ChannelKind.PAGERDUTY: frozenset({Event.DIGEST}),
}
"""Events that a channel has no notion of, or that would only be noise there."""
CHANGES = frozenset({Event.CHANGED, Event.ADOPTED, Event.DUE})
"""Events that are no alerts: PagerDuty shows them beside its incidents, as changes, and wakes nobody."""
_TO_THE_TOLD = frozenset({Event.ACKNOWLEDGED, Event.RESOLVED, Event.SNOOZE_ENDED})


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A channel's own conditions; an empty list of them lets everything pass.

    `quiet`: hours, on the clock of `zone`, in which messages wait; critical ones pass unless `is_critical_quiet`.
    """

    name: str
    kind: ChannelKind
    owners: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    severities: tuple[Severity, ...] = ()
    quiet: tuple[Window, ...] = ()
    zone: str = "UTC"
    is_critical_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Routes:
    """All channels, and those that a message goes to where its model names none; None: to every one."""

    channels: tuple[ChannelRule, ...] = ()
    default: tuple[str, ...] | None = None


def route(
    message: AlertMessage,
    routes: Routes,
    chosen: Sequence[str] | None = None,
    told: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """The names of the channels that the message goes to, in the order of the list that named them, each once.

    `chosen`: the channels that the model's file names, or those of an escalation; None: the default list. `told`:
    channels that were sent the alert's opening message; what ends or answers an alert goes to them alone, whatever the
    lists and conditions say by now. A chosen channel that is not configured is kept: its message is given up with a
    sentence, where a silent loss would be noticed by nobody.
    """
    rules = {rule.name: rule for rule in routes.channels}
    if message.event in _TO_THE_TOLD:
        known = (rules[name] for name in dict.fromkeys(told or ()) if name in rules)
        return tuple(rule.name for rule in known if _tells(rule, message))
    names = chosen if chosen is not None else routes.default if routes.default is not None else tuple(rules)
    return tuple(
        name
        for name in dict.fromkeys(names)
        if name not in rules or (_tells(rules[name], message) and _passes(rules[name], message))
    )


def is_quiet(message: AlertMessage) -> bool:
    """Whether the message tells of an alert that waits for the digest, and goes only to channels that ask for it."""
    return message.severity is Severity.INFO and message.event in _OF_AN_ALERT


def asks_for_quiet(rule: ChannelRule, kind: Kind) -> bool:
    """Whether a channel is told by itself what otherwise waits for the digest: it names the severity, or the kind."""
    return Severity.INFO in rule.severities or kind in rule.kinds


def send_at(message: AlertMessage, rule: ChannelRule, now: datetime) -> datetime:
    """When the message may go out: now, or when the channel's quiet hours end."""
    is_urgent = message.severity is Severity.CRITICAL and not rule.is_critical_quiet
    if not rule.quiet or is_urgent or message.event is Event.SAMPLE or _is_change_there(rule, message):
        return now
    return next_outside(rule.quiet, now, ZoneInfo(rule.zone))


class Merged(StrEnum):
    """What becomes of a message that still waits, untried, when the alert's next one comes to the same channel."""

    BOTH = "both are sent"
    OLD = "the one that waits is sent, the new one is not"
    NEW = "the new one takes its place"
    NONE = "neither is sent"


def merged(waiting: Event, new: Event, is_first: bool) -> Merged:
    """What quiet hours or a receiver that was down leave to be told: the present state, never a replay.

    `is_first`: nothing about the alert was sent there before the one that waits, or since it was last resolved.
    """
    if waiting not in _OF_AN_ALERT or new not in _OF_AN_ALERT or waiting is Event.RESOLVED:
        return Merged.BOTH
    if is_first:
        return Merged.NONE if new in (Event.RESOLVED, Event.ACKNOWLEDGED) else Merged.OLD
    return Merged.NEW


_OF_AN_ALERT = frozenset(
    {
        Event.OPENED,
        Event.REPEATED,
        Event.ESCALATED,
        Event.SNOOZE_ENDED,
        Event.ACKNOWLEDGED,
        Event.RESOLVED,
    }
)


def _tells(rule: ChannelRule, message: AlertMessage) -> bool:
    return message.event not in UNTOLD.get(rule.kind, frozenset())


def _passes(rule: ChannelRule, message: AlertMessage) -> bool:
    owner = message.owner.casefold()
    if is_quiet(message) and not asks_for_quiet(rule, message.kind):
        return False
    is_theirs = (not rule.owners or any(owner == wanted.casefold() for wanted in rule.owners)) and (
        not rule.tags or bool(set(rule.tags) & set(message.tags))
    )
    if _is_change_there(rule, message):
        return is_theirs
    return (
        is_theirs
        and (not rule.kinds or message.kind in rule.kinds)
        and (not rule.severities or message.severity in rule.severities)
    )


def _is_change_there(rule: ChannelRule, message: AlertMessage) -> bool:
    """Whether the channel shows the message as a change: limits to kinds and severities of alerts, and quiet hours,
    are not about it, and whoever looks at an incident at night sees what changed before it."""
    return rule.kind is ChannelKind.PAGERDUTY and message.event in CHANGES
