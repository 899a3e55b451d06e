"""Stops runs whose reports say that they are hopeless, and says afterwards whether they did.

The decision is the rule's alone, on the reports in their order (median_stopping.py): a stopped run is recorded up to
the report that decided, and so is one that was quicker than its stop, or that crashed or lost its worker after that
report. When the runner looked, and whether it was killed in between, changes what a run costs and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...strategies.legs.ends import Objective
from ...strategies.records import LegRequest, Purpose, Report
from ...strategies.search.median_stopping import StopReason, StopRule, WatchedRun
from ..masking import Mask, masked
from .leg_order import Ticket
from .report_tail import ReportTail
from .spool import Spool

PIECES_A_LOOK = 16  # of 1 MiB, as many as a report file may have; one that grows faster must not hold the runner up


@dataclass(frozen=True, slots=True)
class AttemptReports:
    """What an attempt that ended reported, and what is wrong with it (None: nothing).

    `missed`: what is wrong with a line behind the last report that looks like one. `stop`: why it counts as stopped;
    its reports then end with the one that decided. None where it does not.
    """

    reports: tuple[Report, ...] = ()
    fault: str | None = None
    missed: str | None = None
    stop: StopReason | None = None


@dataclass(slots=True)
class _Attempt:
    """An attempt, its reports as they come, and what the rule (None: there is none) says after how many of them."""

    tail: ReportTail
    rule: StopRule | None
    watched: WatchedRun | None = field(init=False)
    judged: int = 0
    stop: StopReason | None = None
    is_asked: bool = False  # its worker was asked to end it

    def __post_init__(self) -> None:
        self.watched = None if self.rule is None else WatchedRun(self.rule)

    def read_on(self, objective: Objective, *, is_over: bool) -> bool:
        """Read some more reports and judge them; False when there is nothing to read, or no need to."""
        if self.stop is not None or not self.tail.read_on(is_over=is_over):
            return False
        if self.watched is not None:
            self._judge(self.watched, objective)
        return True

    def _judge(self, watched: WatchedRun, objective: Objective) -> None:
        for report in self.tail.reading.reports[self.judged :]:
            self.judged += 1
            value = report.metrics.get(objective.metric)
            self.stop = None if value is None else watched.see(report.step, objective.score(value))
            if self.stop is not None:
                return


class EarlyStop:
    """The rules of a spool's legs, and what its legs under way have reported as far as they are watched."""

    def __init__(self, spool: Spool, objective: Objective, mask: Mask = masked) -> None:
        self._spool = spool
        self._objective = objective
        self._mask = mask
        self._rules: dict[str, StopRule] = {}
        self._attempts: dict[tuple[str, int], _Attempt] = {}

    def watch(self, requests: Sequence[LegRequest], rule: StopRule | None) -> None:
        """Put legs of a search under the rule, those that run or have ended already among them."""
        if rule is not None:
            self._rules |= {request.name: rule for request in requests if request.purpose is Purpose.SEARCH}

    def look(self, ticket: Ticket) -> None:
        """Ask the worker of a claimed leg to end it, where its reports so far are hopeless."""
        if ticket.leg not in self._rules:
            return
        key = ticket.leg, ticket.attempt
        if key not in self._attempts:
            self._attempts[key] = self._new(*key)
        attempt = self._attempts[key]
        for _ in range(PIECES_A_LOOK):
            if not attempt.read_on(self._objective, is_over=False):
                break
        if attempt.stop is not None and not attempt.is_asked:
            self._spool.ask_to_stop(ticket, attempt.stop.step)
            attempt.is_asked = True  # a full disk raises before, and the next look tries again

    def reports_of(self, leg: str, number: int, *, is_flood: bool) -> AttemptReports:
        """What attempt `number` at a leg, which has ended, reported: read on from where the last look ended.

        Of a flood, reports past their limit, only a stop counts.
        """
        attempt = self._attempts.pop((leg, number), None)
        if attempt is None or attempt.rule is not self._rules.get(leg) or not attempt.tail.is_as_read():
            attempt = self._new(leg, number)
        if is_flood and attempt.rule is None:
            return AttemptReports()
        while attempt.read_on(self._objective, is_over=True):
            pass
        reading = attempt.tail.reading
        if attempt.stop is not None:
            return AttemptReports(tuple(reading.reports[: attempt.judged]), stop=attempt.stop)
        return AttemptReports() if is_flood else AttemptReports(tuple(reading.reports), reading.fault(), reading.missed)

    def _new(self, leg: str, number: int) -> _Attempt:
        tail = ReportTail(self._spool.report_path(leg, number), self._objective.metric, self._mask)
        return _Attempt(tail, self._rules.get(leg))
