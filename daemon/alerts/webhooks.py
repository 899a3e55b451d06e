"""Delivery of messages to webhooks: claimed, signed, posted, retried."""

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import requests

from ...strategies.errors import RetunedError
from ..config.config import resolve_secret, signing_key
from ..state.outbox import _SYSTEM, AT_ONCE, ROUND_S, Message, claim_message, due_messages, settle_message
from ..state.store import Store

TIMEOUT_S = 10.0


CLAIM_S = 60.0
"""How long a message belongs to the process that attempts it: longer than any attempt may take."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of one attempt."""

    id: str
    url: str
    is_delivered: bool
    error: str | None


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
    error = _post(message, now, environ)
    settle_message(store, message, error, now)
    return Delivery(message.id, message.url, error is None, error)


def _post(message: Message, now: datetime, environ: Mapping[str, str]) -> str | None:
    """Send the message; None when it was accepted, else the reason in one line (never with the secret in it)."""
    body = message.payload.encode()
    headers = {"content-type": "application/json", "user-agent": "retuned", "webhook-id": message.id}
    headers["webhook-timestamp"] = str(int(now.timestamp()))
    try:
        if message.secret_reference is not None:
            secret = resolve_secret(message.secret_reference, environ)
            headers["webhook-signature"] = sign(message.id, headers["webhook-timestamp"], body, secret)
        status = _status_of_post(message.url, body, headers)
    except RetunedError as error:
        return str(error)
    except (requests.RequestException, ValueError) as error:
        return _why(error)
    return None if 200 <= status < 300 else f"HTTP status {status}, expected 200 to 299"


def _status_of_post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    with requests.Session() as session:
        session.trust_env = False  # no proxy and no .netrc password from the environment
        # streamed: the answer's body does not matter and may be endless
        answer = session.post(url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True)
        answer.close()
    return answer.status_code


_UNREACHABLE = ("no answer", "no connection")


def _why(error: BaseException) -> str:
    """The cause of a failed delivery; the errors' own texts repeat the address, whose path may contain a token."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT_S:g} s"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"no connection: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    return f"it could not be sent ({type(error).__name__})"


def sign(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """The signature header of the Standard Webhooks specification, version 1: 'v1,' and a base64 HMAC-SHA256.

    A secret that starts with 'whsec_' is base64 behind that prefix; any other is used as its own bytes.
    Raises InputError, without the secret in it, for one that is not.
    """
    key = signing_key(secret)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
