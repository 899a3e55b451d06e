"""What a check of a model says about its first runs: whether it starts, reports and keeps the contract."""

from collections.abc import Mapping

from ....strategies.records import LegEnd, LegResult
from ....strategies.verdict.check_points import PARTS, Level, Point, contract_points, untested_points
from ....strategies.words import duration
from ...config.config import Config
from ...config.model_file import ModelFile
from ...metric_patterns import WITHOUT_COMMA
from ...training.interpreter import find_interpreter, install_remedy
from .outlook import MORE_TIME, cost_of_cut, in_words, outlook, time_point
from .runs import CheckRuns, is_given_seed

AFTER_START = ("metric", *PARTS, "time")


def points_of_runs(file: ModelFile, runs: CheckRuns, config: Config, environ: Mapping[str, str]) -> tuple[Point, ...]:
    """What the runs say: whether it starts and reports, keeps the contract, what it costs and what would be found."""
    suspicious = tuple(
        Point("data", Level.WARNING, suspicion, "look at your data") for suspicion in runs.prepared.suspicions
    )
    first = runs.first
    if first is None or first.score is None:
        return (*suspicious, *_points_of_a_failed_start(file, runs, config, environ))
    final = runs.is_final or (runs.contract is not None and not runs.contract.breaches)
    contract = (
        untested_points("there was no time for it")
        if runs.contract is None
        else contract_points(
            runs.contract, has_split=file.split is not None, has_seed=is_given_seed(file), is_final=final
        )
    )
    value = file.objective().sign * first.score
    where = f"{file.goal.metric} = {value:g}, found in {file.goal.found_in}"
    metric = Point("metric", Level.OK, where)
    return (*suspicious, Point("starts", Level.OK, f"it ends normally after {duration(first.seconds)}"), metric,
            *contract, time_point(file, runs, first), *outlook(file, runs, config))  # fmt: skip


def _points_of_a_failed_start(
    file: ModelFile, runs: CheckRuns, config: Config, environ: Mapping[str, str]
) -> tuple[Point, ...]:
    first = runs.first
    if first is None:
        return untested_points("the first run did not end in time", ("starts", *AFTER_START))
    later = untested_points("not tested: the first run has no score", (*PARTS, "time"))
    if first.end in (LegEnd.NO_METRIC, LegEnd.BAD_REPORT):
        return (Point("starts", Level.OK, f"it ends normally after {duration(first.seconds)}"),
                Point("metric", Level.FAILED, first.detail, _metric_remedy(file, runs)), *later)  # fmt: skip
    if first.end is LegEnd.DIVERGED:
        found = f"with the current values {file.goal.metric} is not finite: {first.detail}"
        remedy = "check the values; a diverged run counts as the floor"
        return (Point("starts", Level.OK, f"it ends after {duration(first.seconds)}"),
                Point("metric", Level.WARNING, found, remedy), *later)  # fmt: skip
    if first.end is LegEnd.TIMED_OUT and first.seconds < file.training.timeout_s:
        return (*_cut(file, first), *cost_of_cut(file, first, config))
    return (Point("starts", Level.FAILED, first.detail or first.end.value, _start_remedy(file, first, environ)),
            *untested_points("not tested: the training does not end with a score", AFTER_START))  # fmt: skip


def _cut(file: ModelFile, first: LegResult) -> tuple[Point, ...]:
    """A run that was longer than the check may take: what it reported by then, and what that leaves open."""
    amount, whole = file.training.budget.amount, in_words(file.training.budget)
    starts = Point("starts", Level.OK, f"it still ran when it was cut after {duration(first.seconds)}")
    rest = untested_points("not tested: one run is longer than the check may take", PARTS)
    if not first.curve:
        metric = Point("metric", Level.OPEN, "none was seen before the run was cut", MORE_TIME)
        return (starts, metric, *rest, Point("time", Level.OPEN, f"more than {duration(first.seconds)}", MORE_TIME))
    step, score = first.curve[-1]
    value = file.objective().sign * score
    metric = Point("metric", Level.OK, f"{file.goal.metric} = {value:g} at step {step:g}, when the run was cut")
    by_reports = f": by its reports about {duration(first.seconds * amount / step)} for {whole}" if step > 0 else ""
    return (starts, metric, *rest,
            Point("time", Level.OPEN, f"more than {duration(first.seconds)}{by_reports}", MORE_TIME))  # fmt: skip


def _metric_remedy(file: ModelFile, runs: CheckRuns) -> str:
    goal, step, first = file.goal, f"{runs.to_step:g}", runs.first
    if first is not None and first.end is LegEnd.BAD_REPORT and first.curve:
        return f"report the end at step {step}, or correct budget under [training]"
    if goal.file is not None:
        return "write it there in each run, or correct file, key or column under [objective]"
    if first is not None and WITHOUT_COMMA in first.detail:
        return "change that print; no pattern can read it"
    if goal.pattern is not None:
        return "correct pattern under [objective]"
    report = f'print {{"step": {step}, "metrics": {{"{goal.metric}": 38.2}}}} on a line of its own'
    return f"{runs.printed}; or {report}" if runs.printed else report


def _start_remedy(file: ModelFile, first: LegResult, environ: Mapping[str, str]) -> str:
    remedy = install_remedy(first.detail, find_interpreter(file.training, environ))
    if remedy:
        return remedy
    if first.end is LegEnd.TIMED_OUT:
        return "raise timeout under [training]"
    return "run the command by hand until it ends with exit code 0"
