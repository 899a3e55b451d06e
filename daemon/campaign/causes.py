"""The causes phase: after a verdict that raises an alert, a few runs on the baseline's data to find out why.

They repeat the baseline's first replicates, same seeds and same rows, on the data kept from then: with the
challenger, and with the current settings if environment or code changed since.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...strategies.drift.cause_records import Causes
from ...strategies.drift.causes import Change, Runs, explain, extra_runs, unexplained
from ...strategies.drift.cost_drift import CostDrift, cost_drift
from ...strategies.drift.fingerprints import describe_change, is_same_code, is_same_software_seen
from ...strategies.errors import CampaignFailed
from ...strategies.legs import names
from ...strategies.records import Configuration, LegRequest, LegResult, Outcome, Purpose, Role
from ...strategies.verdict.runs import Run
from ...strategies.verdict.verdict_records import Verdict
from ..config.model_file import ModelFile
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.phase_records import Prepared
from ..state.models.registry import file_of_version
from ..training.fingerprints import data_fingerprint
from ..training.splits.split_files import OLD_DATA, remove_splits
from ..training.spool import remove_checkpoints
from .context import CampaignContext, baseline_results, budget_s_of, prepared_of
from .data_probe import probe_data
from .leg_runs import LegRuns

EXPLAINED = (Outcome.STALE, Outcome.BROKEN, Outcome.DEGRADED)


def find_causes(
    context: CampaignContext, verdict: Verdict, challenger: Configuration
) -> tuple[Causes | None, CostDrift]:
    """Why the verdict was reached, None for one that needs no explanation, and how the cost of a run has changed.

    The verdict is recorded first, so that the runs made here cannot change it when the campaign is resumed. A cause
    that cannot be determined is reported as unknown; it never costs the verdict.
    """
    replicates = tuple(
        result
        for result in baseline_results(context)
        if result.request.purpose is Purpose.REPLICATE and not Run.of(result).is_void
    )
    present = tuple(  # in order, not as they ended: sums in another order differ in their last digit
        sorted(
            (
                result
                for result in context.runs.results
                if result.request.is_of_confirm and result.request.role is Role.INCUMBENT
            ),
            key=lambda result: result.request.number,
        )
    )
    drift = cost_drift(replicates, present)
    if verdict.outcome not in EXPLAINED:
        return None, drift
    context.lease.advance("causes", lambda facts: replace(facts, judged=verdict), context.clock.now())
    if context.baseline is None or not replicates:
        return unexplained("there is no baseline of these settings"), drift
    contract = reached(context.campaign.facts.contract)
    contract = contract if _is_over_budget(context) else probe_data(context, contract)
    context.lease.advance("causes", lambda facts: replace(facts, contract=contract), context.clock.now())
    before = context.baseline.facts.contract
    if why := contract.why_no_causes or (before.why_no_causes if before else ""):
        return unexplained(why), drift
    baseline_file = file_of_version(context.store, context.model.id, context.baseline.model_version)
    change, old_data = _change(context.baseline, context.campaign, baseline_file, context.file)
    runs = Runs(
        baseline=tuple(Run.of(result) for result in replicates),
        now=tuple(Run.of(result) for result in present),
        floor=context.file.objective().floor,
    )
    skipped = ""
    if extra_runs(change, verdict, runs) != (0, 0):
        try:
            runs, skipped = _on_old_data(context, change, verdict, runs, replicates, challenger, old_data)
        except CampaignFailed as error:
            skipped = error.found
    return explain(change, verdict, runs, skipped), drift


def _change(baseline: Campaign, campaign: Campaign, baseline_file: ModelFile, file: ModelFile) -> tuple[Change, str]:
    """What differs from the baseline, and the path of the old data; empty if nothing can be trained on it."""
    before, now = prepared_of(baseline), prepared_of(campaign)
    commands = [(model.training.command, model.training.recipe) for model in (baseline_file, file)]
    goals = [(model.goal.metric, model.goal.direction, model.goal.source) for model in (baseline_file, file)]
    measures = [(*goal, model.training.budget) for goal, model in zip(goals, (baseline_file, file), strict=True)]
    has_new_data, old_data, missing = _old_data(before, now, baseline_file)
    change = Change(
        data=has_new_data,
        environment=describe_change(before.environment, now.environment),
        code=not is_same_code(before.code, now.code) or commands[0] != commands[1],
        is_comparable=measures[0] == measures[1],
        no_old_data=missing,
        is_environment_known=is_same_software_seen(before.environment, now.environment),
    )
    return change, old_data


def _old_data(before: Prepared, now: Prepared, baseline_file: ModelFile) -> tuple[bool | None, str, str]:
    """Whether the data changed (None: unknown), the path of the old data, and why there is none to train on."""
    if before.data is None or now.data is None or baseline_file.data is None:
        return None, "", "the model file names no data"
    if before.data.key() == now.data.key():
        return False, now.snapshot, ""
    if baseline_file.data.snapshot == "none":
        return True, "", "the old data is not kept"
    path = Path(before.snapshot)
    try:
        is_kept = data_fingerprint([path]).key() == before.data.key()
    except CampaignFailed:
        return True, "", "the old data is gone"
    return (True, str(path), "") if is_kept else (True, "", "the old data is no longer what it was")


def _on_old_data(
    context: CampaignContext,
    change: Change,
    verdict: Verdict,
    runs: Runs,
    replicates: Sequence[LegResult],
    challenger: Configuration,
    old_data: str,
) -> tuple[Runs, str]:
    """The runs, now with those on the old data, and why some wanted ones were not made."""
    folder = context.lease.folder / OLD_DATA
    runner = context.open_runner(folder, old_data)
    try:
        old_runs = context.runs.with_runner(runner)
        while True:
            again, rivals = extra_runs(change, verdict, runs)
            if (again, rivals) == (len(runs.again), len(runs.rivals)):
                return runs, ""
            ours = _repeated(context, replicates[:again], Role.CAUSE_INCUMBENT, context.configuration)
            theirs = _repeated(context, replicates[:rivals], Role.CAUSE_CHALLENGER, challenger)
            if _is_spent(context, (*ours, *theirs)):
                return runs, "the compute budget is spent"
            runs = replace(runs, again=_ended(old_runs, (*ours, *theirs))[:again], rivals=_ended(old_runs, theirs))
    finally:
        runner.stop()
        remove_checkpoints(folder)
        remove_splits(folder)


def _repeated(
    context: CampaignContext, replicates: Sequence[LegResult], role: Role, configuration: Configuration
) -> tuple[LegRequest, ...]:
    """The baseline's runs again, with another configuration or in another environment."""
    whole = context.file.training.budget.amount
    repeated = []
    for number, replicate in enumerate(replicates):
        name = names.full_run(replicate.request.purpose, role, number)
        named = replace(replicate.request, name=name, trial=name, role=role, number=number)
        repeated.append(replace(named, configuration=configuration, to_step=whole))
    return tuple(repeated)


def _ended(runs: LegRuns, requests: Sequence[LegRequest]) -> tuple[Run, ...]:
    return tuple(Run.of(result) for result in runs.run(requests))


def _is_spent(context: CampaignContext, requests: Sequence[LegRequest]) -> bool:
    """Whether the budget allows no more runs. Runs planned before an interruption are still made."""
    planned = context.lease.planned()
    return any(request.name not in planned for request in requests) and _is_over_budget(context)


def _is_over_budget(context: CampaignContext) -> bool:
    budget_s = budget_s_of(context)
    return budget_s is not None and context.runs.compute_s >= budget_s
