"""Runs a campaign's legs in workers of any kind, through the spool folder.

Everything it knows is on the disk: a new runner on the same folder adopts the workers that live, reads back what
ended, and makes another attempt at legs that were lost. Exactly one runner may use a folder at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...strategies.errors import InputError
from ...strategies.legs.ends import Objective, ProcessEnd, ProcessKind, end_of_leg, is_retried
from ...strategies.legs.groups import MOST, plan_groups
from ...strategies.records import LegEnd, LegRequest, LegResult
from ...strategies.search.median_stopping import StopRule
from ..clock import Clock
from ..masking import mask_of
from .backlog import Backlog
from .early_stopping import EarlyStop
from .leg_order import Ticket, TrainingOrder
from .leg_results import leg_result
from .pins import PinnedLegs, pin_of
from .splits.split_files import SplitFiles
from .spool import Spool, check_leg_name, folder_in_place
from .supervisor import Supervisor
from .worker_pool import WorkerPool
from .worker_starts import WorkerStarts


@dataclass(slots=True)
class _Open:
    """A leg that has not ended: its current ticket, the legs that it is trained with (none: alone), how its earlier
    attempts ended (None: not read back yet), and whether the ticket was nowhere to be seen at the last look."""

    request: LegRequest
    ticket: Ticket
    group: tuple[str, ...] = ()
    earlier: tuple[LegEnd, ...] | None = ()
    is_missing: bool = False


class SpoolRunner:
    """Legs in, results out; `slots` workers at most train at the same time.

    `environment` is all that a worker gets from outside: an allow-list, already filtered. `open_pool` gives the workers
    of the spool; it is handed the longest time that one ticket may take, in seconds. `splits`: the files that are cut
    for each leg, if any.
    """

    def __init__(
        self,
        folder: Path,
        training: TrainingOrder,
        objective: Objective,
        slots: int,
        environment: Mapping[str, str],
        clock: Clock,
        open_pool: Callable[[Spool, float], WorkerPool],
        *,
        splits: SplitFiles | None = None,
    ) -> None:
        training = replace(training, metric=objective.metric)
        self._spool = Spool(folder)
        self._spool.create(training)
        self._spool.sweep()
        self._training = training
        self._splits = splits
        self._objective = objective
        self._mask = mask_of(environment, training.pass_env)
        self._clock = clock
        longest_s = training.timeout_s * (MOST if training.groups else 1)
        self._workers = open_pool(self._spool, longest_s)
        self._supervisor = Supervisor(self._spool, self._workers, clock)
        self._pinned = PinnedLegs(self._spool, clock)
        self._starts = WorkerStarts(self._spool, self._workers, self._pinned, slots)
        self._early_stop = EarlyStop(self._spool, objective, self._mask)
        self._newest = self._spool.attempts()
        self._open: dict[str, _Open] = {}
        self._out: dict[str, _Open] = {}  # of these, what is not held back
        self._backlog = Backlog(slots)
        self._settled: dict[str, LegResult] = {}
        self._is_stopped = False
        self._waits, self._is_idle = "", False
        for leg, attempt in self._newest.items():
            self._reopen(leg, attempt)
        for worker in self._workers.misplaced():
            self._workers.terminate(worker)
        self._sequence = max((leg.ticket.sequence for leg in self._open.values()), default=0)

    @property
    def waits(self) -> str:
        """Why no leg is trained though some wait, as of the last poll; empty where nothing stands in their way."""
        return self._waits

    def submit(
        self, requests: Sequence[LegRequest], among: Sequence[LegRequest] = (), rule: StopRule | None = None
    ) -> None:
        """Queue legs, in this order; one whose name is already known is left as it is.

        `among`: all that they were asked for together with, those that ended before included, so that the groups are
        the same at each time of asking. `rule`: says which are stopped early; a new runner needs it again
        before it polls. Raises InputError for a name that cannot be used, a command that cannot be filled in, or an
        unknown parent.
        """
        self._early_stop.watch(requests, rule)
        groups = plan_groups(among or requests, self._training.groups) if self._training.groups else ()
        group_of = {name: group for group in groups for name in group}
        waiting: list[Ticket] = []
        for request in requests:
            check_leg_name(request.name)
            attempt = self._newest.get(request.name)
            if attempt is None:
                self._sequence += 1
                ticket = Ticket(self._sequence, request.name, 1)
                waiting += self._prepare(request, ticket, group_of.get(request.name, ()))
            elif self._spool.read_leg(request.name, attempt) is None:
                waiting += self._replace_unreadable(request, attempt)
        self._put(waiting)

    def poll(self) -> dict[str, LegResult]:
        """The legs that ended since the last call (on the first: all that ever ended), by name.

        Also buries dead workers, retries what was lost or crashed, and starts workers for what waits. Raises
        CampaignFailed when workers cannot be started, or the spool folder was taken away.
        """
        with folder_in_place():
            self._look()
        results, self._settled = self._settled, {}  # where this call fails on its way, the next one gives them
        return results

    def checkpoint_fault(self, result: LegResult) -> str | None:
        """What a leg that has just ended left in place of a checkpoint, as a clause; None where it left one."""
        return self._spool.checkpoint_fault(result.request.name, result.attempts)

    def stop(self, grace_s: float = 10.0) -> None:
        """End all workers and everything they started. Unfinished legs stay in the spool for a later runner."""
        self._is_stopped = True
        self._supervisor.stop(grace_s)

    def _look(self) -> None:
        self._supervisor.bury_dead()
        queued = self._spool.queued()  # before the claims: tickets move in that direction
        claimed = {ticket for ticket, _ in self._spool.claims()}
        if queued and not claimed:
            queued -= self._withdraw_unprepared(queued)
        queued -= self._withdraw_stranded(queued)
        waiting: list[Ticket] = []
        for name, leg in tuple(self._out.items()):
            if leg.ticket in queued or leg.ticket in claimed:
                leg.is_missing = False
                if leg.ticket in claimed:
                    self._early_stop.look(leg.ticket)
                continue
            settled = self._settle(leg)
            if isinstance(settled, LegResult):
                del self._open[name], self._out[name]
                self._settled[name] = settled
                if settled.score is not None:
                    self._pinned.note_score(pin_of(leg.request, leg.group))
                self._starts.note_end()
            else:
                waiting += settled
        self._put(waiting)
        if not self._is_stopped:
            self._spool.lift_stop()  # a training may have left one
            self._starts.start_missing()
        was_idle, self._is_idle = self._is_idle, bool(queued) and not claimed
        self._waits = self._workers.refusal() if was_idle and self._is_idle else ""  # a worker may be between two legs

    def _withdraw_unprepared(self, queued: frozenset[Ticket]) -> set[Ticket]:
        """Give up legs that wait without a folder: no worker can take them. Each is tried again."""
        bare = {ticket for ticket in queued if not self._spool.is_prepared(ticket)}
        for ticket in bare:
            self._spool.withdraw(ticket)
            self._spool.give_up(ticket, "its folder was removed while it waited")
        return bare

    def _withdraw_stranded(self, queued: frozenset[Ticket]) -> set[Ticket]:
        """Give up legs that wait for a kind of node that is gone: better no pair than one that compares machines. Where
        no side of a pair has trained yet, another kind of node may have both."""
        stranded = dict(self._pinned.stranded(queued))
        released = self._pinned.release([ticket for ticket in stranded if not self._is_grouped(ticket)])
        if released:
            self._put(released)
        for ticket, kind in stranded.items():
            if ticket in released:
                continue
            self._spool.withdraw(ticket)
            self._spool.give_up(
                ticket, f"no node like the one that trained the other side of its pair ({kind}) is left"
            )
            self._starts.note_end()
        return set(stranded) - set(released)

    def _is_grouped(self, ticket: Ticket) -> bool:
        return ticket.leg in self._open and bool(self._open[ticket.leg].group)

    def _put(self, tickets: Sequence[Ticket]) -> None:
        """Queue tickets, those of one group as one, or hold them back until the queue is shorter."""
        self._backlog.add(tickets, lambda ticket: self._open[ticket.leg].group or ticket.leg)
        for ticket in tickets:
            self._out.pop(ticket.leg, None)
        groups = self._backlog.take(self._spool.count_queued()) if self._backlog else []
        self._out |= {ticket.leg: self._open[ticket.leg] for group in groups for ticket in group}
        if groups:
            self._spool.put_groups(groups)  # where that fails, the next looks find them missing

    def _prepare(
        self,
        request: LegRequest,
        ticket: Ticket,
        group: tuple[str, ...],
        earlier: tuple[LegEnd, ...] | None = (),
    ) -> list[Ticket]:
        """Make an attempt ready; its ticket, unless it has ended with that."""
        parent = None
        if request.parent is not None:
            if request.parent not in self._newest:
                raise InputError(f"the leg {request.name} starts from {request.parent}, which was never run")
            parent = self._spool.leg_folder(request.parent, self._newest[request.parent])
        open_legs = (leg.request for leg in self._open.values())
        data = None if self._splits is None else self._splits.files_for(request, open_legs)
        is_ready = self._spool.prepare(request, ticket, self._training, parent, group, data, pin_of(request, group))
        self._newest[request.name] = ticket.attempt
        self._open[request.name] = self._out[request.name] = _Open(request, ticket, group, earlier)
        return [ticket] if is_ready else []

    def _reopen(self, leg: str, attempt: int) -> None:
        """Adopt a leg that an earlier runner enqueued; one whose leg.json cannot be read waits for `submit`."""
        order = self._spool.read_leg(leg, attempt)
        if order is not None:
            request, sequence = order
            group = self._spool.read_group(leg, attempt)
            self._open[leg] = self._out[leg] = _Open(request, Ticket(sequence, leg, attempt), group, None)

    def _replace_unreadable(self, request: LegRequest, attempt: int) -> list[Ticket]:
        self._sequence += 1
        ticket = Ticket(self._sequence, request.name, attempt)
        self._supervisor.mark_lost(ticket, "its leg.json could not be read")
        return self._prepare(request, Ticket(self._sequence, request.name, attempt + 1), (), None)

    def _settle(self, leg: _Open) -> LegResult | list[Ticket]:
        """The result of a leg whose ticket is gone; when it goes on, the ticket to be queued, if there is one.

        A lost leg is trained in the same company once more. One that failed in company is tried alone: another may
        have pulled it down, by the memory that they took together for instance.
        """
        ticket = leg.ticket
        process = self._spool.read_end(ticket.leg, ticket.attempt)
        if process is None:
            return self._find_missing(leg)
        result = self._result(leg.request, ticket.attempt, process)
        leg.earlier = self._earlier_ends(leg) if leg.earlier is None else leg.earlier
        ends = (*leg.earlier, result.end)
        if not is_retried(ends):
            return result
        group = leg.group if result.end is LegEnd.LOST else ()
        return self._prepare(leg.request, Ticket(ticket.sequence, ticket.leg, ticket.attempt + 1), group, ends)

    def _find_missing(self, leg: _Open) -> list[Ticket]:
        """Deal with a leg that is neither queued nor claimed nor ended, once it was so at two looks in a row.

        At a single look it may be a ticket that a worker put back just then. Otherwise an earlier runner died
        before it queued the ticket, or someone removed a claim.
        """
        if not leg.is_missing:
            leg.is_missing = True
        elif self._spool.was_started(leg.ticket.leg, leg.ticket.attempt):
            self._supervisor.mark_lost(leg.ticket, "its claim is gone")
        else:
            return [leg.ticket]
        return []

    def _earlier_ends(self, leg: _Open) -> tuple[LegEnd, ...]:
        """How the attempts ended that an earlier runner made."""
        return tuple(
            LegEnd.LOST if process is None else self._result(leg.request, attempt, process).end
            for attempt in range(1, leg.ticket.attempt)
            for process in [self._spool.read_end(leg.ticket.leg, attempt)]
        )

    def _result(self, request: LegRequest, attempt: int, process: ProcessEnd) -> LegResult:
        is_flood = process.process is ProcessKind.REPORT_LIMIT
        reported = self._early_stop.reports_of(request.name, attempt, is_flood=is_flood)
        reports = reported.reports
        if reported.stop is not None:
            detail = reported.stop.sentence(lower_is_better=self._objective.lower_is_better)
            end, score = LegEnd.STOPPED, None
        else:
            is_command = self._training.kind == "command"  # our own loop reports the end of each stretch
            stretch = (request.from_step, request.to_step) if is_command else None
            end, score, detail = end_of_leg(process, reports, reported.fault, self._objective, stretch, reported.missed)
        return leg_result(request, attempt, process, reports, (end, score, detail), self._objective, self._mask)
