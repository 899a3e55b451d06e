"""A training's report lines, parsed."""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..errors import InputError
from ..records import Report
from .near_misses import LONGEST_CHARACTERS, near_miss

MOST_NAMES = 1000  # metrics of one training
NAME_CHARACTERS = 200
MOST_REPORTS = 500_000  # of one training
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_BARE = re.compile(r"(?<=[:\s])[+-]?(?:nan|inf|infinity)(?=\s*[,}])", re.IGNORECASE)


def parse_report(line: str, needed: str | None = None, mask: Callable[[str], str] = str) -> Report | None:
    """The report on one line, or None for ordinary output. A byte order mark before it does not matter.

    A report is a JSON object with "step" and "metrics". A metric that is null, NaN or infinite, as a number or a text,
    becomes NaN. Only the `needed` one has to be a number, and others that are none are left out; None: all have to be.
    Raises InputError for an object with metrics whose step is missing, or whose step or metrics cannot be used;
    what it quotes is passed through `mask` before it is cut to a length.
    """
    text = line.strip().lstrip("\ufeff").lstrip()
    data = _object(text) if text.startswith("{") else None
    if not isinstance(data, dict) or "metrics" not in data:
        return None
    if "step" not in data:
        raise _malformed("metrics, but no step", 'a report has both "step" and "metrics"')
    step = _number(data["step"])
    if step is None or not math.isfinite(step) or step < 0:
        raise _malformed(f"step {short(data['step'], mask)}", "a step is a finite number, 0 or more")
    if not isinstance(data["metrics"], dict):
        raise _malformed(f"metrics {short(data['metrics'], mask)}", "metrics is an object of numbers")
    metrics = {_name(name, mask): _metric(value) for name, value in data["metrics"].items()}
    bad = next((name for name, value in metrics.items() if value is None and needed in (None, name)), None)
    if bad is not None:
        shown = short(data["metrics"][bad], mask)
        raise _malformed(f"the metric {bad} {shown}", "a metric is a number, or null for not finite")
    return Report(step, {name: value for name, value in metrics.items() if value is not None})


@dataclass(slots=True)
class ReportReading:
    """What the lines of a report file say, taken in one after another.

    `reports`: in their order, up to a malformed one. `malformed`: what is wrong with that; None where there is none.
    `missed`: what is wrong with a line behind the last report that looks like a further one. `metric` has to be a
    number in each report that has it, others need not; None: all of them. `mask`: what is quoted passes through it.
    """

    metric: str | None = None
    mask: Callable[[str], str] = str
    reports: list[Report] = field(default_factory=list)
    malformed: str | None = None
    missed: str | None = None
    _lines: int = 0
    _unread: str | None = None
    _names: set[str] = field(default_factory=set)

    def take(self, line: str) -> None:
        """Take in the next line; after a malformed report it says nothing more."""
        self._lines += 1
        if self.malformed is not None:
            return
        try:
            report = parse_report(line, self.metric, self.mask)
        except InputError as error:
            self.malformed = f"line {self._lines}: {error}"
            return
        if report is not None:
            self._keep(report)
            self.missed = None
        elif line.strip():
            self._pass_over(line)

    def _pass_over(self, line: str) -> None:
        if self.missed is not None and self._unread is not None:
            return
        line = self.mask(line[:LONGEST_CHARACTERS])
        why = near_miss(line, self.metric or "") if self.missed is None else None
        if why is not None:
            self.missed = f"line {self._lines} of the report file looks like a report, but {why}"
        if self._unread is None:
            shown = short(line.strip())
            self._unread = f'line {self._lines} is not a JSON object with "step" and "metrics": {shown}'

    def _keep(self, report: Report) -> None:
        self._names |= report.metrics.keys()
        if len(self._names) > MOST_NAMES:
            self.malformed = f"line {self._lines}: the reports name more than {MOST_NAMES} metrics; report fewer"
        elif len(self.reports) >= MOST_REPORTS:
            self.malformed = f"line {self._lines}: more than {MOST_REPORTS} reports; report less often"
        else:
            self.reports.append(report)

    def fault(self) -> str | None:
        """What is wrong: a malformed report, or a file that has lines of which none is a report. None: nothing."""
        return (self.missed or self._unread) if self.malformed is None and not self.reports else self.malformed


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


def _name(name: str, mask: Callable[[str], str]) -> str:
    if len(name) > NAME_CHARACTERS:
        raise _malformed(f"the metric {short(name, mask)}", f"a name has {NAME_CHARACTERS} characters at most")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise _malformed(
            f"the metric {short(name, mask)}", "a name is valid Unicode, without lone surrogates"
        ) from None
    return name


def _metric(value: object) -> float | None:
    """The value as a number, NaN where it is not finite; None for what is no number at all."""
    if value is None or (isinstance(value, str) and _NOT_FINITE.fullmatch(value.strip())):
        return math.nan
    number = _number(value)
    return number if number is None or math.isfinite(number) else math.nan


def _object(text: str) -> object:
    """What a line holds as JSON; None where it holds none. Bare words for not finite are read as C prints them."""
    for content in (text, _BARE.sub("NaN", text)):
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            if content is text and not _BARE.search(text):
                return None
    return None


def _malformed(found: str, allowed: str) -> InputError:
    return InputError(f"a report has {found}", allowed, 'write {"step": 120, "metrics": {"loss": 0.31}}')


def short(value: object, mask: Callable[[str], str] = str) -> str:
    """A value as quoted in a message, passed through `mask` and truncated where it is long."""
    text = mask(repr(value))
    return text if len(text) <= 80 else text[:77] + "..."
