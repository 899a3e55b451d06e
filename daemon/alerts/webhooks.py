"""Delivery of messages: claimed, sent, retried; plain webhooks are signed and posted here, channels in channels.py."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..config.config import resolve_secret
from ..state.outbox import (
    _SYSTEM,
    AT_ONCE,
    ROUND_S,
    Message,
    Outcome,
    claim_message,
    due_messages,
    give_up_cut_messages,
    settle_message,
)
from ..state.store import Store
from .channels import NO_CHANNELS, Outlet
from .posting import Attempt, Try
from .signing import sign

CLAIM_S = 60.0
"""How long a message belongs to the process that attempts it: longer than any attempt may take."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one attempt; `is_given_up`: no other one follows, and the message was not delivered."""

    id: str
    place: str
    is_delivered: bool
    error: str | None
    is_given_up: bool = False


def deliver_due(
    store: Store,
    now: datetime,
    environ: Mapping[str, str] = os.environ,
    *,
    limit: int = AT_ONCE,
    round_s: float = ROUND_S,
    monotonic: Callable[[], float] = _SYSTEM.monotonic,
    outlet: Outlet = NO_CHANNELS,
) -> tuple[Delivery, ...]:
    """Attempt the messages that are due, the longest due first; a failed one is retried with growing delay.

    At most `limit` messages, and none is started after `round_s`. A receiver that could not be reached is not tried
    again in the same round, so that a dead one costs each round one timeout; the rest stay due.
    """
    if due_messages(store, now, 1):
        give_up_cut_messages(store, now)
    messages = due_messages(store, now, limit)
    ends_at, unreachable, done = monotonic() + round_s, set[str](), list[Delivery]()
    for message in messages:
        if monotonic() >= ends_at:
            break
        if message.lane in unreachable or not claim_message(store, message, now, now + timedelta(seconds=CLAIM_S)):
            continue
        delivery = _attempt(store, message, now, environ, outlet)
        done.append(delivery)
        if delivery.error is not None and delivery.error.startswith(_UNREACHABLE):
            unreachable.add(message.lane)
    return tuple(done)


def _attempt(store: Store, message: Message, now: datetime, environ: Mapping[str, str], outlet: Outlet) -> Delivery:
    begun = _SYSTEM.monotonic()
    outcome = begin(store, message, now, environ, outlet).wait()
    took = timedelta(seconds=int(_SYSTEM.monotonic() - begun))
    return settle(store, message, outcome, now + took, outlet)


def begin(
    store: Store,
    message: Message,
    now: datetime,
    environ: Mapping[str, str],
    outlet: Outlet,
    on_end: Callable[[], None] = lambda: None,
) -> Attempt:
    """Begin to send a claimed message; secrets are read in the try's own thread, and never in an error."""
    if message.channel is not None:
        return outlet.begin(store, message, now, on_end)
    body = message.payload.encode()

    def headers() -> Mapping[str, str]:
        made = {"content-type": "application/json", "user-agent": "retuned", "webhook-id": message.id}
        made["webhook-timestamp"] = str(int(now.timestamp()))
        if message.secret_reference is not None:
            secret = resolve_secret(message.secret_reference, environ)
            made["webhook-signature"] = sign(message.id, made["webhook-timestamp"], body, secret)
        return made

    return Try(message.url, body, headers, now, on_end, environ.get("SSL_CERT_FILE"), outlet.webhook_vetting)


def settle(store: Store, message: Message, outcome: Outcome, now: datetime, outlet: Outlet) -> Delivery:
    """Record how a try ended."""

    def also() -> None:
        if message.channel is not None:
            outlet.record(store, message, now)

    is_given_up = settle_message(store, message, outcome, now, also)
    return Delivery(message.id, message.place, outcome.error is None, outcome.error, is_given_up)


_UNREACHABLE = ("no answer", "no connection")
