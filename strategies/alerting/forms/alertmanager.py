"""A message as an alert of Prometheus Alertmanager's API v2, which ends by itself unless it is sent again.

Source: api/v2/openapi.yaml of prometheus/alertmanager (postableAlert): labels are the alert's identity, and one whose
`endsAt` has passed counts as resolved.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..message import AlertMessage, Event
from .shorten import lines_that_fit, shortened
from .wording import headline

PERIODS = 3
"""An open alert ends by itself after so many periods in which it was not sent again."""
MOST_LABEL, MOST_ANNOTATION = 500, 10_000


def alertmanager_labels(message: AlertMessage) -> Mapping[str, str]:
    """The labels; those of the first message of an alert are used to its end, whatever later ones say."""
    labels = {
        "alertname": f"Retuned{message.kind.value.capitalize()}",
        "job": "retuned",
        "severity": message.severity.value,
        "owner": message.owner,
        "model": message.model or "",
        "retuned_key": message.key,
    }
    return {name: shortened(value, MOST_LABEL, len, "...") for name, value in labels.items() if value.strip()}


def alertmanager_form(message: AlertMessage, labels: Mapping[str, str], ends_at: datetime) -> Mapping[str, Any]:
    """One entry of the array that is posted; a resolved message ends when it was made."""
    description = "\n".join((*message.sentences, *(f"{label}: {value}" for label, value in message.facts)))
    annotations = {
        "summary": shortened(headline(message), 1_000, len, "..."),
        "description": shortened(description, MOST_ANNOTATION, len),
        "commands": "\n".join(lines_that_fit(message.commands, MOST_ANNOTATION, len)),
    }
    end = message.at if message.event is Event.RESOLVED else ends_at
    form: dict[str, Any] = {
        "labels": dict(labels),
        "annotations": {name: text for name, text in annotations.items() if text.strip()},
        "startsAt": min(message.opened_at, end).isoformat(),
        "endsAt": end.isoformat(),
    }
    if message.link is not None and message.link.startswith(("https://", "http://")):
        form["generatorURL"] = message.link
    return form
