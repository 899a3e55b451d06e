"""`retuned serve`: the service with its real parts, from taking the lock to the last message to systemd."""

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from ..adoption.auto import adopt_what_waits
from ..adoption.hooks import Hooks
from ..alerts.channels import Outlet
from ..alerts.deliveries import Deliveries
from ..clock import Clock
from ..config.config import Config
from ..logs import log
from ..state.disk import Disk
from ..state.running_service import single_instance
from ..state.store import Store
from ..training.cluster.shared_folder import link_state
from ..training.machine import machine_of
from ..upkeep.backup import Backups, sweep_state
from ..upkeep.retention import Retention
from .alert_round import AlertRound
from .campaign_processes import CampaignProcesses, command_of, starter
from .change_watch import ChangeChecks, start_child
from .heartbeat import Heartbeat, Pulse
from .sd_notify import Notifier
from .service import Part, Service
from .waker import Waker


def serve(
    state: Path,
    config: Config,
    clock: Clock,
    config_arguments: tuple[str, ...],
    once_it_answers: Callable[[], None] = lambda: None,
) -> None:
    """Run until SIGTERM or SIGINT. APScheduler only wakes the loop; what is due is read from the database.

    `once_it_answers` is called when requests are answered, before the first round.
    """
    from ..api.server import Api
    from ..web.pages import add_pages

    waker, notifier = Waker(), Notifier.from_environ(os.environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: waker.stop())
    with single_instance(state):
        log.info("service_started", state=str(state), pid=os.getpid())
        link_state(state, config.workers)
        sweep_state(config)
        store = Store(state, backups=config.backup.folder)
        checks = ChangeChecks(store, lambda: start_child(command_of(config_arguments, "look")),
                              timedelta(seconds=config.service.look_pause_s))  # fmt: skip
        processes = CampaignProcesses(
            state, starter(config_arguments, os.environ), clock, config.service.longest_step_s
        )
        disk = Disk(store, config.disk.ballast_bytes)
        deliveries = Deliveries(store, clock, waker.wake, outlet=Outlet.of(config))
        hooks = Hooks(store, clock, waker.wake, config.backup.folder)
        service = Service(
            store, config, clock, processes, lambda: machine_of(config),
            parts=_parts(store, config, clock, notifier, checks, disk, deliveries, hooks),
            may_begin=lambda: not disk.is_full, is_stopping=waker.is_stopping, deliver=deliveries.step,
        )  # fmt: skip
        api = Api(state, config, clock, waker.wake, add_pages)
        scheduler = _alarm(waker, _tick_s(config, notifier))
        try:
            api.start()
            once_it_answers()
            _loop(service, waker, notifier, deliveries)
        finally:
            notifier.stopping()
            scheduler.shutdown(wait=True)
            api.stop()
            checks.stop()
            deliveries.stop()
            service.stop()
        log.info("service_stopped")


def _parts(
    store: Store,
    config: Config,
    clock: Clock,
    notifier: Notifier,
    checks: ChangeChecks,
    disk: Disk,
    deliveries: Deliveries,
    hooks: Hooks,
) -> tuple[Part, ...]:
    """The steps of each round other than the campaigns' own; the heartbeat is the first and the last."""
    url = config.service.heartbeat_url
    heartbeat = Heartbeat(store, clock, notifier.alive, None if url is None else Pulse(url, clock))
    heartbeat.is_read_only = lambda: disk.is_full
    heartbeat.first_due = deliveries.first_waiting
    backups, retention, alerts = Backups(store, config), Retention(store, config), AlertRound(store, config)
    return (
        Part("heartbeat", heartbeat.begin, is_first=True),
        Part("disk", lambda: disk.step(clock.now()), is_first=True),
        # before messages are sent: what is over is not told as open
        Part("alerts", lambda: alerts.step(clock.now()), is_first=True),
        Part("adoptions", lambda: _adopt(store, config, clock), begins=True),
        Part("hooks", hooks.step, begins=True),
        Part("looks", lambda: checks.step(clock.now()), begins=True),
        Part("backup", lambda: backups.step(clock.now()), begins=True),
        Part("retention", lambda: retention.step(clock.now())),
        *_cluster_parts(config, clock),
        Part("heartbeat", heartbeat.end),
    )


def _cluster_parts(config: Config, clock: Clock) -> tuple[Part, ...]:
    if not config.workers.is_cluster:
        return ()
    from .cluster_look import ClusterLook

    return (Part("cluster", ClusterLook(config.workers, clock).step),)


def _adopt(store: Store, config: Config, clock: Clock) -> None:
    for decided in adopt_what_waits(store, config, clock):
        event = "adopted_by_itself" if decided.is_adopted else "not_adopted_by_itself"
        log.info(event, model=decided.model, campaign=decided.campaign_id, why=decided.sentence)


def _tick_s(config: Config, notifier: Notifier) -> float:
    """Seconds between rounds: as configured, but at most half of systemd's watchdog interval."""
    tick_s = config.service.tick_s
    return tick_s if notifier.watchdog_s is None else min(tick_s, notifier.watchdog_s / 2)


def _alarm(waker: Waker, tick_s: float) -> BackgroundScheduler:
    """A scheduler that wakes the loop every tick; it stores nothing, so nothing can be lost or out of date."""
    scheduler = BackgroundScheduler(executors={"default": {"type": "threadpool", "max_workers": 1}})
    scheduler.add_job(waker.wake, "interval", seconds=tick_s, coalesce=True, max_instances=1, misfire_grace_time=None)
    scheduler.start()
    return scheduler


def _loop(service: Service, waker: Waker, notifier: Notifier, deliveries: Deliveries) -> None:
    shown = ""
    while not waker.is_stopping():
        service.tick()
        status = service.status()
        if not shown:
            notifier.ready(status)
        elif status != shown:
            notifier.status(status)
        shown = status
        waits = (service.processes.wait_s(), deliveries.seconds_left)
        waker.wait(service.processes.handles(), min((wait for wait in waits if wait is not None), default=None))
