"""The long-running service: one loop that queues due campaigns, runs them as processes and delivers messages."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from .adoption import write_pending_settings
from .clock import Clock
from .config import Config
from .instance import single_instance
from .ledger import find_campaign, open_campaigns
from .outbox import deliver_due, place_of
from .registry import find_model
from .schedule import queue_due
from .store import Store

STOP_GRACE_S = 30.0
LONGEST_WAIT_S = 3600.0
log = structlog.get_logger("retuned")


def command_of(config_arguments: tuple[str, ...], campaign_id: int) -> tuple[str, ...]:
    """The command of a campaign process, with this interpreter."""
    return (sys.executable, "-m", "retuned.daemon.cli", *config_arguments, "campaign", str(campaign_id))


@dataclass
class Attempt:
    """A campaign process, and how often in a row it ended without ending its campaign."""

    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    not_before: datetime | None = None


@dataclass
class Service:
    """What one tick does; the clock comes in, so that tests live through years in a second."""

    store: Store
    config: Config
    clock: Clock
    start: Callable[[int], subprocess.Popen[bytes]]
    attempts: dict[int, Attempt] = field(default_factory=dict)

    def tick(self) -> None:
        """One round; a failure in one part is logged and leaves the others running."""
        for step in (self._write_settings, self._queue_due, self._reap, self._start_campaigns, self._deliver):
            try:
                step()
            except Exception:
                log.exception("tick_step_failed", step=step.__name__.strip("_"))

    def stop(self) -> None:
        """End the campaign processes; their campaigns stay open and go on at the next start."""
        running = [attempt.process for attempt in self.attempts.values() if attempt.process is not None]
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _write_settings(self) -> None:
        write_pending_settings(self.store)

    def _queue_due(self) -> None:
        for campaign_id in queue_due(self.store, self.clock.now()):
            log.info("campaign_queued", campaign=campaign_id, trigger="schedule")

    def _reap(self) -> None:
        still_open = {campaign.id for campaign in open_campaigns(self.store)}
        for campaign_id, attempt in list(self.attempts.items()):
            if attempt.process is not None and attempt.process.poll() is None:
                continue
            code = None if attempt.process is None else attempt.process.returncode
            if campaign_id not in still_open:
                self._log_end(campaign_id, code)
                del self.attempts[campaign_id]
            if campaign_id not in still_open or attempt.process is None:
                continue
            attempt.process = None
            attempt.failures += 1
            wait_s = min(self.config.service.tick_s * 2**attempt.failures, LONGEST_WAIT_S)
            attempt.not_before = self.clock.now() + timedelta(seconds=wait_s)
            log.warning("campaign_process_died", campaign=campaign_id, exit_code=code, again_in_s=wait_s)

    def _log_end(self, campaign_id: int, exit_code: int | None) -> None:
        ended = find_campaign(self.store, campaign_id)
        outcome = None if ended.verdict is None else ended.verdict.outcome.value
        tell = log.warning if ended.failure else log.info
        tell("campaign_ended", campaign=campaign_id, model=ended.model, kind=ended.kind, state=ended.phase,
             verdict=outcome, failure=ended.failure, exit_code=exit_code)  # fmt: skip

    def _start_campaigns(self) -> None:
        running = sum(attempt.process is not None for attempt in self.attempts.values())
        busy = set()
        for campaign in open_campaigns(self.store):
            attempt = self.attempts.setdefault(campaign.id, Attempt())
            is_first_of_model = campaign.model_id not in busy
            busy.add(campaign.model_id)
            waits = attempt.not_before is not None and self.clock.now() < attempt.not_before
            is_off = find_model(self.store, campaign.model).state == "retired"
            if attempt.process is not None or waits or is_off or not is_first_of_model:
                continue
            if running < self.config.service.max_campaigns:
                attempt.process = self.start(campaign.id)
                running += 1
                log.info("campaign_started", campaign=campaign.id, model=campaign.model, pid=attempt.process.pid)

    def _deliver(self) -> None:
        for delivery in deliver_due(self.store, self.clock.now()):
            event = "message_delivered" if delivery.is_delivered else "message_put_off"
            log.info(event, id=delivery.id, to=place_of(delivery.url), error=delivery.error)


def serve(state: Path, config: Config, clock: Clock, config_arguments: tuple[str, ...]) -> None:
    """Run until SIGTERM or SIGINT. APScheduler only wakes the loop; what is due is read from the database."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())

    def start(campaign_id: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command_of(config_arguments, campaign_id), stdin=subprocess.DEVNULL)

    with single_instance(state):
        log.info("service_started", state=str(state), pid=os.getpid())
        holder: list[Service] = []  # the database connection belongs to the thread that ticks

        def tick() -> None:
            if not holder:
                holder.append(Service(Store(state), config, clock, start))
            holder[0].tick()

        scheduler = BackgroundScheduler(executors={"default": {"type": "threadpool", "max_workers": 1}})
        scheduler.add_job(
            tick, "interval", seconds=config.service.tick_s, next_run_time=clock.now(), coalesce=True, max_instances=1,
            misfire_grace_time=None,
        )  # fmt: skip
        scheduler.start()
        stopping.wait()
        scheduler.shutdown(wait=True)
        for service in holder:
            service.stop()
        log.info("service_stopped")
