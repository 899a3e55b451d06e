"""Messages about alerts on their way into the outbox: to whom each goes is decided here, and nowhere else."""

import socket
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING

from ...strategies.alerting.message import AlertMessage, Event
from ...strategies.alerting.routing import FOR_PROGRAMS, is_quiet, route
from ...strategies.alerting.verdict_alert import OF_VERDICTS
from .channel_outbox import enqueue_routed
from .outbox import WITHDRAWN, place_for
from .store import Store, to_json, to_text

if TYPE_CHECKING:
    from ..config.config import Config
    from ..config.model_tables import AlertsTable

_TYPES = {Event.RESOLVED: "retuned.resolved", Event.DIGEST: "retuned.digest", Event.CHANGED: "retuned.changed"}
_TO_THOSE_TOLD = (Event.RESOLVED, Event.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a message goes: a channel by name, or (None) the address of a plain webhook."""

    channel: str | None
    url: str = ""
    secret_reference: str | None = None

    @property
    def place(self) -> str:
        """Its name for people, without the secret part of an address."""
        return place_for(self.channel, self.url)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message about an open alert that was given up, and where it was to go."""

    id: str
    alert_id: int
    destination: Destination


def enqueue_message(
    store: Store, message: AlertMessage, config: "Config", model_alerts: Sequence["AlertsTable"], now: datetime,
    *, alert_id: int | None = None, but: Collection[Destination] = (),
) -> tuple[str, ...]:  # fmt: skip
    """Queue a message inside the open transaction for everyone to whom it goes; their places.

    `model_alerts`: the [alerts] of the models that it is about; empty: about the service. An end or an acknowledgement
    goes only to those who heard of an alert of `alert_id`'s group before. `but`: these did not accept it; it goes to
    the others.
    """
    message = _with_page(message, config, store)
    told = told_destinations(store, alert_id) if message.event in (*_TO_THOSE_TOLD, Event.SNOOZE_ENDED) else ()
    if message.event is Event.RESOLVED:
        _withdraw(store, alert_id)
    plain = _plain_destinations(message, config, model_alerts, told, is_other=bool(but))
    wanted = [each for each in dict.fromkeys(plain) if each not in but]
    for number, destination in enumerate(wanted):
        # the id of the first is the message's own: receivers drop ids that they have seen
        _insert(store, message, f"{message.id}_{number + 1}" if number else message.id, destination, alert_id, now)
    is_for_others = message.event is Event.ESCALATED or bool(but)
    channels = enqueue_routed(
        store, message, config.routes, alert_id, now,
        chosen=_chosen(config, model_alerts, is_for_others=is_for_others),
        told=[each.channel for each in told if each.channel is not None],
        but={each.channel for each in but if each.channel is not None},
    )  # fmt: skip
    return (*(each.place for each in wanted), *(place_for(name, "") for name in channels))


def has_receiver(message: AlertMessage, config: "Config", model_alerts: Sequence["AlertsTable"]) -> bool:
    """Whether a message that opens an alert would go to anyone, as the configuration and the models' files are now."""
    plain = _plain_destinations(message, config, model_alerts, (), is_other=False)
    return bool(plain or route(message, config.routes, _chosen(config, model_alerts, is_for_others=False)))


def told_destinations(store: Store, alert_id: int | None) -> tuple[Destination, ...]:
    """Who heard, or may have heard, of an alert of this one's group: a try that ended badly may have arrived."""
    rows = store.rows(
        """SELECT DISTINCT channel, url, secret_reference FROM outbox
        WHERE alert_id IN (SELECT id FROM alerts WHERE group_id = (SELECT group_id FROM alerts WHERE id = ?))
        AND (state = 'delivered' OR (state = 'pending' AND attempts > 0))""",
        (alert_id,),
    )
    return tuple(Destination(row["channel"], row["url"], row["secret_reference"]) for row in rows)


def withdraw_untried(store: Store, group_id: int) -> None:
    """Give up, inside the open transaction, what was not tried yet of a group that someone has answered."""
    store.change(
        """UPDATE outbox SET state = 'dead', last_error = ? WHERE state = 'pending' AND attempts = 0
        AND alert_id IN (SELECT id FROM alerts WHERE group_id = ?)""",
        (WITHDRAWN, group_id),
    )


def dead_letters(store: Store) -> tuple[DeadLetter, ...]:
    """Messages about open alerts that were given up and not yet passed on to anyone else, oldest first."""
    rows = store.rows(
        """SELECT outbox.* FROM outbox JOIN alerts ON alerts.id = alert_id
        WHERE outbox.state = 'dead' AND outbox.last_error IS NOT :withdrawn AND alerts.state = 'open'
        AND NOT EXISTS (SELECT 1 FROM alert_events
            WHERE alert_events.alert_id = outbox.alert_id AND event = 'passed on' AND detail = outbox.id)
        ORDER BY outbox.created_at, outbox.id LIMIT 100""",
        {"withdrawn": WITHDRAWN},
    )
    return tuple(
        DeadLetter(row["id"], row["alert_id"], Destination(row["channel"], row["url"], row["secret_reference"]))
        for row in rows
    )


def dead_destinations(store: Store, alert_id: int) -> frozenset[Destination]:
    """Where messages about an alert were given up."""
    rows = store.rows("SELECT channel, url, secret_reference FROM outbox WHERE alert_id = ? AND state = 'dead'",
                      (alert_id,))  # fmt: skip
    return frozenset(Destination(row["channel"], row["url"], row["secret_reference"]) for row in rows)


def place_here(store: Store) -> str:
    """Where the commands of a message are to be typed."""
    return f"host {socket.gethostname()}, state folder {store.state}"


def _with_page(message: AlertMessage, config: "Config", store: Store) -> AlertMessage:
    """The message with the address of its page, or with the command that writes it where nobody said the address."""
    number, address = message.campaign_id, config.api.public_url
    if address is not None:
        return replace(message, link=f"{address}/alerts" if number is None else f"{address}/campaigns/{number}")
    if number is None or not message.commands or message.kind not in OF_VERDICTS:
        return message
    report = f"retuned --state {quote(str(store.state))} report {number} --html campaign-{number}.html"
    return replace(message, commands=(*message.commands, report))


def _withdraw(store: Store, alert_id: int | None) -> None:
    """Give up what waits to be told of a group that is over: it would arrive after its own end."""
    store.change(
        """UPDATE outbox SET state = 'dead', last_error = ? WHERE state = 'pending'
        AND alert_id IN (SELECT id FROM alerts WHERE group_id = (SELECT group_id FROM alerts WHERE id = ?))""",
        (WITHDRAWN, alert_id),
    )


def _plain_destinations(
    message: AlertMessage, config: "Config", model_alerts: Sequence["AlertsTable"], told: Sequence[Destination],
    *, is_other: bool,
) -> tuple[Destination, ...]:  # fmt: skip
    """The plain webhooks to which a message goes: the models' own, else the service's. One that nobody answers, or that
    another receiver did not accept, goes to the service's, unless channels are named for that."""
    if message.event in FOR_PROGRAMS:  # a plain webhook has no notion of it
        return ()
    if message.event in _TO_THOSE_TOLD:
        return tuple(each for each in told if each.channel is None)
    if is_quiet(message):  # a plain webhook cannot ask for it
        return ()
    own = () if config.alerts.escalate_to else _own(config)
    if message.event is Event.ESCALATED:
        return own or (() if config.alerts.escalate_to else _of_models(model_alerts))
    if is_other:
        return (*own, *_of_models(model_alerts))
    uses_ours = not model_alerts or any(table.webhook is None for table in model_alerts)
    return (*_of_models(model_alerts), *(_own(config) if uses_ours else ()))


def _chosen(config: "Config", model_alerts: Sequence["AlertsTable"], *, is_for_others: bool) -> Sequence[str] | None:
    """The channels that are named for a message: those of an escalation, or the models'; None: the default ones.

    Models that name a webhook of their own and no channel are told there alone.
    """
    if is_for_others and config.alerts.escalate_to:
        return config.alerts.escalate_to
    if not model_alerts or any(table.channels is None and table.webhook is None for table in model_alerts):
        return None
    return tuple(dict.fromkeys(name for table in model_alerts for name in table.channels or ()))


def _own(config: "Config") -> tuple[Destination, ...]:
    house = config.alerts
    return () if house.webhook is None else (Destination(None, house.webhook, house.webhook_secret),)


def _of_models(model_alerts: Iterable["AlertsTable"]) -> tuple[Destination, ...]:
    return tuple(
        Destination(None, table.webhook, table.webhook_secret) for table in model_alerts if table.webhook is not None
    )


def _insert(
    store: Store, message: AlertMessage, id: str, destination: Destination, alert_id: int | None, now: datetime
) -> None:
    store.change(
        """INSERT OR IGNORE INTO outbox
        (id, alert_id, url, secret_reference, payload, state, next_attempt_at, created_at)
        VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)""",
        (
            id, alert_id, destination.url, destination.secret_reference, to_json(_webhook_body(message, alert_id)),
            to_text(now), to_text(now),
        ),
    )  # fmt: skip


def _webhook_body(message: AlertMessage, alert_id: int | None) -> dict[str, object]:
    """What a plain webhook is posted."""
    text = message.text
    return {
        "type": _TYPES.get(message.event, "retuned.alert"),
        "timestamp": to_text(message.at),
        "text": text,  # what Slack, Mattermost and others show of a message
        "data": {
            **message.details, "model": message.model, "owner": message.owner, "campaign": message.campaign_id,
            "title": message.title, "text": text, "sentences": list(message.sentences),
            "commands": list(message.commands), "alert": alert_id, "event": message.event.value,
            "kind": message.kind.value, "severity": message.severity.value, "key": message.key,
            "facts": dict(message.facts), "link": message.link, "others": message.others,
            "is_tonight": message.is_tonight,
        },
    }  # fmt: skip
