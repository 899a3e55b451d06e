"""The message of `retuned channels test`: harmless, and easy to recognise."""

from datetime import datetime

from .message import AlertMessage, Event, Kind, Severity


def sample_message(channel: str, host: str, message_id: str, now: datetime) -> AlertMessage:
    """A test message for a channel, sent from `host`."""
    return AlertMessage(
        id=message_id,
        event=Event.SAMPLE,
        kind=Kind.STALE,
        severity=Severity.INFO,
        key=f"sample/{channel}",
        title=f"Test message: retuned on {host} reaches the channel {channel}",
        sentences=(
            "Somebody typed `retuned channels test`. Nothing is wrong, and nothing needs to be done.",
            "An alert would say here what is stale, since when, what it costs, and how sure that is.",
        ),
        owner="nobody",
        at=now,
        opened_at=now,
        facts=(("Sent from", host), ("Sent at", f"{now:%Y-%m-%d %H:%M:%S} UTC")),
        commands=("retuned channels",),
    )
