"""What a receiver's answer means for its message: accepted, tried again on schedule, or never passed.

Source: Standard Webhooks and Stripe, which try on after any answer but 2xx, Standard Webhooks until 410. Here, too,
what an owner or the receiver can mend (a wrong secret, a moved address, an outage) is tried on. Departure: what no
later try of the same bytes will pass is given up, and told at once.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from ...strategies.words import readable
from ..state.outbox import Outcome, place_of

LONGEST_WAIT_S = 86_400.0  # that a receiver may ask for
LONGEST_PLACE = 200  # characters of another host's name
FINAL = {
    410: "the receiver wants no more messages there",
    413: "this message is too long for the receiver",
    415: "the receiver takes no JSON",
    422: "the receiver cannot use what this message says",
}
"""Answers after which the message is never sent again."""
_MENDABLE = {
    400: "the receiver does not accept it; check webhook_secret, and that the address takes this kind of message",
    401: "check webhook_secret and the address",
    403: "check webhook_secret and the address",
    404: "check the address",
    405: "check the address",
}


def outcome_of(status: int, location: str, retry_after: str, url: str, now: datetime) -> Outcome:
    """What an answer means. `location`, `retry_after`: its headers, empty without; `url`: where the message was sent.

    The error names hosts alone: the path of an address may be a password.
    """
    if 200 <= status < 300:
        return Outcome(None)
    error = f"HTTP status {status}, expected 200 to 299"
    hint = _moved(location, url) if 300 <= status < 400 else FINAL.get(status) or _MENDABLE.get(status, "")
    return Outcome(f"{error}: {hint}" if hint else error, asked_wait_s(retry_after, now), status in FINAL)


def asked_wait_s(text: str, now: datetime) -> float:
    """The seconds of a Retry-After header, a number or a date, at most a day; 0 for none and for nonsense."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT_S)


def _moved(location: str, url: str) -> str:
    """A redirect in words: followed blindly, it would take a signed message to a place that nobody configured."""
    try:
        place = place_of(urljoin(url, location)) if location else ""
    except ValueError:
        place = ""
    where = f"to {readable(place)[:LONGEST_PLACE]} " if place.startswith(("http://", "https://")) else ""
    return f"a redirect {where}is not followed; write the receiver's new address into the configuration"
