"""Signatures of messages by the Standard Webhooks specification, made and checked."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

from ...strategies.errors import InputError
from ..config.config import signing_key

TOLERANCE_S = 300
"""How far a timestamp may be from now, as in the public libraries of the specification."""
_VERSION = "v1,"


def sign(message_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """The signature header of the Standard Webhooks specification, version 1: 'v1,' and a base64 HMAC-SHA256.

    A secret that starts with 'whsec_' is base64 behind that prefix; any other is used as its own bytes.
    Raises InputError, without the secret in it, for one that is not.
    """
    key = signing_key(secret)
    signed = f"{message_id}.{timestamp}.".encode() + body
    return _VERSION + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def sign_with_all(message_id: str, timestamp: str, body: bytes, secrets: Sequence[str]) -> str:
    """The header with a signature for each secret: while one replaces another, a receiver may know either."""
    return " ".join(sign(message_id, timestamp, body, secret) for secret in secrets)


def verify(message_id: str, timestamp: str, signatures: str, body: bytes, secret: str, now: datetime) -> None:
    """Check a received message; raises InputError that says why it is not valid."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise InputError("the timestamp is not a number of seconds", "the header webhook-timestamp, as it came")
    known = [part for part in signatures.split() if part.startswith(_VERSION)]
    if not known:
        raise InputError(
            "the signature has no part that starts with v1,",
            "the header webhook-signature, as it came: signatures with spaces between them",
        )
    wanted = sign(message_id, timestamp, body, secret)
    if not any(hmac.compare_digest(wanted.encode(), part.encode(errors="replace")) for part in known):
        raise InputError(
            "the signature does not match",
            "the exact bytes of the body, its own webhook-id and webhook-timestamp, and the sender's secret",
            "check that nothing reformatted the body, not even a line end, and that the secret is the present one",
        )
    age_s = now.timestamp() - int(timestamp)
    if abs(age_s) > TOLERANCE_S:
        when = f"{age_s:.0f} s old" if age_s > 0 else f"{-age_s:.0f} s in the future"
        raise InputError(
            f"the signature matches, but the timestamp is {when}",
            f"at most {TOLERANCE_S} s, so that nobody sends an old message again",
            "check the clocks; for a message kept from earlier this is expected",
        )
