"""A second stage of a campaign: where the pairs of the first challenger confirmed nothing, the search goes on.

It knows those pairs, its challenger is tested on fresh ones, and the two stages share the error rates of the campaign.
"""

from dataclasses import replace

from ...strategies.records import SECOND_STAGE, Outcome, Role
from ...strategies.search.choose import Strategy
from ...strategies.search.observations import Observations, Source
from ...strategies.search.task import Finished, SearchTask
from ...strategies.verdict.contract import Contract
from ...strategies.verdict.verdict_records import Verdict
from ..state.campaigns.phase_records import ChosenStrategy, FirstStage
from .confirm import first_stage_runs, spent_s
from .context import CampaignContext, budget_s_of


def goes_on(context: CampaignContext, chosen: ChosenStrategy, contract: Contract, verdict: Verdict) -> bool:
    """Whether a second stage follows: the first found nothing better, STALE can be told, and there is budget."""
    if context.campaign.facts.judged is not None or chosen.stages < 2 or chosen.strategy is not Strategy.CAVIAR:
        return False
    is_open = verdict.outcome in (Outcome.FRESH, Outcome.DEGRADED) and contract.allows_stale and not verdict.suspicions
    return is_open and not _is_spent(context)


def begin_second_stage(context: CampaignContext, verdict: Verdict, search: Finished) -> None:
    """Record how the first stage ended."""
    rivals = first_stage_runs(context, Role.CHALLENGER)
    challenger = None if search.nothing_better else search.winner
    first = FirstStage(verdict, search.winner_trial, challenger, max(rivals, default=-1) + 1)
    context.lease.advance("search", lambda facts: replace(facts, first=first, looks=()), context.clock.now())


def gone_on(context: CampaignContext, task: SearchTask) -> SearchTask:
    """The search of the second stage: as many trials again, with the pairs as data."""
    first = context.campaign.facts.first
    if first is None:
        return task
    return replace(task, more=task.challengers, paired=None if first.challenger is None else _pairs(context))


def why_untested(context: CampaignContext, search: Finished) -> str | None:
    """Why the second search's challenger is not tested in pairs, as a sentence; None where it is.

    A campaign that is resumed with pairs of the second stage goes on with them.
    """
    if search.failed:
        return f"A second search came to no end: {search.reason}."
    if search.nothing_better:
        return "A second search, which knew these runs, found nothing better."
    has_begun = any(leg.request.is_of_confirm and leg.request.number >= SECOND_STAGE for leg in context.runs.results)
    return (
        None if has_begun or not _is_spent(context) else "The budget was spent before a second challenger was tested."
    )


def _is_spent(context: CampaignContext) -> bool:
    budget_s = budget_s_of(context)
    return budget_s is not None and spent_s(context, SECOND_STAGE) >= budget_s


def _pairs(context: CampaignContext) -> Observations | None:
    """The scores of the pairs, each pair's around its mean, which takes the luck of its seed and rows out."""
    ours, theirs = (first_stage_runs(context, role) for role in (Role.INCUMBENT, Role.CHALLENGER))
    scores = []
    for number in sorted(ours.keys() & theirs.keys()):
        score, rival = ours[number].score, theirs[number].score
        if score is not None and rival is not None:
            half = (rival - score) / 2
            scores += [(ours[number].request.configuration, -half), (theirs[number].request.configuration, half)]
    return Observations(tuple(scores), Source.PAIRED) if scores else None
