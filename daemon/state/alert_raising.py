"""Raising alerts: a new one, or once more the one that is open for the same cause, in the transaction of its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...strategies.alerting.life_cycle import opened, raised
from ...strategies.alerting.message import AlertMessage, Event, Kind, Severity
from ...strategies.alerting.routing import asks_for_quiet
from ...strategies.words import readable
from ..masking import masked
from .alert_messages import place_here
from .alert_rows import SERVICE, AlertRow, add_event, insert_alert, newest_alert, save_alert, set_message
from .alert_telling import tell_group
from .store import Store

if TYPE_CHECKING:
    from ...strategies.verdict.notice import Notice
    from ..config.config import Config
    from .campaigns.campaigns import Campaign
    from .models.registry import Model


@dataclass(frozen=True, slots=True)
class Found:
    """What an alert is raised for.

    `cause` tells alerts of one model and kind apart, and holds nothing that differs from message to message; `change`
    is what alerts of several models may have in common. `facts`: labels and values for the message.
    """

    kind: Kind
    cause: str
    severity: Severity
    title: str
    sentences: tuple[str, ...]
    commands: tuple[str, ...]
    change: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    is_tonight: bool = False


def raise_alert(
    store: Store,
    model: "Model",
    campaign: "Campaign",
    notice: "Notice",
    details: Mapping[str, Any],
    config: "Config",
    now: datetime,
    found: Found | None = None,
) -> int:
    """Record an alert about a campaign and queue its message inside the open transaction; the alert's number.

    What is of no more than the digest's interest sends nothing, unless a channel asks for it.
    `found` None: a failure, without a further cause.
    """
    if found is None:
        found = found_in(notice, Kind.FAILED, "")
    message = _message(store, found, readable(model.file.owner), now)
    message = replace(
        message, model=model.name, campaign_id=campaign.id, details=details, tags=model.file.alerts.tags,
        facts=_told_facts(store, found, campaign.id),
    )  # fmt: skip
    return _raise(store, message, model.id, found, config, now)


def raise_for_model(
    store: Store, model_id: int, name: str, owner: str, campaign_id: int | None, found: Found, config: "Config",
    now: datetime, *, tags: tuple[str, ...] = (),
) -> int:  # fmt: skip
    """The same about a model whose file need not be readable, inside the open transaction."""
    message = _message(store, found, readable(owner), now)
    facts = _told_facts(store, found, campaign_id)
    message = replace(message, model=name, campaign_id=campaign_id, facts=facts, tags=tags)
    return _raise(store, message, model_id, found, config, now)


def raise_for_service(store: Store, found: Found, config: "Config", now: datetime) -> int:
    """The same about the service itself."""
    message = replace(_message(store, found, SERVICE, now), facts=_told_facts(store, found, None))
    return _raise(store, message, None, found, config, now)


def found_in(notice: "Notice", kind: Kind, cause: str) -> Found:
    """What a notice says, as it is raised: what waits for the digest is told nobody."""
    severity = Severity.WARNING if notice.severity == "alert" else Severity.INFO
    return Found(kind, cause, severity, notice.title, notice.sentences, notice.commands)


def _raise(
    store: Store, message: AlertMessage, model_id: int | None, found: Found, config: "Config", now: datetime
) -> int:
    row = newest_alert(store, model_id, found.kind, found.cause)
    is_silent = found.severity is Severity.INFO and not any(
        asks_for_quiet(rule, found.kind) for rule in config.routes.channels
    )
    life = None if row is None else raised(row.life, now, config.alerts.rules, is_silent=is_silent)
    if row is None or life is None:
        life = opened(now, is_silent=is_silent)
        row = insert_alert(
            store, message, model_id=model_id, cause=found.cause, change="" if is_silent else readable(found.change),
            life=life, now=now,
        )  # fmt: skip
        add_event(store, row.id, "opened", now, detail=message.title)
    else:
        _raise_again(store, replace(row, life=life), message, now, has_returned=row.life.is_resolved)
    tell_group(store, row.group_id, config, now)
    return row.id


def _raise_again(store: Store, row: AlertRow, message: AlertMessage, now: datetime, *, has_returned: bool) -> None:
    save_alert(store, replace(row, resolution=""))
    set_message(store, row.id, message)
    add_event(store, row.id, "opened again" if has_returned else "seen again", now, detail=message.title)


def _message(store: Store, found: Found, owner: str, now: datetime) -> AlertMessage:
    """What was found, with nothing in it that acts on a terminal or a chat, and no secret: it quotes names of data
    columns, metrics and files, and what trainings wrote. Its id and key come with the telling."""
    return AlertMessage(
        id="", event=Event.OPENED, kind=found.kind, severity=found.severity, key="",
        title=readable(masked(found.title)),
        sentences=tuple(readable(masked(sentence)) for sentence in found.sentences),
        commands=tuple(readable(command) for command in found.commands),
        owner=owner, at=now, opened_at=now, is_tonight=found.is_tonight,
    )  # fmt: skip


def _told_facts(store: Store, found: Found, campaign_id: int | None) -> tuple[tuple[str, str], ...]:
    number = () if campaign_id is None else (("Campaign", str(campaign_id)),)
    facts = tuple((label, readable(masked(value))) for label, value in found.facts)
    return (*facts, *number, ("Where", readable(place_here(store))))
