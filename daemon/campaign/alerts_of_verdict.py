"""What a verdict means for the alerts of its model: it raises its own, and ends those that it answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...strategies.alerting.message import Kind
from ...strategies.alerting.verdict_alert import (
    OF_VERDICTS,
    Background,
    facts_of,
    kind_of,
    sentences_of,
    severity_of,
    shared_change,
    title_of,
)
from ...strategies.records import Outcome
from ...strategies.verdict.notice import Notice, Subject
from ...strategies.verdict.verdict_records import Verdict
from ..state.alert_raising import Found, raise_alert
from ..state.alert_rows import resolve_alerts
from ..state.alert_telling import tell_groups
from ..state.campaigns.campaigns import Campaign, campaigns_of
from ..state.models.registry import settings_of
from .context import CampaignContext


def settle_alerts(
    context: CampaignContext,
    campaign: Campaign,
    subject: Subject,
    verdict: Verdict,
    notice: Notice | None,
    details: Mapping[str, Any],
    now: datetime,
) -> None:
    """Raise the verdict's alert, if it calls for one, and end those before it, inside the open transaction."""
    own: tuple[int, ...] = ()
    if notice is not None:
        found = _found(context, campaign, subject, verdict, notice)
        own = (raise_alert(context.store, context.model, campaign, notice, details, context.config, now, found),)
    end = f"re-evaluation {campaign.id} found {_WORDS[verdict.outcome]}"
    groups = resolve_alerts(context.store, context.model.id, _ended_by(verdict), end, now, but=own)
    tell_groups(context.store, groups, context.config, now)


def settle_failures(context: CampaignContext, campaign: Campaign, now: datetime) -> None:
    """A baseline that ended well ends the alerts about failures, inside the open transaction."""
    groups = resolve_alerts(context.store, context.model.id, (Kind.FAILED,), f"baseline {campaign.id} ended well", now)
    tell_groups(context.store, groups, context.config, now)


_WORDS = {
    Outcome.FRESH: "its settings FRESH",
    Outcome.STALE: "its settings STALE, which has an alert of its own",
    Outcome.DEGRADED: "its scores DEGRADED, which has an alert of its own",
    Outcome.BROKEN: "its training BROKEN, which has an alert of its own",
    Outcome.INCONCLUSIVE: "nothing conclusive, but it ran",
}


def _ended_by(verdict: Verdict) -> tuple[Kind, ...]:
    """The kinds of alerts that a verdict answers: one that decides nothing ends only those about failures."""
    if verdict.outcome is Outcome.INCONCLUSIVE:
        return (Kind.FAILED, Kind.INCONCLUSIVE)
    return (*OF_VERDICTS, Kind.FAILED)


def _found(context: CampaignContext, campaign: Campaign, subject: Subject, verdict: Verdict, notice: Notice) -> Found:
    prepared = campaign.facts.prepared
    goal = context.file.goal
    background = Background(*_history(context, campaign), goal.value_per_unit, goal.currency or "")
    return Found(
        kind=kind_of(verdict),
        cause=f"settings v{campaign.settings_version}",
        severity=severity_of(verdict, notice),
        title=title_of(notice),
        sentences=sentences_of(notice, verdict, background),
        commands=notice.commands,
        change=shared_change(campaign.trigger, campaign.reason or "", () if prepared is None else prepared.changes),
        facts=facts_of(subject, verdict, background),
        is_tonight=verdict.outcome is Outcome.BROKEN,
    )


def _history(context: CampaignContext, campaign: Campaign) -> tuple[datetime, datetime | None]:
    """When the campaign's settings were adopted, and when they were last found FRESH; None: never."""
    adopted = [
        settings.created_at
        for settings in settings_of(context.store, context.model)
        if settings.version == campaign.settings_version
    ]
    fresh = [
        other.ended_at
        for other in campaigns_of(context.store, context.model.id, "retune")
        if other.id < campaign.id and other.settings_version == campaign.settings_version and other.ended_at is not None
        and other.verdict is not None and other.verdict.outcome is Outcome.FRESH
    ]  # fmt: skip
    return adopted[0], max(fresh, default=None)
