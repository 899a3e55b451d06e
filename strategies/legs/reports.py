"""A training's report lines, parsed."""

import json
import math
from collections.abc import Iterable, Sequence

from ..errors import InputError
from ..records import Report


def parse_report(line: str) -> Report | None:
    """The report on one line, or None for ordinary output.

    A report is a JSON object with "step" and "metrics". A metric that is null, NaN or infinite becomes NaN.
    Raises InputError for an object with metrics whose step is missing, or whose step or metrics cannot be used.
    """
    text = line.strip()
    if not text.startswith("{"):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "metrics" not in data:
        return None
    if "step" not in data:
        raise _malformed("metrics, but no step", 'a report has both "step" and "metrics"')
    step = _number(data["step"])
    if step is None or not math.isfinite(step) or step < 0:
        raise _malformed(f"step {short(data['step'])}", "a step is a finite number, 0 or more")
    if not isinstance(data["metrics"], dict):
        raise _malformed(f"metrics {short(data['metrics'])}", "metrics is an object of numbers")
    return Report(step, {name: _metric(name, value) for name, value in data["metrics"].items()})


def read_reports(lines: Iterable[str]) -> tuple[tuple[Report, ...], str | None]:
    """The reports of a report file in order, and its fault (None for none).

    A fault is a malformed report, or a file with lines of which none is a report.
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
            unread = f'line {number} is not a JSON object with "step" and "metrics": {short(line.strip())}'
    return tuple(reports), None if reports else unread


def last_value(reports: Sequence[Report], metric: str) -> float | None:
    """The metric's value in the last report that has it; None without one."""
    return next((report.metrics[metric] for report in reversed(reports) if metric in report.metrics), None)


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
        raise _malformed(f"the metric {name} {short(value)}", "a metric is a number, or null for not finite")
    return number if math.isfinite(number) else math.nan


def _malformed(found: str, allowed: str) -> InputError:
    return InputError(f"a report has {found}", allowed, 'write {"step": 120, "metrics": {"loss": 0.31}}')


def short(value: object) -> str:
    """A value as quoted in a message, truncated where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
