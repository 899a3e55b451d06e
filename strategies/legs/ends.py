"""How a leg ended, given the end of its process and its reports; and whether it is retried."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ..records import LegEnd, Report
from .near_misses import near_miss
from .reports import last_value

LOST_RETRIES = 3
CRASH_RETRIES = 1
_REPORT_THE_END = "a training that ends early on purpose reports its score at the step that it was to reach"
_LEAVE_OUT_STEP = (
    "where it counts something else than the budget, leave the group 'step' out of the pattern, or the key step out of "
    "[objective]"
)
MOST_NODE = 200  # characters of what a kind of node is called
MOST_DETAIL = 2000  # characters of what a process said at its end


@dataclass(frozen=True, slots=True)
class Objective:
    """The deciding metric, its direction, and the score (higher is better) that a diverged run counts as.

    `has_printed_steps`: its steps are read out of what a training prints or writes, in whatever unit that counts.
    """

    metric: str
    lower_is_better: bool
    floor: float | None = None
    has_printed_steps: bool = False

    @property
    def sign(self) -> float:
        """The factor, 1.0 or -1.0, between a score (higher is better) and the metric."""
        return -1.0 if self.lower_is_better else 1.0

    def score(self, metric_value: float) -> float:
        """The metric's value, signed so that higher is better."""
        return -metric_value if self.lower_is_better else metric_value


class ProcessKind(StrEnum):
    """How the process that trained a leg ended."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed_out"
    REPORT_LIMIT = "report_limit"
    CHECKPOINT_LIMIT = "checkpoint_limit"
    RECIPE_ERROR = "recipe_error"
    DIVERGED = "diverged"
    STOPPED = "stopped"  # ended early on request, because its reports were hopeless
    LOST = "lost"  # its worker died; written by the runner, not by the worker


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """The end of a leg's process as its worker saw it, before its reports are considered."""

    process: ProcessKind
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    started_at: str = ""
    ended_at: str = ""
    detail: str = ""
    left_running: int = 0  # processes that were alive when a command ended
    near_line: int = 0  # of its output, behind its last report: looks like a further one; 0: none does
    near_text: str = ""
    near_is_long: bool = False
    node: str = ""  # the kind of node that trained it; empty: there is one machine
    metric_fault: str = ""  # why the metric's pattern or file gives no value, as a sentence; empty: it does

    def missed(self, metric: str) -> str | None:
        """What is wrong with a line of output that looks like a report, as a clause; None: nothing, or no line."""
        if not self.near_line:
            return None
        why = near_miss(self.near_text, metric)
        if self.near_is_long:
            why = "it is longer than 256 KiB; append long reports to the file at RETUNED_REPORT"
        return None if why is None else f"line {self.near_line} of the output looks like a report, but {why}"


def process_end_of(found: Mapping[str, Any]) -> ProcessEnd | None:
    """The end in an exit.json, which the training itself may have written; None for one that cannot be used."""
    try:
        end = ProcessEnd(**{**found, "process": ProcessKind(found["process"])})
    except (KeyError, TypeError, ValueError):
        return None
    texts = (end.started_at, end.ended_at, end.detail, end.near_text, end.metric_fault, end.node)
    if not all(isinstance(text, str) for text in texts) or not all(
        map(_is_whole, (end.exit_code, end.signal, end.left_running, end.near_line))
    ):
        return None
    if not all(map(_is_cost, (end.seconds, end.cpu_s, end.peak_memory_bytes))):
        return None
    return replace(
        end, detail=_bounded(end.detail), metric_fault=_bounded(end.metric_fault), node=_bounded(end.node)[:MOST_NODE]
    )


def end_of_leg(
    process: ProcessEnd,
    reports: Sequence[Report],
    bad_report: str | None,
    objective: Objective,
    stretch: tuple[float, float] | None = None,
    missed: str | None = None,
) -> tuple[LegEnd, float | None, str]:
    """How the leg ended, its score (None unless COMPLETED) and the reason as a sentence.

    The score comes from the last report that has the objective's metric; if it is not finite there, the leg
    DIVERGED, even when the program then exited with an error code, as many do on NaN.

    `stretch`: the steps between which it was to train; a last report far from its end gives no score. None: any does.
    `missed`: what is wrong with a line of the report file, behind the last report, that looks like one.
    """
    missed = missed or process.missed(objective.metric)
    stopped = _stopped(process)
    if stopped is not None:
        return stopped[0], None, stopped[1]
    value = last_value(reports, objective.metric)
    if value is not None and not math.isfinite(value) and not process.metric_fault:
        return LegEnd.DIVERGED, None, f"{objective.metric} is not finite in its last report" + _exit_clause(process)
    if process.exit_code != 0:
        return LegEnd.CRASHED, None, f"the command ended with exit code {process.exit_code}" + _because(process)
    if process.metric_fault:
        return LegEnd.NO_METRIC, None, f"no {objective.metric}: {process.metric_fault}" + _hints(process, None)
    if bad_report is not None:
        return LegEnd.BAD_REPORT, None, f"a report cannot be read: {bad_report}"
    if value is None:
        return LegEnd.NO_METRIC, None, _no_metric(reports, objective.metric) + _hints(process, missed)
    told = f"{objective.metric} = {value:g}"
    short = _falls_short(reports, objective.metric, stretch)
    if short is not None and stretch is not None:
        clause = f"its last report of {objective.metric} is of step {short:g} of {stretch[1]:g}"
        if is_unfinished(short, stretch) or missed is not None:
            remedy = _LEAVE_OUT_STEP if objective.has_printed_steps else _REPORT_THE_END
            return LegEnd.BAD_REPORT, None, f"{clause}; {remedy}" + _hints(process, missed)
        told += f"; {clause}"
    return LegEnd.COMPLETED, objective.score(value), told


def is_unfinished(step: float, stretch: tuple[float, float]) -> bool:
    """Whether a last report at this step says nothing of the whole stretch: before three quarters of it, and more than
    one step from its end, where those who count from 0 stop."""
    start, end = stretch
    return step - start < 0.75 * (end - start) and step < end - 1


def is_retried(ends: Sequence[LegEnd]) -> bool:
    """Whether a leg whose attempts ended like this, in order, is retried: 3 times for lost workers, 1 for crashes."""
    if not ends:
        return True
    if ends[-1] is LegEnd.LOST:
        return ends.count(LegEnd.LOST) <= LOST_RETRIES
    crashes = sum(end in (LegEnd.CRASHED, LegEnd.SIGNALLED) for end in ends)
    return ends[-1] in (LegEnd.CRASHED, LegEnd.SIGNALLED) and crashes <= CRASH_RETRIES


def _stopped(process: ProcessEnd) -> tuple[LegEnd, str] | None:
    """The end of a leg where its reports do not matter; None when the process exited by itself."""
    match process.process:
        case ProcessKind.TIMED_OUT:
            return LegEnd.TIMED_OUT, f"still running after {process.seconds:.0f} s, killed" + _because(process)
        case ProcessKind.SIGNALLED:
            hint = ", as the kernel does when memory runs out" if process.signal == 9 else ""
            return LegEnd.SIGNALLED, f"ended by signal {process.signal}{hint}" + _because(process)
        case ProcessKind.REPORT_LIMIT:
            return LegEnd.BAD_REPORT, process.detail or "more reports than allowed"
        case ProcessKind.CHECKPOINT_LIMIT:
            return LegEnd.BAD_CHECKPOINT, process.detail or "its checkpoint is larger than allowed"
        case ProcessKind.RECIPE_ERROR:
            return LegEnd.CRASHED, process.detail or "the recipe failed"
        case ProcessKind.DIVERGED:
            return LegEnd.DIVERGED, process.detail or "the training diverged"
        case ProcessKind.STOPPED:  # callers that know the rule check the reports first
            return LegEnd.LOST, "it was stopped early, but its reports do not show why"
        case ProcessKind.LOST:
            return LegEnd.LOST, process.detail or "its worker died"
        case ProcessKind.EXITED:
            return None


def _falls_short(reports: Sequence[Report], metric: str, stretch: tuple[float, float] | None) -> float | None:
    """The step of the last report with the metric, where that is not the end of the stretch."""
    if stretch is None:
        return None
    last = next(report.step for report in reversed(reports) if metric in report.metrics)
    return last if last < stretch[1] * (1 - 1e-9) else None


def _hints(process: ProcessEnd, missed: str | None) -> str:
    """What may be the reason that something was not reported, as further clauses."""
    hints = [] if missed is None else [missed]
    if process.left_running:
        were = "process was" if process.left_running == 1 else "processes were"
        hints.append(
            f"{process.left_running} {were} still running when the command ended, and ended with it: "
            "a command must wait for the training that it starts"
        )
    return "".join(f"; {hint}" for hint in hints)


def _bounded(text: str) -> str:
    return text[:MOST_DETAIL].encode(errors="replace").decode()


def _is_whole(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31)


def _is_cost(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**62


def _because(process: ProcessEnd) -> str:
    return f"; {process.detail}" if process.detail else ""


def _exit_clause(process: ProcessEnd) -> str:
    return "" if process.exit_code == 0 else f", then exit code {process.exit_code}"


def _no_metric(reports: Sequence[Report], metric: str) -> str:
    names = sorted({name for report in reports for name in report.metrics})
    reported = f"it reported {', '.join(names[:8])}" if names else "nothing was reported"
    return f"ended normally but never reported {metric}; {reported}"
