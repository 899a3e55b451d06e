"""Did the gain of the last adoption arrive? Measured once, in the first re-evaluation of the new settings."""

from dataclasses import replace

from ...strategies.adoption.follow_up import gain_of, runs_to_repeat
from ...strategies.adoption.gain import Gain
from ...strategies.errors import InputError
from ...strategies.legs import names
from ...strategies.records import Configuration, LegRequest, Role
from ..state.campaigns.campaign_facts import reached
from ..state.models.adoption_log import Adoption, adoption_of, previous_values
from .context import CampaignContext, budget_s_of


def follow_up(context: CampaignContext) -> Gain | None:
    """The gain of the adoption that made this campaign's settings current; None where there is none to measure.

    The settings before it are trained on the seeds and rows of this campaign's own runs of the new ones: one run a
    pair. None, too, with a training whose runs cannot be paired, with fewer than four runs to pair, where the settings
    before no longer fit the search space, and once the compute budget is spent: the next campaign tries again.
    """
    adoption = adoption_of(context.store, context.model.id, context.campaign.settings_version)
    if adoption is None or adoption.gain is not None or reached(context.campaign.facts.contract).forbids_pairs:
        return None
    goal = context.file.goal
    if (adoption.metric, adoption.lower_is_better) != (goal.metric, goal.direction == "minimize"):
        return None
    before = _configuration_before(context, adoption)
    requests = runs_to_repeat(context.runs.results)
    if before is None or not requests:
        return None
    repeated = [_with(request, before) for request in requests]
    if _is_spent(context, repeated):
        return None
    results = context.runs.run(repeated)
    new = {result.request.name: result.score for result in context.runs.results}
    return gain_of(
        {request.number: new[request.name] for request in requests},
        {result.request.number: result.score for result in results},
    )


def _configuration_before(context: CampaignContext, adoption: Adoption) -> Configuration | None:
    values = previous_values(context.store, adoption)
    try:
        return None if values is None else context.file.space().validate(values, strict=False)
    except InputError:
        return None


def _with(request: LegRequest, before: Configuration) -> LegRequest:
    """The same run, seeds and rows, with the settings before."""
    name = names.full_run(request.purpose, Role.PREVIOUS, request.number)
    return replace(request, name=name, trial=name, role=Role.PREVIOUS, configuration=before)


def _is_spent(context: CampaignContext, requests: list[LegRequest]) -> bool:
    """Whether the budget allows no more runs. Runs planned before an interruption are still made."""
    budget_s, planned = budget_s_of(context), context.lease.planned()
    is_planned = all(request.name in planned for request in requests)
    return not is_planned and budget_s is not None and context.runs.compute_s >= budget_s
