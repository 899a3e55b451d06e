"""What earlier campaigns of a model found, as the start of a new search."""

from ...strategies.records import Configuration, LegResult, Purpose
from ...strategies.search.observations import Observations, Source
from ..config.model_file import ModelFile
from ..state.campaigns.campaigns import Campaign, campaigns_of
from ..state.campaigns.legs import results_of
from ..state.models.registry import file_of_version
from ..state.store import Store

MOST_CAMPAIGNS = 3  # whose scores a search starts from


def warm_start(store: Store, campaign: Campaign) -> tuple[Configuration, ...]:
    """The top configurations of the last campaign that searched; the search drops those that are no longer allowed."""
    searched = _searched_before(store, campaign)
    return _top(searched[-1]) if searched else ()


def earlier_scores(store: Store, campaign: Campaign, file: ModelFile) -> tuple[Observations, ...]:
    """What the last campaigns scored at the full budget of their searches, newest first, one group per campaign.

    Left out: campaigns with another metric, direction or budget, and configurations that the space, which may have
    changed since, no longer allows.
    """
    space, groups = file.space(), []
    for earlier in reversed(_searched_before(store, campaign)[-MOST_CAMPAIGNS:]):
        then = file_of_version(store, campaign.model_id, earlier.model_version)
        if _measure(then) != _measure(file):
            continue
        scores = tuple(
            (allowed, result.score)
            for result in results_of(store, earlier.id)
            if _is_full(result, file) and result.score is not None
            for allowed in space.allowed([result.request.configuration])
        )
        groups += [Observations(scores, Source.EARLIER)] if scores else []
    return tuple(groups)


def _searched_before(store: Store, campaign: Campaign) -> list[Campaign]:
    earlier = campaigns_of(store, campaign.model_id, "retune")
    return [before for before in earlier if before.id < campaign.id and _top(before)]


def _top(campaign: Campaign) -> tuple[Configuration, ...]:
    return () if campaign.facts.searched is None else campaign.facts.searched.top


def _measure(file: ModelFile) -> tuple[object, ...]:
    return file.goal.metric, file.goal.direction, file.goal.source, file.training.budget


def _is_full(result: LegResult, file: ModelFile) -> bool:
    return result.request.purpose is Purpose.SEARCH and result.request.to_step == file.training.budget.amount
