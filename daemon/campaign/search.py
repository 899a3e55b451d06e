"""The search phase: what a strategy proposes is run and recorded, and its results are passed back to it."""

from collections.abc import Sequence
from statistics import stdev

from ...strategies.caviar import caviar
from ...strategies.records import LegResult, Purpose, Role
from ...strategies.search import choose
from ...strategies.search.detection import detection_by
from ...strategies.search.search_size import coordinates_of
from ...strategies.search.task import DEFAULT_CHALLENGERS, Finished, Propose, SearchTask
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.phase_records import ChosenStrategy
from ..training.machine import machine_of
from .context import CampaignContext, baseline_results, room_of
from .forecast import PROBE_RUNS, forecast
from .leg_runs import LegRuns
from .panda_search import panda_task, run_panda
from .second_stage import gone_on
from .warm_start import earlier_scores, warm_start


def run_search(runs: LegRuns, task: SearchTask) -> Finished:
    """Run what caviar proposes until it names its challenger."""
    while True:
        decision = caviar.decide(task, runs.search_results)
        if isinstance(decision, Finished):
            return decision
        assert isinstance(decision, Propose)
        runs.run(decision.legs, decision.rule)


def search_for_challenger(context: CampaignContext) -> Finished:
    """The result of the chosen strategy's search."""
    chosen = reached(context.campaign.facts.chosen)
    task = _search_task(context, chosen)
    if chosen.strategy is choose.Strategy.PANDA:
        return run_panda(context, panda_task(context, task, chosen.lives))
    return run_search(context.runs, gone_on(context, task))


def found_in_8_of_10(context: CampaignContext, stages: int) -> float | None:
    """The loss that 8 of 10 such campaigns find, in standard deviations of a paired difference, from the challengers
    that the search scored in so many stages; None where it is not known, as for panda and for other samplers."""
    chosen = context.campaign.facts.chosen
    if chosen is None:
        return None
    legs = context.runs.search_results
    tried = {leg.request.trial for leg in legs if leg.request.role is not Role.INCUMBENT and leg.score is not None}
    sampler, coordinates = context.file.search.sampler, coordinates_of(context.file.space())
    detection = detection_by(chosen.strategy, sampler, coordinates, len(tried) // stages, stages)
    return None if detection is None else detection.gap()


def choose_strategy(context: CampaignContext) -> ChosenStrategy:
    """What the campaign is expected to cost, and how large a search its compute budget allows."""
    slots, _ = room_of(context.file, context.campaign, context.config)
    probed = any(leg.request.role is Role.PROBE for leg in context.runs.results)
    found = forecast(
        context.file,
        (*context.runs.results, *baseline_results(context)),
        machine_of(context.config),
        context.config,
        budget_s=context.campaign.options.get("budget_s"),
        strategy=context.campaign.options.get("strategy"),
        at_once=slots,
        probe_runs=PROBE_RUNS if probed else 0,
    )
    return ChosenStrategy(
        strategy=found.choice.strategy,
        choice=found.sentence,
        lives=found.choice.lives,
        estimate=found.cost.sentence,
        full_runs=found.choice.full_runs,
        seconds_per_run=found.seconds_per_run,
        seconds_expected=found.cost.seconds_expected,
        least_budget_s=found.choice.least_s,
        challengers=found.choice.challengers,
        stages=found.choice.stages,
    )


def _search_task(context: CampaignContext, chosen: ChosenStrategy) -> SearchTask:
    training, space = context.file.training, context.file.space()
    return SearchTask(
        space=space,
        incumbent=context.configuration,
        warm=warm_start(context.store, context.campaign),
        seed=context.campaign.seed,
        budget=training.budget.amount,
        unit=training.budget.unit,
        resumable=training.is_resumable,
        challengers=chosen.challengers or context.file.search.challengers or DEFAULT_CHALLENGERS,
        full_runs=chosen.full_runs,
        least_budget_s=chosen.least_budget_s,
        lower_is_better=context.file.objective().lower_is_better,
        earlier=earlier_scores(context.store, context.campaign, context.file),
        sampler=context.file.search.sampler,
        stops_hopeless=context.file.search.stop_hopeless,
        noise=_noise(baseline_results(context)),
        floor=context.file.objective().floor,
    )


def _noise(baseline: Sequence[LegResult]) -> float | None:
    """The standard deviation of the baseline's scores; None with fewer than three, or where they are all equal."""
    scores = [leg.score for leg in baseline if leg.request.purpose is Purpose.REPLICATE and leg.score is not None]
    return (stdev(scores) or None) if len(scores) > 2 else None
