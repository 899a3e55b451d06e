"""How a leg ended, given the end of its process and its reports; and whether it is retried."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..records import LegEnd, Report
from .reports import last_value

LOST_RETRIES = 3
CRASH_RETRIES = 1


@dataclass(frozen=True, slots=True)
class Objective:
    """The deciding metric, its direction, and the score (higher is better) that a diverged run counts as."""

    metric: str
    lower_is_better: bool
    floor: float | None = None

    def score(self, metric_value: float) -> float:
        """The metric's value, signed so that higher is better."""
        return -metric_value if self.lower_is_better else metric_value


class ProcessKind(StrEnum):
    """How the process that trained a leg ended."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed_out"
    REPORT_LIMIT = "report_limit"
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


def end_of_leg(
    process: ProcessEnd, reports: Sequence[Report], bad_report: str | None, objective: Objective
) -> tuple[LegEnd, float | None, str]:
    """How the leg ended, its score (None unless COMPLETED) and the reason as a sentence.

    The score comes from the last report that has the objective's metric; if it is not finite there, the leg
    DIVERGED, even when the program then exited with an error code, as many do on NaN.
    """
    stopped = _stopped(process)
    if stopped is not None:
        return stopped[0], None, stopped[1]
    value = last_value(reports, objective.metric)
    if value is not None and not math.isfinite(value):
        return LegEnd.DIVERGED, None, f"{objective.metric} is not finite in its last report" + _exit_clause(process)
    if process.exit_code != 0:
        return LegEnd.CRASHED, None, f"the command ended with exit code {process.exit_code}" + _because(process)
    if bad_report is not None:
        return LegEnd.BAD_REPORT, None, f"a report cannot be read: {bad_report}"
    if value is None:
        return LegEnd.NO_METRIC, None, _no_metric(reports, objective.metric)
    return LegEnd.COMPLETED, objective.score(value), f"{objective.metric} = {value:g}"


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


def _because(process: ProcessEnd) -> str:
    return f"; {process.detail}" if process.detail else ""


def _exit_clause(process: ProcessEnd) -> str:
    return "" if process.exit_code == 0 else f", then exit code {process.exit_code}"


def _no_metric(reports: Sequence[Report], metric: str) -> str:
    names = sorted({name for report in reports for name in report.metrics})
    reported = f"it reported {', '.join(names[:8])}" if names else "nothing was reported"
    return f"ended normally but never reported {metric}; {reported}"
