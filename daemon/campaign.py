"""One re-evaluation, from its trigger to its verdict, as steps that may be killed anywhere.

Every step reads rows, calls one pure function and writes the answer. A leg that has ended is never run again: a
campaign that is started a second time walks through the same decisions on the recorded results and goes on where
they end. Judging, recording and alerting are one transaction.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..strategies import choose
from ..strategies.caviar import DEFAULT_CHALLENGERS, Finished, SearchTask
from ..strategies.contract import Contract
from ..strategies.drift import compute_seconds, count_runs, noise_of
from ..strategies.due import campaigns_a_year, parse_every
from ..strategies.errors import CampaignFailed, InputError
from ..strategies.judgement import Continue, Pair, Run, SearchSummary, TestPlan, Verdict
from ..strategies.notice import Subject, write_notice
from ..strategies.records import Configuration, LegEnd, LegRequest, LegResult, Outcome, Purpose
from ..strategies.space import derive_seed
from ..strategies.verdict import judge, plan_test
from .alert import raise_alert
from .clock import Clock
from .config import Config
from .fingerprint import EnvironmentFingerprint
from .ledger import Campaign, Lease, campaigns_of, results_of
from .model_file import ModelFile
from .prepare import Facts, gather_facts, slots_of, training_order
from .probe import PROBE_RUNS, PROBE_SHARE, probe_contract, seconds_per_full_run
from .registry import Model, configuration_of_version, file_of_version, find_model
from .replay import ReplayRunner
from .runner import LocalRunner
from .search import LegDesk, Runner, run_search
from .settings_file import plain
from .store import Store

BIRTH_REPLICATES = 8
SLICE_BASE = 4096
"""Split seeds of replicates and pairs are consecutive from a multiple of this, so that `seed % k` is a slice."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that the steps of one campaign work with."""

    store: Store
    lease: Lease
    clock: Clock
    config: Config
    environ: Mapping[str, str]
    model: Model
    file: ModelFile
    configuration: Configuration
    baseline: Campaign | None
    desk: LegDesk

    @property
    def campaign(self) -> Campaign:
        """The campaign as it stands."""
        return self.lease.campaign()


def run_campaign(
    store: Store,
    campaign_id: int,
    *,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    watch: Callable[[], None] = lambda: None,
) -> Campaign:
    """Carry a campaign to its end and give it back, done or failed.

    Raises ConflictError while another process works on it, and whatever `watch` raises to interrupt it: the
    campaign then stays open, its workers are ended, and the next call goes on.
    """
    lease = Lease(store, campaign_id)
    try:
        campaign = lease.campaign()
        if campaign.is_open:
            _work(store, lease, clock, config, environ, watch)
        return lease.campaign()
    finally:
        lease.release()


def _work(
    store: Store, lease: Lease, clock: Clock, config: Config, environ: Mapping[str, str], watch: Callable[[], None]
) -> None:
    runner: Runner | None = None
    try:
        campaign = lease.campaign()
        model = find_model(store, campaign.model)
        file = file_of_version(store, model.id, campaign.model_version)
        configuration = configuration_of_version(store, model.id, campaign.settings_version, file.space())
        baseline = find_baseline(store, campaign)
        if "environment" not in campaign.facts:
            lease.advance("prepare", {}, clock.now())
            facts = gather_facts(model, file, configuration, baseline, store.state, environ)
            campaign = lease.advance("prepare", facts, clock.now())
        runner = _runner(file, campaign, lease, clock, config, environ)
        desk = LegDesk(lease, results_of(store, campaign.id), runner, clock, watch)
        job = Job(store, lease, clock, config, environ, model, file, configuration, baseline, desk)
        _measure_birth(job) if campaign.kind == "baseline" else _re_evaluate(job)
    except CampaignFailed as error:
        lease.fail("failed", str(error), clock.now())
    finally:
        if runner is not None:
            runner.stop()


def find_baseline(store: Store, campaign: Campaign) -> Campaign | None:
    """The finished baseline of the settings that the campaign re-evaluates."""
    baselines = (
        earlier
        for earlier in reversed(campaigns_of(store, campaign.model_id, "baseline"))
        if earlier.phase == "done" and earlier.settings_version == campaign.settings_version
    )
    return next(baselines, None)


def _runner(
    file: ModelFile, campaign: Campaign, lease: Lease, clock: Clock, config: Config, environ: Mapping[str, str]
) -> Runner:
    slots = slots_of(file, config, EnvironmentFingerprint.from_json(campaign.facts["environment"]))
    order = training_order(file, campaign.facts["snapshot"], slots)
    runner = LocalRunner(lease.folder, order, file.objective(), slots, file.training.environment(environ), clock)
    return runner if order.kind == "recipe" else ReplayRunner(runner)


def _measure_birth(job: Job) -> None:
    """The baseline: replicates of the settings in force, and the contract, for later campaigns to compare with."""
    base = _slice_base(job.campaign.seed, "replicate")
    requests = tuple(
        _full_run(job, f"replicate.{number:03d}", job.configuration, Purpose.REPLICATE, base + number)
        for number in range(BIRTH_REPLICATES)
    )
    results = job.desk.run(requests)
    if all(result.score is None and result.end is not LegEnd.DIVERGED for result in results):
        raise CampaignFailed(
            f"no training with the stored settings came to an end: {results[0].detail}",
            "every replicate must report the metric",
            f"mend the training, then: retuned baseline {job.model.name}",
        )
    contract = _contract(job)
    with job.store.transaction():
        job.lease.finish(None, {"contract": contract.to_json(), **_costs(job)}, job.clock.now())


def _re_evaluate(job: Job) -> None:
    contract = _contract(job)
    job.lease.advance("search", {"contract": contract.to_json(), **_choice(job)}, job.clock.now())
    found = run_search(job.desk, _search_task(job))
    summary = _summary(job, found)
    if all(result.score is None and result.end is not LegEnd.DIVERGED for result in job.desk.results):
        raise CampaignFailed(
            f"every training run failed: {job.desk.results[0].detail}",
            "",
            f"mend the training, then: retuned retune {job.model.name}",
        )
    plan = _test_plan(job)
    facts = {
        "test_plan": plan.to_json(), "search": found.reason, "winner": found.winner_trial,
        "challenger": None if summary.nothing_better or summary.has_failed else plain(found.winner),
        "top": [plain(configuration) for _, configuration, score in found.ranking[:5] if score is not None],
    }  # fmt: skip
    job.lease.advance("confirm", facts, job.clock.now())
    verdict = _confirm(job, plan, contract, summary, found.winner)
    _record(job, verdict, found.winner)


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
    budget = job.file.training.budget
    is_whole = budget.unit.value != "seconds"
    return probe_contract(job.desk, job.configuration, job.campaign.seed, budget.amount, is_whole)


def _choice(job: Job) -> Facts:
    """What the campaign is expected to cost, and how large a search its compute budget allows; fixed once."""
    if "estimate" in job.campaign.facts:
        return {}
    per_run = seconds_per_full_run((*job.desk.results, *birth_results(job)), job.file.training.budget.amount)
    probed = any(result.request.trial.startswith("probe") for result in job.desk.results)
    slots = slots_of(job.file, job.config, EnvironmentFingerprint.from_json(job.campaign.facts["environment"]))
    capacity = capacity_of(job.file, slots, per_run, _budget_s(job), probe_runs=PROBE_RUNS if probed else 0)
    choice, estimate = choose.choose(capacity), choose.estimate(capacity, job.file.search.max_pairs)
    asked = job.campaign.options.get("strategy", job.file.search.strategy)
    why = choice.sentence if asked == "auto" else f"{choice.sentence}; {asked} was asked for"
    return {
        "seconds_per_run": per_run, "strategy": choice.strategy.value, "choice": why,
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
    )


def birth_results(job: Job) -> tuple[LegResult, ...]:
    """The legs of the baseline of the settings in force."""
    return () if job.baseline is None else results_of(job.store, job.baseline.id)


def _search_task(job: Job) -> SearchTask:
    training = job.file.training
    return SearchTask(
        space=job.file.space(),
        incumbent=job.configuration,
        warm=_warm(job),
        seed=job.campaign.seed,
        budget=training.budget.amount,
        unit=training.budget.unit,
        resumable=training.is_resumable,
        challengers=job.file.search.challengers or DEFAULT_CHALLENGERS,
        full_runs=job.campaign.facts["full_runs"],
    )


def _warm(job: Job) -> tuple[Configuration, ...]:
    """The top configurations of the last campaign that searched, those that still fit the space."""
    earlier = [
        c for c in campaigns_of(job.store, job.model.id, "retune") if c.id < job.campaign.id and c.facts.get("top")
    ]
    space, fitting = job.file.space(), []
    for configuration in earlier[-1].facts["top"] if earlier else ():
        with contextlib.suppress(InputError):
            fitting.append(space.validate(configuration))
    return tuple(fitting)


def _summary(job: Job, found: Finished) -> SearchSummary:
    whole = job.file.training.budget.amount
    full = [result for result in job.desk.results if result.request.trial.startswith("search.") and
            (result.request.to_step == whole or result.score is None)]  # fmt: skip
    incumbent = next((Run.of(result) for result in full if result.request.trial == "search.000"), None)
    return SearchSummary(
        nothing_better=found.nothing_better,
        has_failed=found.failed,
        reason=found.reason,
        incumbent=incumbent,
        scores=tuple(result.score for result in full if result.score is not None),
    )


def _test_plan(job: Job) -> TestPlan:
    """The rules of the test, frozen in the record before the first pair."""
    frozen = job.campaign.facts.get("test_plan")
    if frozen is not None:
        return TestPlan.from_json(frozen)
    goal, objective = job.file.goal, job.file.objective()
    replicates = [result for result in birth_results(job) if result.request.purpose is Purpose.REPLICATE]
    return plan_test(
        campaigns_a_year=campaigns_a_year(parse_every(job.file.schedule.every)),
        replicates=tuple(Run.of(result) for result in replicates),
        earlier_scores=tuple(scores for scores, _ in _earlier_noise(job)),
        earlier_differences=tuple(differences for _, differences in _earlier_noise(job)),
        margin=goal.margin,
        floor=objective.floor,
        drop_least=goal.least_drop,
        n_max=job.file.search.max_pairs,
    )


def _earlier_noise(job: Job) -> tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]:
    """What earlier campaigns of the same settings know of the noise, a group a campaign: the incumbent's held-out
    scores, and the differences of their pairs."""
    groups = []
    for earlier in campaigns_of(job.store, job.model.id, "retune"):
        is_earlier = earlier.id < job.campaign.id and earlier.verdict is not None
        if is_earlier and earlier.settings_version == job.campaign.settings_version:
            groups.append(noise_of(results_of(job.store, earlier.id)))
    return tuple(groups)


def _confirm(
    job: Job, plan: TestPlan, contract: Contract, summary: SearchSummary, challenger: Configuration
) -> Verdict:
    """Pairs, or runs of the incumbent alone, until the judgement is there."""
    base = _slice_base(job.campaign.seed, "confirm")
    budget_s = _budget_s(job)
    pairs: tuple[Pair, ...] = ()
    alone: tuple[Run, ...] = ()
    while True:
        is_spent = budget_s is not None and job.desk.compute_s >= budget_s
        answer = judge(plan, contract, summary, pairs, alone, budget_spent=is_spent)
        if isinstance(answer, Verdict):
            return answer
        assert isinstance(answer, Continue)
        pairs = _run_pairs(job, answer.pairs, base, challenger) if answer.pairs else pairs
        alone = tuple(Run.of(r) for r in job.desk.run(_incumbents(job, answer.incumbent_runs, base))) or alone


def _run_pairs(job: Job, count: int, base: int, challenger: Configuration) -> tuple[Pair, ...]:
    requests: list[LegRequest] = []
    for incumbent, number in zip(_incumbents(job, count, base), range(count), strict=True):
        rival = _full_run(job, f"confirm.c{number:03d}", challenger, Purpose.CONFIRM, base + number)
        requests += [incumbent, rival]
    results = job.desk.run(requests)
    return tuple(Pair(number, Run.of(results[2 * number]), Run.of(results[2 * number + 1])) for number in range(count))


def _incumbents(job: Job, count: int, base: int) -> tuple[LegRequest, ...]:
    return tuple(
        _full_run(job, f"confirm.i{number:03d}", job.configuration, Purpose.CONFIRM, base + number)
        for number in range(count)
    )


def _full_run(job: Job, trial: str, configuration: Configuration, purpose: Purpose, split_seed: int) -> LegRequest:
    """One whole training; incumbent and challenger of a pair share the seeds, which depend on its number alone."""
    return LegRequest(
        name=trial,
        trial=trial,
        purpose=purpose,
        configuration=configuration,
        seed=derive_seed(job.campaign.seed, purpose.value, "seed", split_seed),
        split_seed=split_seed,
        from_step=0.0,
        to_step=job.file.training.budget.amount,
    )


def _record(job: Job, verdict: Verdict, challenger: Configuration) -> None:
    """The verdict, its drift record and its alert, committed together."""
    recommended = challenger if verdict.challenger_confirmed else None
    costs = _costs(job)
    facts = {**costs, "recommended": None if recommended is None else plain(recommended)}
    subject = Subject(
        model=job.model.name,
        owner=job.file.owner,
        campaign_id=job.campaign.id,
        metric=job.file.goal.metric,
        lower_is_better=job.file.objective().lower_is_better,
        settings_version=job.campaign.settings_version,
        incumbent=job.configuration,
        recommended=recommended,
        compute_s=costs["compute_s"],
        runs=costs["runs"],
        changes=tuple(job.campaign.facts["changes"]),
    )
    notice = write_notice(subject, verdict)
    now = job.clock.now()
    with job.store.transaction():
        campaign = job.lease.finish(verdict, facts, now)
        if notice is not None:
            raise_alert(
                job.store,
                job.model,
                campaign,
                notice,
                _details(verdict, job.configuration, recommended),
                job.config,
                now,
            )


def _details(verdict: Verdict, incumbent: Configuration, recommended: Configuration | None) -> Facts:
    return {
        "outcome": verdict.outcome.value,
        "reason": verdict.reason.value,
        "loss_at_least": verdict.lower,
        "loss_mean": verdict.mean,
        "e_value": verdict.e_value,
        "alpha": verdict.alpha,
        "settings": plain(incumbent),
        "recommended": None if recommended is None else plain(recommended),
        "is_critical": verdict.critical or verdict.outcome is Outcome.BROKEN,
    }


def _costs(job: Job) -> dict[str, Any]:
    results = job.desk.results
    return {"compute_s": compute_seconds(results), "runs": count_runs(results)}


def _budget_s(job: Job) -> float | None:
    given = job.campaign.options.get("budget_s")
    return job.file.search.budget_s if given is None else float(given)


def _slice_base(seed: int, name: str) -> int:
    return derive_seed(seed, name, "slices") // SLICE_BASE * SLICE_BASE
