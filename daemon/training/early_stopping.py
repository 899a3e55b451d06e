"""Stops runs whose reports say that they are hopeless, and tells afterwards whether they said so.

The decision is the rule's alone, on the reports in their order (hopeless.py): a stopped run is recorded up to the
report that decided, and so is one that was quicker than its stop, or that crashed or lost its worker after that report.
When the runner looked, and whether it was killed in between, changes what a run costs and nothing else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...strategies.errors import InputError
from ...strategies.legs.ends import Objective
from ...strategies.legs.reports import parse_report
from ...strategies.records import LegRequest, Purpose, Report
from ...strategies.search.median_stopping import StopReason, StopRule, WatchedRun
from .leg_order import Ticket
from .report_tail import LiveReport
from .spool import Spool


@dataclass(slots=True)
class _Running:
    """An attempt under way: its reports as they come, and what the rule has seen of them."""

    report: LiveReport
    watched: WatchedRun
    found: StopReason | None = None
    is_told: bool = False  # its worker was asked to end it


class EarlyStop:
    """The rules of a spool's legs, and the legs under way that they watch."""

    def __init__(self, spool: Spool, objective: Objective) -> None:
        self._spool = spool
        self._objective = objective
        self._rules: dict[str, StopRule] = {}
        self._running: dict[Ticket, _Running] = {}

    def watch(self, requests: Sequence[LegRequest], rule: StopRule | None) -> None:
        """Put legs of a search under the rule, those that run or have ended already among them."""
        if rule is not None:
            self._rules |= {request.name: rule for request in requests if request.purpose is Purpose.SEARCH}

    def look(self, ticket: Ticket) -> None:
        """Ask the worker of a claimed leg to end it, where its reports so far are hopeless."""
        rule = self._rules.get(ticket.leg)
        if rule is None:
            return
        running = self._running.get(ticket)
        if running is None:
            report = LiveReport(self._spool.leg_folder(ticket.leg, ticket.attempt) / "report.jsonl")
            running = self._running[ticket] = _Running(report, WatchedRun(rule))
        if running.found is None:
            judged = self._judged(running.watched, running.report.new_lines())
            running.found = next((found for _, found in judged if found is not None), None)
        if running.found is not None and not running.is_told:
            self._spool.ask_to_stop(ticket, running.found.step)
            running.is_told = True  # a full disk raises before, and the next look tries again

    def decided(self, leg: str, attempt: int) -> tuple[StopReason, tuple[Report, ...]] | None:
        """Why an attempt that ended counts as stopped, and its reports up to there; None where it does not."""
        rule = self._rules.get(leg)
        if rule is None:
            return None
        reports: list[Report] = []
        for report, found in self._judged(WatchedRun(rule), self._spool.report_lines(leg, attempt)):
            reports.append(report)
            if found is not None:
                return found, tuple(reports)
        return None

    def _judged(self, watched: WatchedRun, lines: Iterable[str]) -> Iterator[tuple[Report, StopReason | None]]:
        """The reports in order, each with what the rule says after it, up to the first that cannot be read."""
        for line in lines:
            try:
                report = parse_report(line)
            except InputError:
                watched.leave_alone()
                return
            if report is not None:
                value = report.metrics.get(self._objective.metric)
                yield report, None if value is None else watched.see(report.step, self._objective.score(value))
