"""The confirm phase: the rules of the test frozen, then pairs on fresh seeds and rows until they decide."""

from dataclasses import replace

from ...strategies.drift.drift import noise_of
from ...strategies.records import Configuration, LegRequest, Outcome, Purpose, Role
from ...strategies.verdict.contract import Contract
from ...strategies.verdict.runs import Pair, Run, SearchSummary
from ...strategies.verdict.safe_t_test import FIRST_LOOK
from ...strategies.verdict.test_plan import plan_test
from ...strategies.verdict.verdict import judge
from ...strategies.verdict.verdict_records import Continue, TestPlan, Verdict
from ..state.campaigns.campaigns import campaigns_of
from ..state.campaigns.legs import results_of
from ..state.models.model_calendar import campaigns_a_year
from ..state.store import Store
from .context import CampaignContext, birth_results, budget_s_of, full_run, slice_base


def freeze_plan(context: CampaignContext) -> TestPlan:
    """The rules of the test, frozen in the record before the first pair."""
    searched = context.campaign.facts.searched
    if searched is not None:
        return searched.test_plan
    goal, objective = context.file.goal, context.file.objective()
    replicates = [result for result in birth_results(context) if result.request.purpose is Purpose.REPLICATE]
    earlier = noise_before(context.store, context.model.id, context.campaign.settings_version, context.campaign.id)
    return plan_test(
        campaigns_a_year=campaigns_a_year(context.store, context.model, context.campaign.created_at),
        replicates=tuple(Run.of(result) for result in replicates),
        earlier_scores=tuple(scores for scores, _ in earlier),
        earlier_differences=tuple(differences for _, differences in earlier),
        margin=goal.margin,
        floor=objective.floor,
        drop_least=goal.least_drop,
        n_max=context.file.search.max_pairs,
    )


def noise_before(
    store: Store, model_id: int, settings_version: int, before: int | None = None
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """What campaigns of these settings know of the noise, a group a campaign: the incumbent's held-out scores, and
    the differences of their pairs. Only those before campaign `before`; None for all.

    Campaigns that found the settings stale, broken or fallen are left out: settings that no longer fit scatter more,
    and their spread would make the next loss look small. So are those on data with glitches, which scatter as well.
    """
    return tuple(
        noise_of(results_of(store, earlier.id))
        for earlier in campaigns_of(store, model_id, "retune")
        if (before is None or earlier.id < before)
        and earlier.settings_version == settings_version
        and earlier.verdict is not None
        and earlier.verdict.outcome in (Outcome.FRESH, Outcome.INCONCLUSIVE)
        and not earlier.verdict.has_fallen
        and not earlier.verdict.suspicions
    )


def confirm(
    context: CampaignContext, plan: TestPlan, contract: Contract, summary: SearchSummary, challenger: Configuration
) -> Verdict:
    """Pairs, or runs of the incumbent alone, until the judgement is there.

    A campaign that was continued by more pairs goes by the rules as they were frozen, with another end: its looks
    are those of the longer test from its beginning. Both bounds are e-values, whose error rates hold at any
    stopping time, so also where going on was decided after the evidence was seen. Source: Ville's inequality;
    Wang & Ramdas, arXiv 2310.03722; Gruenwald, de Heide & Koolen, Safe Testing, arXiv 1906.07801.
    """
    facts = context.campaign.facts
    if facts.judged is not None:  # the causes were being looked for when the campaign was interrupted
        return facts.judged
    base = slice_base(context.campaign.seed, "confirm")
    allowed = None if facts.continued is None else facts.continued.pairs_allowed
    budget_s = budget_s_of(context) if allowed is None else None  # whoever asks for more pairs allows their cost
    if allowed is not None:
        plan = replace(plan, n_max=max(FIRST_LOOK, allowed))
    pairs: tuple[Pair, ...] = ()
    alone: tuple[Run, ...] = ()
    while True:
        is_spent = budget_s is not None and _spent_s(context, max(len(pairs), len(alone))) >= budget_s
        answer = judge(plan, contract, summary, pairs, alone, budget_spent=is_spent, suspicions=facts.suspicions)
        if isinstance(answer, Verdict):
            return answer
        assert isinstance(answer, Continue)
        pairs = _run_pairs(context, answer.pairs, base, challenger) if answer.pairs else pairs
        alone = tuple(Run.of(r) for r in context.runs.run(_incumbents(context, answer.incumbent_runs, base))) or alone


def _spent_s(context: CampaignContext, judged: int) -> float:
    """Seconds of training up to the runs that are being judged: after an interruption later ones may be there already,
    and the answer must be the one that was given before."""
    return sum(
        result.seconds
        for result in context.runs.results
        if not result.request.is_of_confirm or result.request.number < judged
    )


def _run_pairs(context: CampaignContext, count: int, base: int, challenger: Configuration) -> tuple[Pair, ...]:
    requests: list[LegRequest] = []
    for incumbent, number in zip(_incumbents(context, count, base), range(count), strict=True):
        rival = full_run(context, Purpose.CONFIRM, Role.CHALLENGER, number, challenger, base)
        requests += [incumbent, rival]
    results = context.runs.run(requests)
    return tuple(Pair(number, Run.of(results[2 * number]), Run.of(results[2 * number + 1])) for number in range(count))


def _incumbents(context: CampaignContext, count: int, base: int) -> tuple[LegRequest, ...]:
    return tuple(
        full_run(context, Purpose.CONFIRM, Role.INCUMBENT, number, context.configuration, base)
        for number in range(count)
    )
