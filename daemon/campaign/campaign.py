"""One re-evaluation, from its trigger to its verdict, in steps that may be killed at any point.

Every step reads rows, calls one pure function and writes the answer. A leg that has ended is never run again: a
campaign that is started a second time repeats the same decisions on the recorded results and resumes where they
end. Judging, recording and alerting are one transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ...strategies.drift.fingerprints import is_same_code
from ...strategies.errors import CampaignFailed
from ...strategies.legs.names import INCUMBENT
from ...strategies.records import Configuration, LegEnd, LegResult, Purpose, Role
from ...strategies.search.task import Finished
from ...strategies.verdict.contract import Breach, Contract
from ...strategies.verdict.runs import Run, SearchSummary
from ...strategies.verdict.verdict_records import TestPlan, Verdict
from ..clock import Clock
from ..config.config import Config
from ..masking import masked
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.lease import Lease, LostLease
from ..state.campaigns.phase_records import Searched
from ..state.models.registry import file_of_version
from ..state.store import Store
from ..training.cluster.shared_folder import link_state
from ..training.interpreter import install_remedy
from ..training.splits.split_files import remove_splits
from ..training.spool import remove_checkpoints, withdraw_tickets
from .alerts_of_verdict import settle_failures
from .conclude import record
from .confirm import confirm, freeze_plan
from .context import CampaignContext, costs_of, full_run, open_context, prepared_of, slice_base
from .contract_probe import probe_contract
from .data_probe import probe_data
from .failure_alert import alert_of_failure
from .search import choose_strategy, found_in_8_of_10, search_for_challenger
from .second_stage import begin_second_stage, goes_on, why_untested

BASELINE_REPLICATES = 8


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
    """Run a campaign to its end and return it, done or failed.

    Its checkpoints, its tickets and what was cut of its data are removed at the end; reports and logs stay. Raises
    ConflictError while another process works on it, and whatever `watch` or a signal handler raises to interrupt it:
    the campaign then stays open, its workers are ended (but not by Detached), and the next call resumes it.
    """
    link_state(store.state, config.workers)
    lease = Lease(store, campaign_id, is_of_service=is_of_service)
    try:
        campaign = lease.campaign()
        if campaign.is_open:
            _work(store, lease, clock, config, environ, watch)
            remove_checkpoints(lease.folder)
            withdraw_tickets(lease.folder)
            remove_splits(lease.folder)
        return lease.campaign()
    except LostLease:
        if lease.campaign().is_open:
            raise
        withdraw_tickets(lease.folder)
        return lease.campaign()  # cancelled by another process
    finally:
        lease.release()


def _work(
    store: Store, lease: Lease, clock: Clock, config: Config, environ: Mapping[str, str], watch: Callable[[], None]
) -> None:
    try:
        with open_context(store, lease, clock, config, environ, watch) as context:
            _measure_baseline(context) if context.campaign.kind == "baseline" else _re_evaluate(context)
    except CampaignFailed as error:
        reason, now = masked(str(error)), clock.now()
        lease.fail("failed", reason, now, lambda failed: alert_of_failure(store, failed, reason, config, now))


def _measure_baseline(context: CampaignContext) -> None:
    """The baseline: replicates of the current settings, and the contract, for later campaigns to compare with."""
    base = slice_base(context.campaign.seed, "replicate")
    requests = tuple(
        full_run(context, Purpose.REPLICATE, Role.INCUMBENT, number, context.configuration, base)
        for number in range(BASELINE_REPLICATES)
    )
    results = context.runs.run(requests[:1])  # alone, so that a broken training is not tried eight times
    if not _has_failed(results[0]):
        results = context.runs.run(requests)
    if all(_has_failed(result) for result in results):
        environment = prepared_of(context.campaign).environment
        mend = install_remedy(results[0].detail, environment.interpreter) or "fix the training"
        raise CampaignFailed(
            f"no training run with the current settings completed: {results[0].detail}",
            "; ".join(f"look at your data: {suspicion}" for suspicion in context.campaign.facts.suspicions)
            or "every replicate must report the metric",
            f"{mend} (its output: {context.lease.folder}/legs), then: retuned baseline {context.model.name}",
        )
    contract = probe_data(context, _contract(context))
    with context.store.transaction():
        ended = costs_of(context)
        now = context.clock.now()
        done = context.lease.finish(None, lambda facts: replace(facts, contract=contract, ended=ended), now)
        settle_failures(context, done, now)


def _has_failed(result: LegResult) -> bool:
    """Whether it ended without a score for another reason than divergence, which is a finding."""
    return result.score is None and result.end is not LegEnd.DIVERGED


def _re_evaluate(context: CampaignContext) -> None:
    if context.campaign.facts.continued is not None:
        _continue(context)
        return
    contract = _contract(context)
    chosen = context.campaign.facts.chosen or choose_strategy(context)
    if context.campaign.facts.first is None:
        started_at = context.clock.now()
        context.lease.advance("search", lambda facts: replace(facts, contract=contract, chosen=chosen), started_at)
        search = _without_search(context) if contract.forbids_pairs else search_for_challenger(context)
        summary = replace(
            _summary(context, search.reason, search.too_small),
            nothing_better=search.nothing_better,
            has_failed=search.failed,
            was_skipped=contract.forbids_pairs,
        )
        _refuse_without_a_score(context)
        plan = freeze_plan(context)
        if summary.has_challenger:
            contract = _contract_by_challenger(context, contract, search.winner)
        _start_pairs(context, contract, _searched(plan, search, summary))
        verdict = confirm(context, plan, contract, summary, search.winner)
        if not goes_on(context, chosen, contract, verdict):
            record(context, verdict, search.winner)
            return
        begin_second_stage(context, verdict, search)
    record(context, *_second_stage(context, reached(context.campaign.facts.contract)))


def _second_stage(context: CampaignContext, contract: Contract) -> tuple[Verdict, Configuration]:
    """The verdict of both stages, and the challenger that it is about.

    A second search with nothing to test, or no budget left to, leaves the first stage's verdict, which it adds to.
    """
    facts = context.campaign.facts
    first = reached(facts.first)
    search, plan = search_for_challenger(context), freeze_plan(context)
    ended = why_untested(context, search)
    if ended is not None:
        return replace(first.verdict, sentence=f"{first.verdict.sentence} {ended}"), first.challenger or search.winner
    summary = _summary(context, search.reason, search.too_small, stages=2)
    summary = replace(summary, pairs_before=first.verdict.n_pairs, sd_before=first.verdict.sd)
    _start_pairs(context, contract, _searched(plan, search, summary))
    return confirm(context, plan, contract, summary, search.winner), search.winner


def _searched(plan: TestPlan, search: Finished, summary: SearchSummary) -> Searched:
    """The record of a search."""
    return Searched(
        test_plan=plan,
        reason=search.reason,
        winner=search.winner_trial,
        challenger=search.winner if summary.has_challenger else None,
        top=tuple(configuration for _, configuration, score in search.ranking[:5] if score is not None),
        too_small=summary.too_small,
    )


def _refuse_without_a_score(context: CampaignContext) -> None:
    """Fail a campaign all of whose trainings failed; with suspicious data, the verdict says where to look."""
    results = context.runs.results
    has_score = any(result.score is not None or result.end is LegEnd.DIVERGED for result in results)
    if results and not has_score and not context.campaign.facts.suspicions:
        raise CampaignFailed(
            f"every training run failed: {results[0].detail}",
            "",
            f"fix the training (its output: {context.lease.folder}/legs), then: retuned retune {context.model.name}",
        )


def _without_search(context: CampaignContext) -> Finished:
    """The end of a search that was not begun: no challenger could be judged, so the current settings run alone."""
    return Finished(
        winner=context.configuration,
        winner_trial=INCUMBENT,
        incumbent_score=None,
        winner_score=None,
        nothing_better=False,
        failed=False,
        reason="no search was made: the training breaks the contract, so no challenger could be judged",
        ranking=(),
    )


def _start_pairs(context: CampaignContext, contract: Contract, searched: Searched) -> None:
    """Record the search's result and the rules of the test before the first pair."""
    context.lease.advance(
        "confirm", lambda facts: replace(facts, contract=contract, searched=searched), context.clock.now()
    )


def _continue(context: CampaignContext) -> None:
    """More pairs with the recorded challenger, contract and rules: the search is not repeated, since a newer version of
    retuned might search differently."""
    facts = context.campaign.facts
    searched = reached(facts.searched)
    challenger = context.file.space().validate(reached(searched.challenger), strict=False)
    first = None if facts.first is None else facts.first.verdict
    summary = _summary(context, searched.reason, searched.too_small, stages=1 if first is None else 2)
    if first is not None:
        summary = replace(summary, pairs_before=first.n_pairs, sd_before=first.sd)
    verdict = confirm(context, freeze_plan(context), reached(facts.contract), summary, challenger)
    record(context, verdict, challenger)


def _contract(context: CampaignContext) -> Contract:
    """The contract: the baseline's while code and command are the same, what it breaks included; else probed now."""
    campaign, baseline = context.campaign, context.baseline
    if campaign.facts.contract is not None:
        return campaign.facts.contract
    if baseline is not None and campaign.kind == "retune" and baseline.facts.contract is not None:
        contract = baseline.facts.contract
        is_settled = contract.allows_stale or (contract.equal_calls > 1 and Breach.UNTESTED not in contract.breaches)
        if is_settled and _is_started_alike(context, baseline):
            return contract
    return probe_contract(context.runs, context.configuration, context.campaign.seed, context.file)


def _is_started_alike(context: CampaignContext, baseline: Campaign) -> bool:
    """Whether the training's code and what it is handed are those of the baseline: an owner who puts {seed} into the
    command, or has larger slices cut, has changed no code, and what was ignored may count now."""
    file_before = file_of_version(context.store, context.model.id, baseline.model_version)
    before, now = (
        (
            file.training.command, file.training.recipe, file.training.values, file.training.pass_env, file.split,
            None if file.split is None else file.split.shares(file.search.max_pairs),
        )
        for file in (file_before, context.file)
    )  # fmt: skip
    return before == now and is_same_code(prepared_of(baseline).code, prepared_of(context.campaign).code)


def _contract_by_challenger(context: CampaignContext, contract: Contract, challenger: Configuration) -> Contract:
    """The contract, tested with the challenger if the stored settings are too broken to finish a probe."""
    if Breach.UNTESTED not in contract.breaches:
        return contract
    return probe_contract(context.runs, challenger, context.campaign.seed, context.file, of_challenger=True)


def _summary(context: CampaignContext, reason: str, too_small: str, stages: int = 1) -> SearchSummary:
    """What the verdict needs to know about a search that named a challenger, and about those of the stages before."""
    whole = context.file.training.budget.amount
    full_legs = [result for result in context.runs.results if result.request.is_of_search and
            (result.request.to_step == whole or result.score is None)]  # fmt: skip
    incumbent = next((Run.of(result) for result in full_legs if result.request.role is Role.INCUMBENT), None)
    return SearchSummary(
        reason=reason,
        incumbent=incumbent,
        scores=tuple(result.score for result in full_legs if result.score is not None),
        too_small=too_small,
        finds=found_in_8_of_10(context, stages),
    )
