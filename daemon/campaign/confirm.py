"""The confirm phase: the rules of the test are frozen, then pairs run on fresh seeds and rows until they decide."""

import math
from collections.abc import Sequence
from dataclasses import replace

from ...strategies.drift.drift import noise_of
from ...strategies.records import SECOND_STAGE, Configuration, LegRequest, LegResult, Outcome, Purpose, Role
from ...strategies.verdict.contract import Contract
from ...strategies.verdict.evidence import weigh
from ...strategies.verdict.margin import margin_of
from ...strategies.verdict.runs import Pair, Run, SearchSummary
from ...strategies.verdict.safe_t_test import FIRST_LOOK
from ...strategies.verdict.test_plan import plan_test
from ...strategies.verdict.verdict import judge
from ...strategies.verdict.verdict_records import Continue, TestPlan, Verdict
from ..config.model_file import ModelFile
from ..state.campaigns.campaigns import campaigns_of
from ..state.campaigns.legs import results_of
from ..state.campaigns.phase_records import Look
from ..state.models.model_calendar import campaigns_a_year
from ..state.store import Store
from .context import CampaignContext, baseline_results, budget_s_of, full_run, slice_base

Noise = tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
"""The incumbent's held-out scores and the differences of its pairs, one group per campaign."""


def freeze_plan(context: CampaignContext) -> TestPlan:
    """The rules of the test, frozen in the record before the first pair; a second stage has the same."""
    searched, chosen = context.campaign.facts.searched, context.campaign.facts.chosen
    if searched is not None:
        return searched.test_plan
    noise = noise_before(context.store, context.model.id, context.campaign.settings_version, context.campaign.id)
    a_year = campaigns_a_year(context.store, context.model, context.campaign.created_at)
    stages = 1 if chosen is None else chosen.stages
    return rules_of(context.file, baseline_results(context), noise, a_year, stages)


def rules_of(
    file: ModelFile, baseline: Sequence[LegResult], noise: Noise, campaigns_a_year: float, stages: int = 1
) -> TestPlan:
    """The rules of a model's next test, from the legs of its baseline and the noise of earlier campaigns."""
    return plan_test(
        campaigns_a_year=campaigns_a_year,
        replicates=tuple(Run.of(leg) for leg in baseline if leg.request.purpose is Purpose.REPLICATE),
        earlier_scores=tuple(scores for scores, _ in noise),
        earlier_differences=tuple(differences for _, differences in noise),
        margin=margin_of(file.goal.margin),
        floor=file.objective().floor,
        trivial=file.trivial_score,
        drop_least=margin_of(file.goal.least_drop),
        n_max=file.search.max_pairs,
        stages=stages,
    )


def noise_before(store: Store, model_id: int, settings_version: int, before: int | None = None) -> Noise:
    """The noise seen by earlier campaigns of these settings, one group per campaign: the incumbent's held-out scores,
    and the differences of their pairs. Only those before campaign `before`; None for all.

    Campaigns that found the settings stale, broken or worse are left out: settings that no longer fit scatter more,
    and their spread would make the next loss look small. So are those on data with glitches, which also adds noise.
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
    """The verdict, after as many pairs, or runs of the incumbent alone, as it needs.

    The pairs of a second stage have seeds and rows of their own. What the first one's runs of the incumbent say about
    its failures and its fall since the baseline counts, too.

    A campaign that was continued with more pairs keeps its frozen rules, with a later end: its looks are those of
    the longer test from the start. Both bounds are e-values, whose error rates hold at any stopping time, so also
    when the decision to continue was made after the evidence was seen. Source: Ville's inequality;
    Wang & Ramdas, arXiv 2310.03722; Gruenwald, de Heide & Koolen, Safe Testing, arXiv 1906.07801.
    """
    facts = context.campaign.facts
    if facts.judged is not None:  # the campaign was interrupted while it looked for causes
        return facts.judged
    start = 0 if facts.first is None else SECOND_STAGE
    base = slice_base(context.campaign.seed, "confirm") + (0 if facts.first is None else facts.first.pairs - start)
    allowed = None if facts.continued is None else facts.continued.pairs_allowed
    budget_s = budget_s_of(context) if allowed is None else None  # a person who asks for more pairs accepts their cost
    if allowed is not None:
        plan = replace(plan, n_max=max(FIRST_LOOK, allowed))
    pairs: tuple[Pair, ...] = ()
    alone = _alone_before(context)
    while True:
        judged = start + len(pairs) if start else max(len(pairs), len(alone))
        is_spent = budget_s is not None and spent_s(context, judged) >= budget_s
        decision = judge(plan, contract, summary, pairs, alone, budget_spent=is_spent, suspicions=facts.suspicions)
        if isinstance(decision, Verdict):
            return decision
        assert isinstance(decision, Continue)
        if decision.pairs:
            pairs = _run_pairs(context, decision.pairs, start, base, challenger)
            _show_look(context, _look_of(plan, summary, pairs, alone))
        if decision.incumbent_runs:
            requests = _incumbents(context, decision.incumbent_runs, start, base)
            alone = tuple(Run.of(result) for result in context.runs.run(requests))


def _show_look(context: CampaignContext, look: Look | None) -> None:
    """Record for those who watch what the pairs say now; those before it stay, later ones of a run before go."""
    if look is not None:
        context.lease.amend(
            lambda facts: replace(facts, looks=(*(one for one in facts.looks if one.pairs < look.pairs), look))
        )


def _look_of(plan: TestPlan, summary: SearchSummary, pairs: Sequence[Pair], alone: Sequence[Run]) -> Look | None:
    """What the pairs say; None where nothing can be said yet."""
    usable = [pair for pair in pairs if not pair.is_lost]
    bounds = weigh(plan, summary, usable, alone).bounds
    if bounds is None or not math.isfinite(bounds.mean):
        return None
    lower, upper = (bound if math.isfinite(bound) else None for bound in (bounds.lower, bounds.upper))
    return Look(bounds.n, bounds.mean, lower, upper)


def _alone_before(context: CampaignContext) -> tuple[Run, ...]:
    """The incumbent's runs of the first stage, once a second one goes on; lost ones are left out."""
    if context.campaign.facts.first is None:
        return ()
    by_number = first_stage_runs(context, Role.INCUMBENT)
    runs = [Run.of(by_number[number]) for number in sorted(by_number)]
    return tuple(run for run in runs if not run.is_void)


def first_stage_runs(context: CampaignContext, role: Role) -> dict[int, LegResult]:
    """The ended runs of the first stage's pairs in that role, by the number of the pair."""
    requests = ((result.request, result) for result in context.runs.results)
    return {
        request.number: result
        for request, result in requests
        if request.is_of_confirm and request.role is role and request.number < SECOND_STAGE
    }


def spent_s(context: CampaignContext, judged: int) -> float:
    """Seconds of training up to the runs that are being judged: after an interruption later ones may exist already,
    and the decision must be the same as before."""
    return sum(
        result.seconds
        for result in context.runs.results
        if not result.request.is_of_confirm or result.request.number < judged
    )


def _run_pairs(
    context: CampaignContext, count: int, start: int, base: int, challenger: Configuration
) -> tuple[Pair, ...]:
    requests: list[LegRequest] = []
    for incumbent in _incumbents(context, count, start, base):
        rival = full_run(context, Purpose.CONFIRM, Role.CHALLENGER, incumbent.number, challenger, base)
        requests += [incumbent, rival]
    results = context.runs.run(requests)
    return tuple(Pair(number, Run.of(results[2 * number]), Run.of(results[2 * number + 1])) for number in range(count))


def _incumbents(context: CampaignContext, count: int, start: int, base: int) -> tuple[LegRequest, ...]:
    return tuple(
        full_run(context, Purpose.CONFIRM, Role.INCUMBENT, number, context.configuration, base)
        for number in range(start, start + count)
    )
