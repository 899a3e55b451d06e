"""The words of an alert's message, for each reason to send one: opened, still open, nobody answers, over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..words import age, counted
from .life_cycle import Life
from .message import AlertMessage, Event, Kind, Severity

NAMED = 10
"""The most models that a group's message names."""
_TITLES = {
    Event.REPEATED: "Still open: ",
    Event.ESCALATED: "Nobody has answered: ",
    Event.SNOOZE_ENDED: "Snooze over: ",
    Event.ACKNOWLEDGED: "Acknowledged: ",
    Event.RESOLVED: "Resolved: ",
}
_MANY = {
    Kind.STALE: "have stale hyperparameters",
    Kind.DEGRADED: "score worse, without better hyperparameters",
    Kind.BROKEN: "can no longer be trained with their hyperparameters",
    Kind.INCONCLUSIVE: "could not be judged",
    Kind.OVERDUE: "wait for their re-evaluation",
    Kind.FAILED: "could not be re-evaluated",
    Kind.BUDGET: "wait for hours of training",
    Kind.DATA: "have suspect values in their data",
    Kind.DISK: "have no room on the disk",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert as its message is written from: what it said when it was opened, its life, and the last answer to it.

    `by`, `note`: who acknowledged or snoozed it, and why. `end`: why it is over; empty while it is not.
    """

    number: int
    message: AlertMessage
    life: Life
    by: str = ""
    note: str = ""
    end: str = ""


def message_for(
    event: Event, standings: Sequence[Standing], *, id: str, key: str, change: str, others: int, at: datetime
) -> AlertMessage:
    """The message about one alert, or about several of a group; `others`: how many more of the group are open.

    `change`: what they have in common; empty where that is not known.
    """
    first = standings[0]
    is_over = event in (Event.RESOLVED, Event.ACKNOWLEDGED)
    many = len(standings) + others > 1
    message = _of_group(standings, change, others) if many else first.message
    title = f"{_TITLES.get(event, '')}{message.title}"
    commands = message.commands if many else (*message.commands, *answers(first.number))
    return replace(
        message, id=id, key=key, event=event, at=at, opened_at=min(each.life.opened_at for each in standings),
        title=title, sentences=(*_opening(event, first, at), *(() if is_over else message.sentences)),
        facts=_facts(event, message), commands=() if is_over else commands,
        is_tonight=message.is_tonight and not is_over, severity=_loudest(standings), others=len(standings) + others - 1,
    )  # fmt: skip


def answers(number: int) -> tuple[str, ...]:
    """The commands by which an alert is answered."""
    return (f"retuned ack {number}", f'retuned snooze {number} --for 14d --reason "..."')


def named(names: Sequence[str]) -> str:
    """The names, the first ten of them, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def undelivered(message: AlertMessage, places: Sequence[str], *, id: str) -> AlertMessage:
    """The message once more, for another receiver than those that did not accept it."""
    sentence = f"You get this because it could not be delivered to {', '.join(places)}."
    return replace(message, id=id, sentences=(sentence, *message.sentences))


def _facts(event: Event, message: AlertMessage) -> tuple[tuple[str, str], ...]:
    if event not in (Event.RESOLVED, Event.ACKNOWLEDGED):
        return message.facts
    return tuple(fact for fact in message.facts if fact[0] in ("Campaign", "Where"))


def _opening(event: Event, first: Standing, at: datetime) -> tuple[str, ...]:
    """What is said first: why this message comes now."""
    life, since = first.life, f"{first.life.opened_at:%Y-%m-%d %H:%M} UTC"
    if event is Event.REPEATED:
        return (f"Open since {since}, for {age(at - life.opened_at)}, and nobody has acknowledged it.",)
    if event is Event.ESCALATED:
        return (f"This goes to you because nobody has acknowledged it since {since}, for {age(at - life.opened_at)}.",)
    if event is Event.SNOOZE_ENDED:
        return (
            f"{first.by or 'Someone'} snoozed this{_because(first.note)}; the snooze is over and it is still open.",
        )
    if event is Event.ACKNOWLEDGED:
        return (f"{first.by or 'Someone'} has acknowledged this{_because(first.note)}; it is not repeated.",)
    if event is Event.RESOLVED:
        return (f"Over after {age(at - life.opened_at)}: {first.end or 'its cause is gone'}.",)
    if event is Event.OPENED and life.reopened:
        return (f"It was over and has come back, {counted(life.reopened, 'time')} by now.",)
    return ()


def _because(note: str) -> str:
    return f" ({note})" if note else ""


def _of_group(standings: Sequence[Standing], change: str, others: int) -> AlertMessage:
    """What is said of several alerts with one cause: the new ones by name, the rest by number."""
    first = standings[0].message
    count = len(standings) + others
    names = [each.message.model or "the service" for each in standings]
    shown = named(names)
    cause = f", same cause: {change}" if change else ""
    sentences = [f"New: {shown}." if others else f"They are {shown}."]
    if others:
        sentences.append(f"{counted(others, 'other model')} with the same cause {'was' if others == 1 else 'were'} "
                         "reported before.")  # fmt: skip
    numbers = ", ".join(str(each.number) for each in standings[:NAMED])
    sentences.append(f"Alert numbers: {numbers}{', ...' if len(standings) > NAMED else ''}. An answer to one by its "
                     "number is one for all that are open now; by a model's name, for that model alone.")  # fmt: skip
    campaigns = [f"{each.message.campaign_id}" for each in standings if each.message.campaign_id is not None]
    kept = tuple(fact for fact in first.facts if fact[0] in ("Tonight", "Where"))
    facts = (("Campaigns", ", ".join(campaigns[:NAMED])), *kept) if campaigns else kept
    own = tuple(each.message.commands[0] for each in standings[:NAMED] if each.message.commands)
    return replace(
        first, title=f"{count} models {_MANY[first.kind]}{cause}", sentences=tuple(sentences), facts=facts,
        commands=(*dict.fromkeys(own), "retuned alerts", *answers(standings[0].number)), model=None, campaign_id=None,
        tags=tuple(dict.fromkeys(tag for each in standings for tag in each.message.tags)),
        is_tonight=any(each.message.is_tonight for each in standings),
        details={"models": names, "campaigns": [each.message.campaign_id for each in standings]},
    )  # fmt: skip


def _loudest(standings: Sequence[Standing]) -> Severity:
    severities = {each.message.severity for each in standings}
    return next(severity for severity in Severity if severity in severities)
