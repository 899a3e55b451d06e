"""Delivery of messages to webhooks: claimed, signed, posted, retried."""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..config.config import resolve_secret, signing_key
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
from .posting import Try

CLAIM_S = 60.0
"""How long a message belongs to the process that attempts it: longer than any attempt may take."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one attempt; `is_given_up`: no other one follows, and the message was not delivered."""

    id: str
    url: str
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
        if message.url in unreachable or not claim_message(store, message, now + timedelta(seconds=CLAIM_S)):
            continue
        delivery = _attempt(store, message, now, environ)
        done.append(delivery)
        if delivery.error is not None and delivery.error.startswith(_UNREACHABLE):
            unreachable.add(message.url)
    return tuple(done)


def _attempt(store: Store, message: Message, now: datetime, environ: Mapping[str, str]) -> Delivery:
    begun = _SYSTEM.monotonic()
    outcome = begin(message, now, environ).wait()
    took = timedelta(seconds=int(_SYSTEM.monotonic() - begun))
    return settle(store, message, outcome, now + took)


def begin(
    message: Message, now: datetime, environ: Mapping[str, str], on_end: Callable[[], None] = lambda: None
) -> Try:
    """Begin to post a claimed message; the secret is read in the try's own thread, and never in an error."""
    body = message.payload.encode()

    def headers() -> Mapping[str, str]:
        made = {"content-type": "application/json", "user-agent": "retuned", "webhook-id": message.id}
        made["webhook-timestamp"] = str(int(now.timestamp()))
        if message.secret_reference is not None:
            secret = resolve_secret(message.secret_reference, environ)
            made["webhook-signature"] = sign(message.id, made["webhook-timestamp"], body, secret)
        return made

    return Try(message.url, body, headers, now, on_end, environ.get("SSL_CERT_FILE"))


def settle(store: Store, message: Message, outcome: Outcome, now: datetime) -> Delivery:
    """Record how a try ended."""
    is_given_up = settle_message(store, message, outcome, now)
    return Delivery(message.id, message.url, outcome.error is None, outcome.error, is_given_up)


_UNREACHABLE = ("no answer", "no connection")


def sign(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """The signature header of the Standard Webhooks specification, version 1: 'v1,' and a base64 HMAC-SHA256.

    A secret that starts with 'whsec_' is base64 behind that prefix; any other is used as its own bytes.
    Raises InputError, without the secret in it, for one that is not.
    """
    key = signing_key(secret)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
