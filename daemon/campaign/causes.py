"""The causes phase: after a verdict that somebody is told of, a few runs on the data of then tell why it came.

They repeat the baseline's first replicates, same seeds and same rows, on the data that was kept of it: with the
challenger, and with the settings in force where environment or code changed since.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...strategies.drift.causes import Change, Runs, explain, extra_runs, unexplained
from ...strategies.drift.cost_drift import cost_drift
from ...strategies.errors import CampaignFailed
from ...strategies.records import Configuration, LegRequest, LegResult, Outcome, Purpose
from ...strategies.verdict.runs import Run
from ...strategies.verdict.verdict_records import Verdict
from ..config.model_file import ModelFile
from ..state.campaigns import Campaign
from ..state.legs import planned_legs
from ..state.registry import file_of_version
from ..training.fingerprints import (
    CodeFingerprint,
    DataFingerprint,
    EnvironmentFingerprint,
    data_fingerprint,
    describe_change,
)
from ..training.spool import remove_checkpoints
from .context import Job, birth_results, budget_s_of
from .leg_runs import LegDesk
from .prepare import Facts

EXPLAINED = (Outcome.STALE, Outcome.BROKEN, Outcome.DEGRADED)


def find_causes(job: Job, verdict: Verdict, challenger: Configuration) -> Facts:
    """Facts for the record: why the verdict came, where it is one to be explained, and what a run costs now.

    The verdict is put on record first, so that the runs made here cannot move it when the campaign is resumed. What
    cannot be found out is said to be unknown; it never costs the verdict.
    """
    births = tuple(
        result
        for result in birth_results(job)
        if result.request.purpose is Purpose.REPLICATE and not Run.of(result).is_void
    )
    present = tuple(result for result in job.desk.results if result.request.trial.startswith("confirm.i"))
    facts = {"cost_drift": cost_drift(births, present).to_json()}
    if verdict.outcome not in EXPLAINED:
        return facts
    job.lease.advance("causes", {"judged": verdict.to_json()}, job.clock.now())
    if job.baseline is None or not births:
        return facts | {"causes": unexplained("there is no baseline of these settings").to_json()}
    birth_file = file_of_version(job.store, job.model.id, job.baseline.model_version)
    change, old_data = _change(job.baseline, job.campaign, birth_file, job.file)
    runs = Runs(
        baseline=tuple(Run.of(result) for result in births),
        now=tuple(Run.of(result) for result in present),
        floor=job.file.objective().floor,
    )
    skipped = ""
    if extra_runs(change, verdict, runs) != (0, 0):
        try:
            runs, skipped = _on_old_data(job, change, verdict, runs, births, challenger, old_data)
        except CampaignFailed as error:
            skipped = error.found
    return facts | {"causes": explain(change, verdict, runs, skipped).to_json()}


def _change(baseline: Campaign, campaign: Campaign, birth_file: ModelFile, file: ModelFile) -> tuple[Change, str]:
    """What differs from the baseline, and the path of the old data, empty where nothing can be trained on it."""
    before, now = baseline.facts, campaign.facts
    environments = (EnvironmentFingerprint.from_json(facts["environment"]) for facts in (before, now))
    codes = [CodeFingerprint.from_json(facts["code"]).key() for facts in (before, now)]
    commands = [(one.training.command, one.training.recipe) for one in (birth_file, file)]
    measures = [(one.goal.metric, one.goal.direction, one.training.budget) for one in (birth_file, file)]
    has_new_data, old_data, missing = _old_data(before, now, birth_file)
    change = Change(
        data=has_new_data,
        environment=describe_change(*environments),
        code=codes[0] != codes[1] or commands[0] != commands[1],
        is_comparable=measures[0] == measures[1],
        no_old_data=missing,
    )
    return change, old_data


def _old_data(before: Facts, now: Facts, birth_file: ModelFile) -> tuple[bool | None, str, str]:
    """Whether the data changed, the path of the old data, and why there is none to train on."""
    if before.get("data") is None or now.get("data") is None or birth_file.data is None:
        return None, "", "the model file names no data"
    old, new = DataFingerprint.from_json(before["data"]), DataFingerprint.from_json(now["data"])
    if old.key() == new.key():
        return False, now["snapshot"], ""
    if birth_file.data.snapshot == "none":
        return True, "", "the old data is not kept"
    path = Path(before["snapshot"])
    try:
        is_kept = data_fingerprint([path]).key() == old.key()
    except CampaignFailed:
        return True, "", "the old data is gone"
    return (True, str(path), "") if is_kept else (True, "", "the old data is no longer what it was")


def _on_old_data(
    job: Job,
    change: Change,
    verdict: Verdict,
    runs: Runs,
    births: Sequence[LegResult],
    challenger: Configuration,
    old_data: str,
) -> tuple[Runs, str]:
    """The runs with those on the old data, and why some that are wanted were not made."""
    folder = job.lease.folder / "old"
    runner = job.open_runner(folder, old_data)
    try:
        desk = job.desk.beside(runner)
        while True:
            again, rivals = extra_runs(change, verdict, runs)
            if (again, rivals) == (len(runs.again), len(runs.rivals)):
                return runs, ""
            ours = _repeated(job, births[:again], "cause.i", job.configuration)
            theirs = _repeated(job, births[:rivals], "cause.c", challenger)
            if _is_spent(job, (*ours, *theirs)):
                return runs, "the compute budget is spent"
            runs = replace(runs, again=_ended(desk, (*ours, *theirs))[:again], rivals=_ended(desk, theirs))
    finally:
        runner.stop()
        remove_checkpoints(folder)


def _repeated(job: Job, births: Sequence[LegResult], stem: str, configuration: Configuration) -> tuple[LegRequest, ...]:
    """The same runs as at birth, with another configuration or in another environment."""
    whole = job.file.training.budget.amount
    names = (f"{stem}{number:03d}" for number in range(len(births)))
    return tuple(
        replace(birth.request, name=name, trial=name, configuration=configuration, to_step=whole)
        for name, birth in zip(names, births, strict=True)
    )


def _ended(desk: LegDesk, requests: Sequence[LegRequest]) -> tuple[Run, ...]:
    return tuple(Run.of(result) for result in desk.run(requests))


def _is_spent(job: Job, requests: Sequence[LegRequest]) -> bool:
    """Whether the budget allows no more runs. What was planned before the campaign was interrupted is still made."""
    budget_s = budget_s_of(job)
    planned = planned_legs(job.store, job.campaign.id)
    is_new = any(request.name not in planned for request in requests)
    return is_new and budget_s is not None and job.desk.compute_s >= budget_s
