"""Legs through a runner, and one search: what a strategy proposes is run, written down and shown to it again."""

from dataclasses import replace

from ...strategies.caviar import caviar
from ...strategies.search import choose
from ...strategies.search.task import DEFAULT_CHALLENGERS, Finished, Propose, SearchTask
from ..config.model_file import ModelFile
from ..training.fingerprints import EnvironmentFingerprint
from .context import Job, birth_results, budget_s_of, room_of
from .contract_probe import PROBE_RUNS, PROBE_SHARE, seconds_per_full_run
from .leg_runs import LegDesk
from .panda_search import panda_task, run_panda
from .prepare import Facts
from .warm_start import earlier_scores, warm_start


def run_search(desk: LegDesk, task: SearchTask) -> Finished:
    """Ask caviar what to run until it names its challenger."""
    while True:
        decision = caviar.decide(task, desk.search_results)
        if isinstance(decision, Finished):
            return decision
        assert isinstance(decision, Propose)
        desk.run(decision.legs, decision.rule)


def search_for_challenger(job: Job) -> Finished:
    """The search of the strategy that was chosen."""
    task = _search_task(job)
    if job.campaign.facts["strategy"] == choose.Strategy.PANDA:
        return run_panda(job, panda_task(job, task, job.campaign.facts["lives"]))
    return run_search(job.desk, task)


def choose_strategy(job: Job) -> Facts:
    """What the campaign is expected to cost, and how large a search its compute budget allows; fixed once."""
    if "estimate" in job.campaign.facts:
        return {}
    per_run = seconds_per_full_run((*job.desk.results, *birth_results(job)), job.file.training.budget.amount)
    probed = any(result.request.trial.startswith("probe") for result in job.desk.results)
    slots, _ = room_of(job.file, job.campaign, job.config)
    capacity = capacity_of(job.file, slots, per_run, budget_s_of(job), probe_runs=PROBE_RUNS if probed else 0)
    peak = max((result.peak_memory_bytes for result in (*job.desk.results, *birth_results(job))), default=0)
    memory = EnvironmentFingerprint.from_json(job.campaign.facts["environment"]).memory_bytes
    asked = job.campaign.options.get("strategy", job.file.search.strategy)
    capacity = replace(
        capacity,
        memory_share=peak / memory if peak and memory else None,
        requested=None if asked == "auto" else choose.Strategy(asked),
    )
    choice, estimate = choose.choose(capacity), choose.estimate(capacity, job.file.search.max_pairs)
    why = choice.sentence if asked == "auto" else f"{choice.sentence}; {asked} was asked for"
    return {
        "seconds_per_run": per_run, "strategy": choice.strategy.value, "choice": why, "lives": choice.lives,
        "estimate": estimate.sentence, "full_runs": choice.full_runs, "seconds_expected": estimate.seconds_expected,
    }  # fmt: skip


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


def _search_task(job: Job) -> SearchTask:
    training, space = job.file.training, job.file.space()
    return SearchTask(
        space=space,
        incumbent=job.configuration,
        warm=warm_start(job.store, job.campaign, space),
        seed=job.campaign.seed,
        budget=training.budget.amount,
        unit=training.budget.unit,
        resumable=training.is_resumable,
        challengers=job.file.search.challengers or DEFAULT_CHALLENGERS,
        full_runs=job.campaign.facts["full_runs"],
        lower_is_better=job.file.objective().lower_is_better,
        earlier=earlier_scores(job.store, job.campaign, job.file),
        sampler=job.file.search.sampler,
        stops_hopeless=job.file.search.stop_hopeless,
    )
