"""A model's drift record: one point per campaign."""

import hashlib

from ...strategies.drift.drift import DriftPoint, mean_held_out_score
from ...strategies.records import Role
from ..config.model_file import ModelFile
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign, campaigns_page
from ..state.campaigns.legs import held_out_scores
from ..state.models.registry import Model, file_of_version
from ..state.paging import MOST, Order, checked_limit, cursor_after, key_in
from ..state.store import Store, to_json


def drift_points(store: Store, model: Model) -> tuple[DriftPoint, ...]:
    """The whole drift record of a model, oldest first: its finished baselines and re-evaluations."""
    points, cursor = drift_page(store, model, Order.OLDEST, None, MOST)
    while cursor is not None:
        more, cursor = drift_page(store, model, Order.OLDEST, cursor, MOST)
        points += more
    return points


def drift_page(
    store: Store, model: Model, order: Order, cursor: str | None, limit: int
) -> tuple[tuple[DriftPoint, ...], str | None]:
    """Points of a model's drift record, and the cursor of the next ones; None: there are no more."""
    listing = f"drift {order}"
    (after,) = key_in(cursor, listing, (int,)) or (None,)
    done = campaigns_page(store, model.id, order, after, checked_limit(limit) + 1, phase="done")
    versions = {campaign.model_version for campaign in done}
    files = {version: file_of_version(store, model.id, version) for version in versions}
    points = tuple(_point(store, campaign, files[campaign.model_version]) for campaign in done[:limit])
    return points, cursor_after(listing, points[-1].campaign_id) if len(done) > limit else None


def _point(store: Store, campaign: Campaign, file: ModelFile) -> DriftPoint:
    scores = held_out_scores(store, campaign.id)
    verdict, prepared, ended = campaign.verdict, reached(campaign.facts.prepared), reached(campaign.facts.ended)
    assert campaign.ended_at is not None
    return DriftPoint(
        campaign_id=campaign.id,
        kind=campaign.kind,
        at=campaign.ended_at,
        trigger=campaign.trigger,
        settings_version=campaign.settings_version,
        outcome=None if verdict is None else verdict.outcome,
        reason="" if verdict is None else verdict.reason.value,
        incumbent=mean_held_out_score(scores, Role.INCUMBENT),
        challenger=mean_held_out_score(scores, Role.CHALLENGER),
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
        code=prepared.code.key(),
        named_code="" if prepared.code.imported is None else prepared.code.key_of_named(),
        training=_training_key(file),
        budget=f"{file.training.budget.amount:g} {file.training.budget.unit.value}",
        metric=file.goal.metric,
        lower_is_better=file.objective().lower_is_better,
        source=_source(file),
    )


def _training_key(file: ModelFile) -> str:
    """A short name of the command or recipe as declared; the content of its files is the code's."""
    table = file.training
    declared = [table.command, table.recipe, table.precision]
    return hashlib.blake2b(to_json(declared).encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _source(file: ModelFile) -> str:
    """Where the training data come from, as the owner declared it; empty where the model file does not say."""
    return "" if file.data is None else str(file.data.path or file.data.glob)
