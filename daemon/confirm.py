"""The confirm phase: the rules of the test frozen, then pairs on fresh seeds and rows until they decide."""

from ..strategies.contract import Contract
from ..strategies.drift import noise_of
from ..strategies.due import campaigns_a_year, parse_every
from ..strategies.judgement import Continue, Pair, Run, SearchSummary, TestPlan, Verdict
from ..strategies.records import Configuration, LegRequest, Outcome, Purpose
from ..strategies.verdict import judge, plan_test
from .job import Job, birth_results, budget_s_of, full_run, slice_base
from .ledger import campaigns_of, results_of


def freeze_plan(job: Job) -> TestPlan:
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
    scores, and the differences of their pairs.

    Campaigns that found the settings stale or broken are left out: settings that no longer fit scatter more, and
    their spread would make the next loss look small.
    """
    return tuple(
        noise_of(results_of(job.store, earlier.id))
        for earlier in campaigns_of(job.store, job.model.id, "retune")
        if earlier.id < job.campaign.id
        and earlier.settings_version == job.campaign.settings_version
        and earlier.verdict is not None
        and earlier.verdict.outcome not in (Outcome.STALE, Outcome.BROKEN)
    )


def confirm(job: Job, plan: TestPlan, contract: Contract, summary: SearchSummary, challenger: Configuration) -> Verdict:
    """Pairs, or runs of the incumbent alone, until the judgement is there."""
    base = slice_base(job.campaign.seed, "confirm")
    budget_s = budget_s_of(job)
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
        rival = full_run(job, f"confirm.c{number:03d}", challenger, Purpose.CONFIRM, base + number)
        requests += [incumbent, rival]
    results = job.desk.run(requests)
    return tuple(Pair(number, Run.of(results[2 * number]), Run.of(results[2 * number + 1])) for number in range(count))


def _incumbents(job: Job, count: int, base: int) -> tuple[LegRequest, ...]:
    return tuple(
        full_run(job, f"confirm.i{number:03d}", job.configuration, Purpose.CONFIRM, base + number)
        for number in range(count)
    )
