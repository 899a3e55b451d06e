"""Words that the forms share: what kind of message this is, and its first line."""

from ..message import AlertMessage, Event

_BEFORE_TITLE = {
    Event.REPEATED: "Still open: ",
    Event.ESCALATED: "Nobody answered: ",
    Event.SNOOZE_ENDED: "Snooze is over: ",
    Event.ACKNOWLEDGED: "Acknowledged: ",
    Event.RESOLVED: "Resolved: ",
    Event.SAMPLE: "Test message: ",
}


def headline(message: AlertMessage) -> str:
    """The title with what happened to the alert before it, where the title does not say so itself."""
    before, title = _BEFORE_TITLE.get(message.event, ""), message.title.strip() or f"retuned: {message.kind}"
    return title if title.lower().startswith(before.lower()) else before + title


def footer(message: AlertMessage) -> str:
    """Whose alert this is, in one line: owner, model and how many share it, campaign, kind, and whether it waits."""
    model = message.model or ""
    if message.others:
        model = f"{model} and {message.others} more".removeprefix(" and ")
    parts = (
        f"owner {message.owner}" if message.owner else "",
        f"model {model}" if model else "",
        f"campaign {message.campaign_id}" if message.campaign_id is not None else "",
        message.kind.value,
        "look at it now" if message.is_tonight else "can wait for working hours" if _is_open(message) else "",
        f"since {message.opened_at:%Y-%m-%d %H:%M} UTC" if _is_open(message) else "",
    )
    return ", ".join(part for part in parts if part)


def _is_open(message: AlertMessage) -> bool:
    return message.event not in (Event.RESOLVED, Event.CHANGED, Event.DIGEST, Event.SAMPLE)


def facts_of(message: AlertMessage, most: int) -> tuple[tuple[str, str], ...]:
    """The first facts; one more says how many were left out."""
    if len(message.facts) <= most:
        return message.facts
    kept = message.facts[: most - 1]
    return (*kept, ("Also", f"{len(message.facts) - len(kept)} more: retuned alerts"))
