"""The end of a campaign: verdict, drift record, alert and message, in one transaction."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...strategies.records import Configuration, Outcome, plain
from ...strategies.verdict.notice import Subject, write_notice
from ...strategies.verdict.verdict_records import Verdict
from ...strategies.words import capital
from ..state.models.adoption_log import note_gain
from ..state.models.auto_adoptions import insert_auto_adoption
from .alerts_of_verdict import settle_alerts
from .auto_adoption import decide_on_adoption
from .causes import find_causes
from .context import CampaignContext, costs_of, prepared_of
from .follow_up import follow_up


def record(context: CampaignContext, verdict: Verdict, challenger: Configuration) -> None:
    """The verdict, its drift record and its alert, committed together once the causes are known."""
    recommended = challenger if verdict.challenger_confirmed else None
    gain = follow_up(context)
    causes, drift = find_causes(context, verdict, challenger)
    ended = replace(costs_of(context), recommended=recommended, causes=causes, cost_drift=drift)
    subject = Subject(
        model=context.model.name,
        owner=context.file.owner,
        campaign_id=context.campaign.id,
        metric=context.file.goal.metric,
        lower_is_better=context.file.objective().lower_is_better,
        settings_version=context.campaign.settings_version,
        incumbent=context.configuration,
        recommended=recommended,
        compute_s=ended.compute_s,
        runs=ended.runs,
        changes=prepared_of(context.campaign).changes,
        why=tuple(reason.sentence for reason in (causes, drift) if reason is not None and reason.sentence),
        at_an_end="" if recommended is None else context.file.space().at_an_end(recommended),
    )
    now = context.clock.now()
    decision = decide_on_adoption(context, verdict, now)
    notice = write_notice(subject, verdict)
    if notice is not None and decision is not None:
        notice = replace(notice, sentences=(*notice.sentences, f"{capital(decision.sentence)}."))
    with context.store.transaction():
        campaign = context.lease.finish(verdict, lambda facts: replace(facts, ended=ended), now)
        if gain is not None:
            note_gain(context.store, campaign.model_id, campaign.settings_version, gain, campaign.id, now)
        if decision is not None:
            insert_auto_adoption(context.store, decision)
        details = _details(verdict, context.configuration, recommended)
        settle_alerts(context, campaign, subject, verdict, notice, details, now)


def _details(verdict: Verdict, incumbent: Configuration, recommended: Configuration | None) -> Mapping[str, Any]:
    return {
        "outcome": verdict.outcome.value,
        "reason": verdict.reason.value,
        "loss_at_least": verdict.lower,
        "loss_mean": verdict.mean,
        "e_value": verdict.e_value,
        "alpha": verdict.alpha,
        "settings": plain(incumbent),
        "recommended": None if recommended is None else plain(recommended),
        "is_critical": verdict.critical or verdict.outcome is Outcome.BROKEN,
    }
