"""A model's drift record: one point a campaign."""

from ...strategies.drift.drift import DriftPoint, mean_held_out_score
from ...strategies.records import Role
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign, campaigns_of
from ..state.campaigns.legs import results_of
from ..state.models.registry import Model, file_of_version
from ..state.store import Store


def drift_points(store: Store, model: Model) -> tuple[DriftPoint, ...]:
    """The drift record of a model, oldest first: its finished baselines and re-evaluations."""
    done = (campaign for campaign in campaigns_of(store, model.id) if campaign.phase == "done")
    return tuple(_point(store, campaign) for campaign in done)


def _point(store: Store, campaign: Campaign) -> DriftPoint:
    results = results_of(store, campaign.id)
    floor = file_of_version(store, campaign.model_id, campaign.model_version).objective().floor
    verdict, prepared, ended = campaign.verdict, reached(campaign.facts.prepared), reached(campaign.facts.ended)
    if verdict is not None and verdict.floor is not None:
        floor = verdict.floor
    assert campaign.ended_at is not None
    return DriftPoint(
        campaign_id=campaign.id,
        kind=campaign.kind,
        at=campaign.ended_at,
        trigger=campaign.trigger,
        settings_version=campaign.settings_version,
        outcome=None if verdict is None else verdict.outcome,
        reason="" if verdict is None else verdict.reason.value,
        incumbent=mean_held_out_score(results, Role.INCUMBENT, floor),
        challenger=mean_held_out_score(results, Role.CHALLENGER, floor),
        mean=None if verdict is None else verdict.mean,
        lower=None if verdict is None else verdict.lower,
        upper=None if verdict is None else verdict.upper,
        e_value=None if verdict is None else verdict.e_value,
        n_pairs=0 if verdict is None else verdict.n_pairs,
        compute_s=ended.compute_s,
        runs=ended.runs,
        data="" if prepared.data is None else prepared.data.key(),
        environment=prepared.environment.key(),
        changes=prepared.changes,
        label="" if verdict is None else verdict.label,
        cause="" if ended.causes is None else ended.causes.summary,
    )
