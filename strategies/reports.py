"""What a training says: its argv with values filled in, its report lines, and how one of its legs ended."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .errors import InputError
from .records import LegEnd, Report, Value

LOST_RETRIES = 3
CRASH_RETRIES = 1

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}|[{}]")


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric that decides, its direction, and the score (higher is better) that a diverged run counts as."""

    metric: str
    lower_is_better: bool
    floor: float | None = None

    def score(self, metric_value: float) -> float:
        """The metric's value, signed so that higher is better."""
        return -metric_value if self.lower_is_better else metric_value


class ProcessKind(StrEnum):
    """How the process that trained a leg came to its end."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed_out"
    REPORT_LIMIT = "report_limit"
    RECIPE_ERROR = "recipe_error"
    DIVERGED = "diverged"
    STOPPED = "stopped"  # asked to end early, as its reports were hopeless
    LOST = "lost"  # its worker died; written by the runner, not by the worker


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """The end of a leg's process as its worker saw it, before its reports are looked at."""

    process: ProcessKind
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    started_at: str = ""
    ended_at: str = ""
    detail: str = ""


def placeholders(argv: Sequence[str]) -> frozenset[str]:
    """The names between braces in a command; `{{` and `}}` are literal braces. Raises InputError for a stray brace."""
    return frozenset(
        match[1] for element in argv for match in _PLACEHOLDER.finditer(element) if match[1] or _refuse_stray(match)
    )


def expand(argv: Sequence[str], values: Mapping[str, Value]) -> tuple[str, ...]:
    """The command with its placeholders filled in, each inside its own element: never split, never seen by a shell.

    Floats are written with the fewest digits that read back as the same number, bools as true and false.
    Raises InputError for a name without a value and for a schedule.
    """

    def fill(match: re.Match[str]) -> str:
        name: str | None = match[1]
        if name is None:
            _refuse_stray(match)
            return match[0][0]
        if name not in values:
            allowed = f"known are {', '.join(sorted(values))}"
            raise InputError(f"the command has the placeholder {{{name}}}", allowed, "write {{ and }} for plain braces")
        return _render(name, values[name])

    return tuple(_PLACEHOLDER.sub(fill, element) for element in argv)


def parse_report(line: str) -> Report | None:
    """The report on one line, or None for ordinary output.

    A report is a JSON object with "step" and "metrics". A metric that is null, NaN or infinite becomes NaN.
    Raises InputError for an object with metrics whose step is missing, or whose step or metrics cannot be used.
    """
    text = line.strip()
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "metrics" not in found:
        return None
    if "step" not in found:
        raise _malformed("metrics, but no step", 'a report has both "step" and "metrics"')
    step = _number(found["step"])
    if step is None or not math.isfinite(step) or step < 0:
        raise _malformed(f"step {_short(found['step'])}", "a step is a finite number, 0 or more")
    if not isinstance(found["metrics"], dict):
        raise _malformed(f"metrics {_short(found['metrics'])}", "metrics is an object of numbers")
    return Report(step, {name: _metric(name, value) for name, value in found["metrics"].items()})


def read_reports(lines: Iterable[str]) -> tuple[tuple[Report, ...], str | None]:
    """The reports of a report file in order, and what is wrong with it (None when nothing is).

    Wrong is a malformed report, or a file that has lines of which none is a report.
    """
    reports: list[Report] = []
    unread: str | None = None
    for number, line in enumerate(lines, start=1):
        try:
            report = parse_report(line)
        except InputError as error:
            return tuple(reports), f"line {number}: {error}"
        if report is not None:
            reports.append(report)
        elif unread is None and line.strip():
            unread = f'line {number} is no JSON object with "step" and "metrics": {_short(line.strip())}'
    return tuple(reports), None if reports else unread


def end_of_leg(
    process: ProcessEnd, reports: Sequence[Report], bad_report: str | None, objective: Objective
) -> tuple[LegEnd, float | None, str]:
    """How the leg ended, its score (None unless COMPLETED) and the reason as a sentence.

    The score comes from the last report that has the objective's metric; if it is not finite there, the leg
    DIVERGED, also when the program then left with an error code, as many do on NaN.
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


def last_value(reports: Sequence[Report], metric: str) -> float | None:
    """The metric in the last report that has it; None when none has."""
    return next((report.metrics[metric] for report in reversed(reports) if metric in report.metrics), None)


def is_retried(ends: Sequence[LegEnd]) -> bool:
    """Whether a leg whose attempts ended so, in order, gets another attempt: 3 for lost workers, 1 for crashes."""
    if not ends:
        return True
    if ends[-1] is LegEnd.LOST:
        return ends.count(LegEnd.LOST) <= LOST_RETRIES
    crashes = sum(end in (LegEnd.CRASHED, LegEnd.SIGNALLED) for end in ends)
    return ends[-1] in (LegEnd.CRASHED, LegEnd.SIGNALLED) and crashes <= CRASH_RETRIES


def _stopped(process: ProcessEnd) -> tuple[LegEnd, str] | None:
    """The end of a leg that its reports cannot change; None when the process ended by itself."""
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
        case ProcessKind.STOPPED:  # whoever knows the rule looks at the reports first
            return LegEnd.LOST, "it was stopped early, and its reports do not say why"
        case ProcessKind.LOST:
            return LegEnd.LOST, process.detail or "its worker died"
        case ProcessKind.EXITED:
            return None


def _because(process: ProcessEnd) -> str:
    return f"; {process.detail}" if process.detail else ""


def _exit_clause(process: ProcessEnd) -> str:
    return "" if process.exit_code == 0 else f", then exit code {process.exit_code}"


def _no_metric(reports: Sequence[Report], metric: str) -> str:
    seen = sorted({name for report in reports for name in report.metrics})
    had = f"reported were {', '.join(seen[:8])}" if seen else "nothing was reported"
    return f"ended well but never reported {metric}; {had}"


def _refuse_stray(match: re.Match[str]) -> bool:
    """False for an escaped brace; raises InputError for a lone one."""
    if len(match[0]) == 1:
        raise InputError(
            f"the command element {_short(match.string)} has a lone {match[0]}",
            "braces hold one name, such as {lr}",
            "write {{ and }} for plain braces",
        )
    return False


def _render(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (int, str)):
        return str(value)
    raise InputError(
        f"{name} is a schedule", "a command takes one value a placeholder", "hand over one leg a constant stretch"
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return math.inf


def _metric(name: str, value: object) -> float:
    number = math.nan if value is None else _number(value)
    if number is None:
        raise _malformed(f"the metric {name} {_short(value)}", "a metric is a number, or null for not finite")
    return number if math.isfinite(number) else math.nan


def _malformed(found: str, allowed: str) -> InputError:
    return InputError(f"a report has {found}", allowed, 'write {"step": 120, "metrics": {"loss": 0.31}}')


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
