"""The end of a campaign: verdict, drift record, alert and message, in one transaction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ...strategies.records import Configuration, Outcome, plain
from ...strategies.verdict.notice import Notice, Subject, write_notice
from ...strategies.verdict.verdict_records import Verdict
from ..config.config import Config
from ..state.alert import list_alerts, raise_alert
from ..state.campaigns.campaigns import Campaign, campaigns_of
from ..state.models.registry import find_model
from ..state.store import Store
from .causes import find_causes
from .context import CampaignContext, costs_of, prepared_of


def record(context: CampaignContext, verdict: Verdict, challenger: Configuration) -> None:
    """The verdict, its drift record and its alert, committed together once the causes are known."""
    recommended = challenger if verdict.challenger_confirmed else None
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
    )
    notice = write_notice(subject, verdict)
    now = context.clock.now()
    with context.store.transaction():
        campaign = context.lease.finish(verdict, lambda facts: replace(facts, ended=ended), now)
        if notice is not None:
            raise_alert(
                context.store,
                context.model,
                campaign,
                notice,
                _details(verdict, context.configuration, recommended),
                context.config,
                now,
            )


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


def alert_of_failure(store: Store, campaign: Campaign, reason: str, config: Config, now: datetime) -> None:
    """Tell the owner, inside the open transaction, that a re-evaluation which nobody started failed.

    One that a person started is watched by that person. While one after the other fails, the first is told.
    """
    if campaign.trigger == "manual" or campaign.kind != "retune" or campaign.verdict is not None:
        return
    if _is_told(store, campaign):
        return
    notice = Notice(
        title=f"{campaign.model}: a re-evaluation failed",
        sentences=(
            f"Campaign {campaign.id} ({campaign.trigger}) ended without a verdict: {reason}",
            "Nothing is known about the stored hyperparameters until the cause is fixed. Further failures in a row are "
            "only listed.",
        ),
        severity="alert",
        commands=(f"retuned history {campaign.model}", f"retuned retune {campaign.model}"),
    )
    raise_alert(store, find_model(store, campaign.model), campaign, notice, {"outcome": "failed"}, config, now)


def _is_told(store: Store, campaign: Campaign) -> bool:
    """Whether the owner was told of a failed re-evaluation since the last one that succeeded, whoever started it."""
    before = [ended for ended in campaigns_of(store, campaign.model_id, "retune") if ended.id < campaign.id]
    succeeded = max((ended.id for ended in before if ended.phase == "done"), default=0)
    failed = {ended.id for ended in before if ended.phase == "failed" and ended.id > succeeded}
    return any(alert.campaign_id in failed for alert in list_alerts(store, campaign.model))
