"""A message as JSON for programs, in the envelope of Standard Webhooks: `type`, `timestamp`, `data`."""

from collections.abc import Mapping
from typing import Any

from ..message import AlertMessage


def webhook_form(message: AlertMessage) -> Mapping[str, Any]:
    """The body; `type` is such as "retuned.stale.opened", and `text` is what chat services show of it.

    Source: the Standard Webhooks specification, "Payload structure".
    """
    return {
        "type": f"retuned.{message.kind}.{message.event}",
        "timestamp": message.at.isoformat(),
        "text": message.text,
        "data": dict(message.to_json()) | {"text": message.text},
    }
