"""A message for PagerDuty's Events API v2: an alert that is triggered, acknowledged or resolved, or a change.

Source: PagerDuty's developer documentation, "Events API v2": summary at most 1,024 characters, dedup_key 255, a body
512 KB; a change event has no dedup_key.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ..message import AlertMessage, Event
from ..routing import CHANGES
from .shorten import shortened
from .wording import footer, headline

MOST_SUMMARY, MOST_KEY, MOST_DETAILS, MOST_URL = 1_024, 255, 20_000, 2_048
ALERTS_PATH, CHANGES_PATH = "/v2/enqueue", "/v2/change/enqueue"
_CHANGES = CHANGES | {Event.DIGEST}
_ACTIONS = {Event.ACKNOWLEDGED: "acknowledge", Event.RESOLVED: "resolve"}


def pagerduty_form(message: AlertMessage, routing_key: str, source: str) -> Mapping[str, Any]:
    """The body, for `path_of` the message. `source`: the host that the service runs on."""
    summary = shortened(headline(message), MOST_SUMMARY, note="...")
    links = [{"href": message.link, "text": "The page"}] if _has_link(message) else []
    payload = {
        "summary": summary,
        "source": source,
        "timestamp": message.at.isoformat(),
        "custom_details": _details(message),
    }
    if message.event in _CHANGES:
        return {"routing_key": routing_key, "payload": payload, "links": links}
    payload |= {"severity": message.severity.value, "class": message.kind.value, "group": message.owner or "retuned"}
    if message.model is not None:
        payload["component"] = message.model
    return {
        "routing_key": routing_key,
        "event_action": _ACTIONS.get(message.event, "trigger"),
        "dedup_key": dedup_key(message.key),
        "payload": payload,
        "client": "retuned",
        "links": links,
    }


def path_of(message: AlertMessage) -> str:
    """The path that the message is posted to."""
    return CHANGES_PATH if message.event in _CHANGES else ALERTS_PATH


def dedup_key(key: str) -> str:
    """The key that joins the messages of an alert; a long one ends in its hash, so that two never become one."""
    whole = f"retuned/{key}"
    if len(whole.encode("utf-8", "surrogatepass")) <= MOST_KEY:
        return whole
    digest = sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{whole[: (MOST_KEY - 33) // 4]}/{digest}"  # up to four bytes a character


def _details(message: AlertMessage) -> Mapping[str, Any]:
    what = shortened("\n".join(message.sentences), MOST_DETAILS)
    return {
        "what": what,
        **dict(message.facts[:30]),
        "what to type": list(message.commands)[:20],
        "about": footer(message),
    }


def _has_link(message: AlertMessage) -> bool:
    return message.link is not None and len(message.link) <= MOST_URL
