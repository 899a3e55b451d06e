"""Words that the forms share: the first line and the last."""

from ..message import AlertMessage, Event

WHAT_TO_TYPE = "What to type:"


def headline(message: AlertMessage) -> str:
    """The title, which says what happened to the alert; never empty."""
    return message.title.strip() or f"retuned: {message.kind}"


def footer(message: AlertMessage) -> str:
    """Whose alert this is, in one line: owner, model and how many share it, campaign, kind, and whether it waits."""
    model = message.model or ""
    if message.others:
        model = f"{model} and {message.others} more".removeprefix(" and ")
    parts = (
        f"owner {message.owner}" if message.owner else "",
        f"model {model}" if model else "",
        f"campaign {message.campaign_id}" if message.campaign_id is not None else "",
        "" if message.event in (Event.DIGEST, Event.SAMPLE, Event.DUE) else message.kind.value,
        "look at it now" if message.is_tonight else "can wait for working hours" if _is_open(message) else "",
        f"since {message.opened_at:%Y-%m-%d %H:%M} UTC" if _is_open(message) else "",
    )
    return ", ".join(part for part in parts if part)


def is_good(message: AlertMessage) -> bool:
    """Whether it is good news."""
    return message.event in (Event.RESOLVED, Event.CHANGED, Event.ADOPTED)


def _is_open(message: AlertMessage) -> bool:
    return not is_good(message) and message.event not in (Event.DIGEST, Event.SAMPLE, Event.DUE)


def facts_of(message: AlertMessage, most: int) -> tuple[tuple[str, str], ...]:
    """The first facts; one more says how many were left out."""
    if len(message.facts) <= most:
        return message.facts
    kept = message.facts[: most - 1]
    return (*kept, ("Also", f"{len(message.facts) - len(kept)} more: retuned alerts"))
