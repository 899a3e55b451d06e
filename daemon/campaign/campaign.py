"""One re-evaluation, from its trigger to its verdict, as steps that may be killed anywhere.

Every step reads rows, calls one pure function and writes the answer. A leg that has ended is never run again: a
campaign that is started a second time walks through the same decisions on the recorded results and goes on where
they end. Judging, recording and alerting are one transaction.
"""

from collections.abc import Callable, Mapping

from ...strategies.errors import CampaignFailed
from ...strategies.records import Configuration, LegEnd, LegResult, Purpose
from ...strategies.verdict.contract import Breach, Contract
from ...strategies.verdict.runs import Run, SearchSummary
from ..clock import Clock
from ..config.config import Config
from ..config.settings_file import plain
from ..state.campaigns import Campaign
from ..state.lease import Lease, LostLease
from ..state.store import Store
from ..training.spool import remove_checkpoints
from .conclude import record
from .confirm import confirm, freeze_plan
from .context import Job, costs_of, full_run, open_job, slice_base
from .contract_probe import probe_contract
from .search import choose_strategy, search_for_challenger

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
    job.lease.advance("search", {"contract": contract.to_json(), **choose_strategy(job)}, job.clock.now())
    found = search_for_challenger(job)
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
