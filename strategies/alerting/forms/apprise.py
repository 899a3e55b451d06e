"""A message for the many services that the library Apprise knows: a title, a text and one of its four types."""

from collections.abc import Mapping

from ..message import AlertMessage, Severity
from .shorten import shortened
from .wording import WHAT_TO_TYPE, footer, headline, is_good

MOST_TITLE, MOST_BODY = 250, 20_000  # Apprise itself cuts to what each service takes
_TYPES = {Severity.CRITICAL: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}


def apprise_form(message: AlertMessage) -> Mapping[str, str]:
    """`title`, `body` and `notify_type`, as `Apprise.notify` takes them; the body is plain text."""
    facts = tuple(f"{label}: {value}" for label, value in message.facts)
    link = () if message.link is None else (message.link,)
    commands = (WHAT_TO_TYPE, *(f"  {command}" for command in message.commands)) if message.commands else ()
    body = "\n".join((*message.sentences, *facts, *commands, *link, footer(message)))
    return {
        "title": shortened(headline(message), MOST_TITLE, note="..."),
        "body": shortened(body, MOST_BODY),
        "notify_type": "success" if is_good(message) else _TYPES[message.severity],
    }
