"""The long-running service: a list of steps, each of which may fail without stopping the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ...strategies.errors import RetunedError
from ...strategies.schedule.grants import Machine
from ...strategies.schedule.queueing import Decision, decide
from ..alerts.channels import Outlet
from ..alerts.webhooks import Delivery, deliver_due
from ..clock import Clock
from ..config.config import Config
from ..logs import log
from ..service.follow_ups import queue_follow_ups
from ..service.schedule import adapt_interval, queue_due
from ..state.campaigns.campaign_queue import cancelled_numbers, claimed_numbers, open_numbers
from ..state.campaigns.campaign_writes import grant_resources, put_off, set_waits
from ..state.campaigns.campaigns import Campaign, ended_since, find_campaign
from ..state.campaigns.legs import count_ended
from ..state.faults import get_fact, note_fault, set_fact
from ..state.models.adoption import write_pending_settings
from ..state.store import Store
from .campaign_processes import CampaignProcesses, Ended
from .crash_policy import note_death, note_signs
from .queue_reader import Queue, QueueReader
from .standstill import Sign

MACHINE_IS_READ_EVERY = timedelta(minutes=10)
UNREADABLE_IS_PUT_OFF = timedelta(hours=1)
ENDED_SEEN = "ended_campaigns_seen"  # the time up to which ended campaigns were processed

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a round. `is_first`: it precedes the campaigns' steps; `begins`: it starts something new, which a
    full disk forbids."""

    name: str
    step: Step
    is_first: bool = False
    begins: bool = False


@dataclass
class Service:
    """What one tick does; clock, processes, machine and further parts are passed in, so that tests cover years in a
    second.

    `deliver` sends messages beside the rounds and returns the tries that ended; None: each round sends what is due.
    """

    store: Store
    config: Config
    clock: Clock
    processes: CampaignProcesses
    read_machine: Callable[[], Machine]
    parts: Sequence[Part] = ()
    may_begin: Callable[[], bool] = lambda: True
    is_stopping: Callable[[], bool] = lambda: False
    deliver: Callable[[], Sequence[Delivery]] | None = None
    _queue_reader: QueueReader = field(init=False)
    _open: frozenset[int] = frozenset()
    _machine: tuple[datetime, Machine] | None = None
    _legs_at_start: dict[int, int] = field(default_factory=dict)
    _decided: tuple[frozenset[int], frozenset[int]] | None = None
    _failing: dict[str, str] = field(default_factory=dict)
    _is_first: bool = True

    def __post_init__(self) -> None:
        self._queue_reader = QueueReader(self.store, self.config)

    def tick(self) -> tuple[str, ...]:
        """Run one round; the steps that failed in it. Each failure is recorded, and the other steps still run.

        While the disk is full nothing new is started, but ended campaigns are processed.
        """
        failed = []
        own = (
            Part("settings", self._write_settings),
            Part("schedule", self._queue_due, begins=True),
            Part("campaigns", self._follow_campaigns),
            Part("queue", self._start_campaigns, begins=True),
            Part("messages", self._deliver),
        )
        for part in (*(p for p in self.parts if p.is_first), *own, *(p for p in self.parts if not p.is_first)):
            if self.is_stopping() or (part.begins and not self.may_begin()):
                continue
            try:
                part.step()
            except Exception as error:
                self._note(part.name, error)
                failed.append(part.name)
            else:
                self._failing.pop(part.name, None)
        return tuple(failed)

    def status(self) -> str:
        """What the service is doing, in one line."""
        running = self.processes.running()
        return f"campaigns: {len(running)} running, {len(self._open - running)} waiting"

    def stop(self) -> None:
        """Leave the campaign processes to the next service, or end them; their campaigns stay open in either case."""
        if self.config.service.on_stop == "detach":
            if self.processes.running():
                log.info("campaigns_left_running", campaigns=sorted(self.processes.running()))
            return
        for campaign_id in self.processes.stop():
            log.info("campaign_process_ended", campaign=campaign_id)

    def _note(self, part: str, error: Exception) -> None:
        """Record a fault, or only log it where it cannot be written. A traceback is logged once while the error stays
        the same."""
        sentence = f"{type(error).__name__}: {error}"
        is_known = self._failing.get(part) == sentence or isinstance(error, RetunedError)  # its sentence says it all
        self._failing[part] = sentence
        log.error("tick_step_failed", step=part, error=sentence, exc_info=None if is_known else error)
        try:
            note_fault(self.store, part, sentence, self.clock.now())
        except RetunedError as why:
            log.error("fault_not_recorded", step=part, error=str(why))
        except Exception:
            log.exception("fault_not_recorded", step=part)

    def _write_settings(self) -> None:
        write_pending_settings(self.store)

    def _queue_due(self) -> None:
        for campaign_id in queue_due(self.store, self.clock.now(), self.config.schedule):
            log.info("campaign_queued", campaign=campaign_id, trigger="schedule")
        for campaign_id in queue_follow_ups(self.store, self.clock.now()):
            log.info("campaign_queued", campaign=campaign_id, trigger="follow-up")

    def _follow_campaigns(self) -> None:
        """Watch what an earlier service left running, process campaigns that ended, end the workers they left, and the
        processes that must end."""
        if self._is_first:
            self._clean_all()
        ended = {process.campaign_id: process for process in self.processes.reap()}
        left = self._left_over() if self._is_first else ()
        for campaign_id, holder in self.processes.adopt((*claimed_numbers(self.store), *left)).items():
            pid = None if holder.process is None else holder.process.pid
            self._legs_at_start.setdefault(campaign_id, count_ended(self.store, campaign_id))
            with self.store.transaction():
                set_waits(self.store, campaign_id, None)
            log.info("campaign_adopted", campaign=campaign_id, pid=pid, started_by_service=holder.is_of_service)
            ended.pop(campaign_id, None)
        now_open = open_numbers(self.store)
        over = (self._open | ended.keys() | self._ended_meanwhile()) - now_open - self.processes.running()
        for campaign_id in sorted(over):
            self._guarded(campaign_id, ended.get(campaign_id), self._process_end)
        for campaign_id in sorted(ended.keys() & now_open):
            self._guarded(campaign_id, ended[campaign_id], self._note_death)
        if over or self._is_first:
            set_fact(self.store, ENDED_SEEN, None, self.clock.now())
        self._open, self._is_first = now_open, False
        self._end_processes()

    def _end_processes(self) -> None:
        """Signal processes that stand still or whose campaign was cancelled, and free the places of undying ones."""
        running = self.processes.running()
        if not running:
            return
        seen = self.processes.oversee(cancelled_numbers(self.store, running), counts=self.may_begin())
        note_signs(self.store, seen, self.clock)
        for news in seen:
            if news.sign is Sign.UNDYING:
                is_open = news.campaign_id in self._open
                ended = Ended(news.campaign_id, None, "cannot be ended")
                self._guarded(news.campaign_id, ended, self._note_death if is_open else self._process_end)

    def _left_over(self) -> tuple[int, ...]:
        """Campaigns that have a folder: a process may be at work that has not claimed its own yet, or never left it."""
        folders = self.store.state.glob("campaigns/[0-9]*")
        return tuple(sorted(int(folder.name) for folder in folders if folder.name.isdecimal()))

    def _guarded(self, campaign_id: int, ended: Ended | None, handle: Callable[[Campaign, Ended | None], None]) -> None:
        """Handle one campaign; one whose record cannot be read is deferred, and the others are still handled."""
        try:
            handle(find_campaign(self.store, campaign_id), ended)
        except Exception as error:
            self._note("campaigns", error)
            later = self.clock.now() + UNREADABLE_IS_PUT_OFF
            with self.store.transaction():
                put_off(self.store, campaign_id, later)

    def _note_death(self, campaign: Campaign, ended: Ended | None) -> None:
        assert ended is not None
        has_moved = count_ended(self.store, campaign.id) > self._legs_at_start.pop(campaign.id, 0)
        note_death(
            self.store, campaign, ended, self.config, self.clock,
            has_moved=has_moved, is_disk_full=not self.may_begin() and not ended.why,
        )  # fmt: skip

    def _ended_meanwhile(self) -> frozenset[int]:
        """Campaigns that ended while no service ran."""
        seen = get_fact(self.store, ENDED_SEEN) if self._is_first else None
        return frozenset() if seen is None else ended_since(self.store, seen[1])

    def _process_end(self, campaign: Campaign, ended: Ended | None) -> None:
        """Log a campaign's end, and end the workers that it left."""
        outcome = None if campaign.verdict is None else campaign.verdict.outcome.value
        code = None if ended is None else ended.exit_code
        write = log.warning if campaign.failure else log.info
        write("campaign_ended", campaign=campaign.id, model=campaign.model, kind=campaign.kind, state=campaign.phase,
             verdict=outcome, failure=campaign.failure, exit_code=code)  # fmt: skip
        self._clean(campaign.id)
        self._legs_at_start.pop(campaign.id, None)
        if campaign.phase == "failed":
            sentence = f"campaign {campaign.id} of {campaign.model} failed: {campaign.failure}"
            note_fault(self.store, "campaign", sentence, self.clock.now(), model_id=campaign.model_id,
                       campaign_id=campaign.id)  # fmt: skip
        interval = adapt_interval(self.store, campaign, self.clock.now(), self.config.schedule)
        if interval is not None:
            log.info("interval_set", model=campaign.model, days=interval.days, reason=interval.reason)

    def _clean_all(self) -> None:
        """End the workers of campaigns that ended while no service ran."""
        now_open = open_numbers(self.store)
        left = self.store.state.glob("campaigns/[0-9]*/workers/*/worker.json")
        for campaign_id in sorted({int(path.parents[2].name) for path in left} - now_open):
            self._clean(campaign_id)

    def _clean(self, campaign_id: int) -> None:
        left = self.processes.clean(campaign_id)
        if left:
            log.info("workers_cleared_away", campaign=campaign_id, workers=left)

    def _start_campaigns(self) -> None:
        now, running = self.clock.now(), self.processes.running()
        if self._open <= running:
            return  # nothing waits
        machine = self._present_machine(now)
        if (self._open, running) == self._decided and len(running) >= machine.campaigns:
            return  # nothing can be started, and thousands may wait
        self._decided = (self._open, running)
        queue = self._queue_reader.read(running, machine, now)
        decision = decide(queue.waiting, queue.running, machine, queue.house, now)
        self._record(queue, decision)
        for campaign_id, model_id, why in queue.unreadable:
            if queue.waits[campaign_id] != why:
                note_fault(self.store, "queue", why, now, model_id=model_id, campaign_id=campaign_id)
        for campaign_id, sentence in decision.warnings:
            log.warning("campaign_beyond_limits", campaign=campaign_id, why=sentence)
        for campaign_id, grant in decision.starts:
            self._legs_at_start[campaign_id] = count_ended(self.store, campaign_id)
            pid = self.processes.start(campaign_id)
            log.info("campaign_started", campaign=campaign_id, pid=pid, gets=grant.sentence)

    def _record(self, queue: Queue, decision: Decision) -> None:
        """Record grants before anything is started with them, and why others wait; logged once, when it changes."""
        changed = [(number, why) for number, why in decision.waits if queue.waits[number] != why]
        if not changed and not decision.starts:
            return
        with self.store.transaction():
            for campaign_id, why in changed:
                set_waits(self.store, campaign_id, why)
            for campaign_id, grant in decision.starts:
                grant_resources(self.store, campaign_id, grant)
        for campaign_id, why in changed:
            log.info("campaign_waits", campaign=campaign_id, why=why)

    def _present_machine(self, now: datetime) -> Machine:
        """The machine's resources, read again periodically."""
        if self._machine is None or not timedelta(0) <= now - self._machine[0] < MACHINE_IS_READ_EVERY:
            self._machine = (now, self.read_machine())
        return self._machine[1]

    def _deliver(self) -> None:
        now = self.clock.now()
        for delivery in (
            deliver_due(self.store, now, outlet=Outlet.of(self.config)) if self.deliver is None else self.deliver()
        ):
            fields = {"id": delivery.id, "to": delivery.place, "error": delivery.error}
            if delivery.is_delivered:
                log.info("message_delivered", **fields)
            elif delivery.is_given_up:
                log.warning("message_given_up", **fields)
            else:
                log.info("message_put_off", **fields)
