"""Legs through a runner, and one search: what a strategy proposes is run, written down and shown to it again."""

from dataclasses import replace

from ...strategies.caviar import caviar
from ...strategies.records import Role
from ...strategies.search import choose
from ...strategies.search.task import DEFAULT_CHALLENGERS, Finished, Propose, SearchTask
from ..config.model_file import ModelFile
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.phase_records import ChosenStrategy
from .context import CampaignContext, birth_results, budget_s_of, prepared_of, room_of
from .contract_probe import PROBE_RUNS, PROBE_SHARE, seconds_per_full_run
from .leg_runs import LegRuns
from .panda_search import panda_task, run_panda
from .warm_start import earlier_scores, warm_start


def run_search(runs: LegRuns, task: SearchTask) -> Finished:
    """Ask caviar what to run until it names its challenger."""
    while True:
        decision = caviar.decide(task, runs.search_results)
        if isinstance(decision, Finished):
            return decision
        assert isinstance(decision, Propose)
        runs.run(decision.legs, decision.rule)


def search_for_challenger(context: CampaignContext) -> Finished:
    """The search of the strategy that was chosen."""
    chosen = reached(context.campaign.facts.chosen)
    task = _search_task(context, chosen)
    if chosen.strategy is choose.Strategy.PANDA:
        return run_panda(context, panda_task(context, task, chosen.lives))
    return run_search(context.runs, task)


def choose_strategy(context: CampaignContext) -> ChosenStrategy:
    """What the campaign is expected to cost, and how large a search its compute budget allows."""
    per_run = seconds_per_full_run(
        (*context.runs.results, *birth_results(context)), context.file.training.budget.amount
    )
    probed = any(result.request.role is Role.PROBE for result in context.runs.results)
    slots, _ = room_of(context.file, context.campaign, context.config)
    capacity = capacity_of(context.file, slots, per_run, budget_s_of(context), probe_runs=PROBE_RUNS if probed else 0)
    peak = max((result.peak_memory_bytes for result in (*context.runs.results, *birth_results(context))), default=0)
    memory = prepared_of(context.campaign).environment.memory_bytes
    asked = context.campaign.options.get("strategy", context.file.search.strategy)
    capacity = replace(
        capacity,
        memory_share=peak / memory if peak and memory else None,
        requested=None if asked == "auto" else choose.Strategy(asked),
    )
    choice, estimate = choose.choose(capacity), choose.estimate(capacity, context.file.search.max_pairs)
    why = choice.sentence if asked == "auto" else f"{choice.sentence}; {asked} was asked for"
    return ChosenStrategy(
        strategy=choice.strategy,
        choice=why,
        lives=choice.lives,
        estimate=estimate.sentence,
        full_runs=choice.full_runs,
        seconds_per_run=per_run,
        seconds_expected=estimate.seconds_expected,
    )


def capacity_of(
    file: ModelFile, slots: int, per_run_s: float | None, budget_s: float | None, *, probe_runs: int
) -> choose.Capacity:
    """What the machine and the owner give a campaign of this model."""
    budget = file.training.budget
    return choose.Capacity(
        seconds_per_full_run=per_run_s,
        slots=slots,
        resumable=file.training.is_resumable,
        budget=budget.amount,
        unit=budget.unit,
        challengers=file.search.challengers or DEFAULT_CHALLENGERS,
        compute_s=budget_s,
        probe_runs=probe_runs,
        probe_share=PROBE_SHARE,
        requested=None if file.search.strategy == "auto" else choose.Strategy(file.search.strategy),
        no_panda=file.why_no_panda(),
        lives=file.search.pandas,
        sampler=file.search.sampler,
    )


def _search_task(context: CampaignContext, chosen: ChosenStrategy) -> SearchTask:
    training, space = context.file.training, context.file.space()
    return SearchTask(
        space=space,
        incumbent=context.configuration,
        warm=warm_start(context.store, context.campaign, space),
        seed=context.campaign.seed,
        budget=training.budget.amount,
        unit=training.budget.unit,
        resumable=training.is_resumable,
        challengers=context.file.search.challengers or DEFAULT_CHALLENGERS,
        full_runs=chosen.full_runs,
        lower_is_better=context.file.objective().lower_is_better,
        earlier=earlier_scores(context.store, context.campaign, context.file),
        sampler=context.file.search.sampler,
        stops_hopeless=context.file.search.stop_hopeless,
    )
