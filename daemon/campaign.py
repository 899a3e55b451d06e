"""One re-evaluation, from its trigger to its verdict, as steps that may be killed anywhere.

Every step reads rows, calls one pure function and writes the answer. A leg that has ended is never run again: a
campaign that is started a second time walks through the same decisions on the recorded results and goes on where
they end. Judging, recording and alerting are one transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..strategies import choose
from ..strategies.contract import Breach, Contract
from ..strategies.errors import CampaignFailed
from ..strategies.judgement import Run, SearchSummary
from ..strategies.records import Configuration, LegEnd, LegResult, Purpose
from ..strategies.search_task import DEFAULT_CHALLENGERS, Finished, SearchTask
from .clock import Clock
from .conclude import record
from .config import Config
from .confirm import confirm, freeze_plan
from .fingerprint import EnvironmentFingerprint
from .job import Job, birth_results, budget_s_of, costs_of, full_run, open_job, room_of, slice_base
from .lease import Lease, LostLease
from .ledger import Campaign
from .model_file import ModelFile
from .nursery import panda_task, run_panda
from .prepare import Facts
from .probe import PROBE_RUNS, PROBE_SHARE, probe_contract, seconds_per_full_run
from .remembered import earlier_scores, warm_start
from .search import run_search
from .settings_file import plain
from .spool import remove_checkpoints
from .store import Store

BIRTH_REPLICATES = 8


def run_campaign(
    store: Store,
    campaign_id: int,
    *,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    watch: Callable[[], None] = lambda: None,
    is_of_service: bool = False,
) -> Campaign:
    """Carry a campaign to its end and give it back, done or failed.

    Its checkpoints are removed at the end; reports and logs stay. Raises ConflictError while another process works
    on it, and whatever `watch` or a signal handler raises to interrupt it: the campaign then stays open, its workers
    are ended, except by Detached, and the next call goes on.
    """
    lease = Lease(store, campaign_id, is_of_service=is_of_service)
    try:
        campaign = lease.campaign()
        if campaign.is_open:
            _work(store, lease, clock, config, environ, watch)
            remove_checkpoints(lease.folder)
        return lease.campaign()
    except LostLease:
        if lease.campaign().is_open:
            raise
        return lease.campaign()  # cancelled by another process
    finally:
        lease.release()


def _work(
    store: Store, lease: Lease, clock: Clock, config: Config, environ: Mapping[str, str], watch: Callable[[], None]
) -> None:
    try:
        with open_job(store, lease, clock, config, environ, watch) as job:
            _measure_birth(job) if job.campaign.kind == "baseline" else _re_evaluate(job)
    except CampaignFailed as error:
        lease.fail("failed", str(error), clock.now())


def _measure_birth(job: Job) -> None:
    """The baseline: replicates of the settings in force, and the contract, for later campaigns to compare with."""
    base = slice_base(job.campaign.seed, "replicate")
    requests = tuple(
        full_run(job, f"replicate.{number:03d}", job.configuration, Purpose.REPLICATE, base + number)
        for number in range(BIRTH_REPLICATES)
    )
    results = job.desk.run(requests[:1])  # alone, so that a training that cannot work is not tried eight times
    if not _has_failed(results[0]):
        results = job.desk.run(requests)
    if all(_has_failed(result) for result in results):
        raise CampaignFailed(
            f"no training with the stored settings came to an end: {results[0].detail}",
            "; ".join(f"look at your data: {one}" for one in job.campaign.facts.get("suspicions", ()))
            or "every replicate must report the metric",
            f"mend the training (its output: {job.lease.folder}/legs), then: retuned baseline {job.model.name}",
        )
    contract = _contract(job)
    with job.store.transaction():
        job.lease.finish(None, {"contract": contract.to_json(), **costs_of(job)}, job.clock.now())


def _has_failed(result: LegResult) -> bool:
    """It ended without a score for another reason than divergence, which is a finding."""
    return result.score is None and result.end is not LegEnd.DIVERGED


def _re_evaluate(job: Job) -> None:
    if "pairs_allowed" in job.campaign.facts:
        _continue(job)
        return
    contract = _contract(job)
    job.lease.advance("search", {"contract": contract.to_json(), **_choice(job)}, job.clock.now())
    found = _search(job)
    summary = _summary(job, found.reason, nothing_better=found.nothing_better, has_failed=found.failed)
    has_score = any(result.score is not None or result.end is LegEnd.DIVERGED for result in job.desk.results)
    if not has_score and not job.campaign.facts.get("suspicions"):  # with those, the verdict says where to look
        raise CampaignFailed(
            f"every training run failed: {job.desk.results[0].detail}",
            "",
            f"mend the training (its output: {job.lease.folder}/legs), then: retuned retune {job.model.name}",
        )
    plan = freeze_plan(job)
    if not summary.nothing_better and not summary.has_failed:
        contract = _contract_by_challenger(job, contract, found.winner)
    facts = {
        "contract": contract.to_json(), "test_plan": plan.to_json(),
        "search": found.reason, "winner": found.winner_trial,
        "challenger": None if summary.nothing_better or summary.has_failed else plain(found.winner),
        "top": [plain(configuration) for _, configuration, score in found.ranking[:5] if score is not None],
    }  # fmt: skip
    job.lease.advance("confirm", facts, job.clock.now())
    verdict = confirm(job, plan, contract, summary, found.winner)
    record(job, verdict, found.winner)


def _search(job: Job) -> Finished:
    """The search of the strategy that was chosen."""
    task = _search_task(job)
    if job.campaign.facts["strategy"] == choose.Strategy.PANDA:
        return run_panda(job, panda_task(job, task, job.campaign.facts["lives"]))
    return run_search(job.desk, task)


def _continue(job: Job) -> None:
    """More pairs with the challenger, contract and rules on record: the search is not asked again, since a newer
    version of retuned might have searched otherwise."""
    facts = job.campaign.facts
    challenger = job.file.space().validate(facts["challenger"], strict=False)
    summary = _summary(job, facts["search"])
    verdict = confirm(job, freeze_plan(job), Contract.from_json(facts["contract"]), summary, challenger)
    record(job, verdict, challenger)


def _contract(job: Job) -> Contract:
    """What is known of the contract: from the baseline while the code is the same, else probed now."""
    known = job.campaign.facts.get("contract")
    if known is not None:
        return Contract.from_json(known)
    baseline = job.baseline
    if baseline is not None and job.campaign.kind == "retune" and "contract" in baseline.facts:
        contract = Contract.from_json(baseline.facts["contract"])
        if baseline.facts["code"] == job.campaign.facts["code"] and contract.allows_stale:
            return contract
    return probe_contract(job.desk, job.configuration, job.campaign.seed, job.file.training.budget)


def _contract_by_challenger(job: Job, contract: Contract, challenger: Configuration) -> Contract:
    """The contract, tested with the challenger where the stored settings are too broken to finish a probe."""
    if Breach.UNTESTED not in contract.breaches:
        return contract
    return probe_contract(job.desk, challenger, job.campaign.seed, job.file.training.budget, stem="probe_challenger")


def _choice(job: Job) -> Facts:
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
        asked=None if asked == "auto" else choose.Strategy(asked),
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
        asked=None if file.search.strategy == "auto" else choose.Strategy(file.search.strategy),
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


def _summary(job: Job, reason: str, *, nothing_better: bool = False, has_failed: bool = False) -> SearchSummary:
    whole = job.file.training.budget.amount
    full = [result for result in job.desk.results if result.request.trial.startswith("search.") and
            (result.request.to_step == whole or result.score is None)]  # fmt: skip
    incumbent = next((Run.of(result) for result in full if result.request.trial == "search.000"), None)
    return SearchSummary(
        nothing_better=nothing_better,
        has_failed=has_failed,
        reason=reason,
        incumbent=incumbent,
        scores=tuple(result.score for result in full if result.score is not None),
    )
