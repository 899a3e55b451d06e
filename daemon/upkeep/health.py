"""The service's health: one record for `retuned status`, the API and monitoring, read only from the database.

It also works while no service runs. Every query uses an index, so that it stays fast with thousands of models.
Facts that it reads (table service_facts), each written by the responsible part of the service:

    heartbeat    each round: {"pid", "started_at", "tick", "tick_s", "failed": [parts]}
    last_backup  each good backup: {"path", "bytes"}
    disk_mode    when it changes: {"mode": "normal" | "full", "why"}
    disk_use     periodically: {"models": {name: bytes}}
"""

import heapq
import shutil
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from ...strategies.words import age, counted
from ..config.config import Config
from ..state.alert_rows import open_and_silent
from ..state.campaigns.lease_file import holder_of
from ..state.faults import Fault, get_fact, recent_faults
from ..state.models.change_checks import next_checks
from ..state.models.cool_down import cool_down_of
from ..state.models.due_dates import next_due_model
from ..state.outbox import dead_count, last_dead_error, pending_by_address, place_for, place_of
from ..state.overview import OpenCampaign, claimed_campaigns, count_open, first_open, leg_counts, models_by_state
from ..state.running_service import is_serving
from ..state.store import Store, from_text
from .health_records import (
    AtWork,
    Backup,
    Channel,
    DiskUse,
    Due,
    Health,
    Messages,
    NextLook,
    OpenAlerts,
    Tick,
    WaitingCampaign,
)

SHOWN = 20  # of what waits, and of faults
LOOKS_SHOWN = 5
FAULTS_COUNT_FOR = timedelta(days=1)
MESSAGES_ARE_LATE_AFTER = timedelta(hours=1)
SLOW_TICKS, LEAST_SILENCE_S = 3, 120.0
LITTLE_SPACE_BYTES = 256 << 20


def health_of(store: Store, config: Config, now: datetime) -> Health:
    """The health of the service on this state folder, whether it runs or not."""
    serving = is_serving(store.state)
    beat = get_fact(store, "heartbeat")
    running, waiting, queue_length, still = _campaigns(store)
    messages, channels = _messages(store, config)
    faults, disk, backup = recent_faults(store, SHOWN), _disk(store), _backup(store)
    tick = None if beat is None else _tick(*beat)
    failing = _failing(tick if serving else None, disk, config, now)
    degraded = (
        *(() if serving else ("not running: nothing starts automatically; start it with: retuned serve",)),
        *still,
        *_troubles(tick if serving else None, messages, faults, disk, now),
        *_backup_troubles(backup, config, now),
    )
    return Health(
        overall="failing" if failing else "degraded" if degraded else "ok",
        sentences=(*failing, *degraded),
        version=_version(),
        state=str(store.state),
        is_serving=serving,
        pid=int(beat[0]["pid"]) if serving and beat is not None else None,
        up_since=from_text(beat[0]["started_at"]) if serving and beat is not None else None,
        last_tick=tick,
        models=models_by_state(store),
        next_due=_next_due(store),
        running=running,
        queue_length=queue_length,
        queue=waiting,
        messages=messages,
        alerts=OpenAlerts(*open_and_silent(store)),
        channels=channels,
        faults=faults,
        disk=disk,
        last_backup=backup,
        next_looks=_next_looks(store, now),
    )


@cache
def _version() -> str:
    from importlib.metadata import version  # slow to load

    return version("retuned")  # reads files of the installation, which takes 10 ms


def longest_silence_s(config: Config) -> float:
    """How old the last tick of a healthy service may be."""
    return max(SLOW_TICKS * config.service.tick_s, LEAST_SILENCE_S)


def _tick(value: Any, at: datetime) -> Tick:  # noqa: ANN401 - a fact is any JSON
    return Tick(int(value["tick"]), at, float(value["tick_s"]), tuple(value["failed"]))


def _next_due(store: Store) -> Due | None:
    due = next_due_model(store)
    return None if due is None else Due(*due)


def _next_looks(store: Store, now: datetime) -> tuple[NextLook, ...]:
    """The models that a service looks at first."""
    first = next_checks(store, LOOKS_SHOWN)
    return tuple(NextLook(name, at, cool_down_of(store, model_id, now)) for model_id, name, at in first)


def _campaigns(store: Store) -> tuple[tuple[AtWork, ...], tuple[WaitingCampaign, ...], int, tuple[str, ...]]:
    """The running campaigns, the first of the waiting ones, how many wait, and which of the running get no further."""
    working = [campaign for campaign in claimed_campaigns(store) if holder_of(store.state, campaign.id) is not None]
    numbers = {campaign.id for campaign in working}
    queued = first_open(store, SHOWN + len(working))
    waiting = tuple(_waiting(campaign) for campaign in queued if campaign.id not in numbers)[:SHOWN]
    running = tuple(_at_work(store, campaign) for campaign in working)
    still = tuple(f"campaign {campaign.id} of {campaign.model}: {campaign.waits}" for campaign in working
                  if campaign.waits)  # fmt: skip
    return running, waiting, count_open(store) - len(working), still


def _waiting(campaign: OpenCampaign) -> WaitingCampaign:
    return WaitingCampaign(campaign.id, campaign.model, campaign.kind, campaign.created_at, campaign.waits or "")


def _at_work(store: Store, campaign: OpenCampaign) -> AtWork:
    planned, done = leg_counts(store, campaign.id)
    since, expected_s = campaign.started_at, campaign.seconds_expected
    expected_end = None if since is None or expected_s is None else since + timedelta(seconds=expected_s)
    return AtWork(campaign.id, campaign.model, campaign.kind, campaign.phase, since, done, planned, expected_end)


def _messages(store: Store, config: Config) -> tuple[Messages, tuple[Channel, ...]]:
    waiting = pending_by_address(store)
    places: dict[str, tuple[int, str | None]] = {}
    if config.alerts.webhook is not None:
        places[place_of(config.alerts.webhook)] = (0, None)
    places |= {place_for(name, ""): (0, None) for name in config.channels}
    for address in waiting:
        pending, error = places.get(address.place, (0, None))
        places[address.place] = (pending + address.count, error or address.last_error)
    messages = Messages(
        pending=sum(address.count for address in waiting),
        dead=dead_count(store),
        dead_error=last_dead_error(store),
        oldest_at=min((address.oldest_at for address in waiting), default=None),
        last_error=next((address.last_error for address in waiting if address.last_error is not None), None),
    )
    return messages, tuple(Channel(place, *pending) for place, pending in places.items())


def _disk(store: Store) -> DiskUse:
    usage = shutil.disk_usage(store.state)
    mode, use = get_fact(store, "disk_mode"), get_fact(store, "disk_use")
    recorded = {} if mode is None else mode[0]
    models: dict[str, int] = {} if use is None else use[0]["models"]
    largest = heapq.nsmallest(SHOWN, models.items(), key=lambda model: (-model[1], model[0]))
    return DiskUse(
        mode=recorded.get("mode", "normal"),
        why=recorded.get("why", ""),
        free_bytes=usage.free,
        total_bytes=usage.total,
        models_bytes=None if use is None else sum(models.values()),
        models=tuple(largest),
    )


def _backup(store: Store) -> Backup | None:
    fact = get_fact(store, "last_backup")
    return None if fact is None else Backup(fact[1], str(fact[0].get("path", "")), int(fact[0].get("bytes", 0)))


def _failing(tick: Tick | None, disk: DiskUse, config: Config, now: datetime) -> tuple[str, ...]:
    sentences = []
    if tick is not None and (now - tick.at).total_seconds() > longest_silence_s(config):
        sentences.append(
            f"the service hangs: its last round ended {age(now - tick.at)} ago, and one is due every"
            f" {config.service.tick_s:g} s; see its log, then restart it"
        )
    if disk.mode != "normal":
        why = disk.why or "the disk is full"
        sentences.append(f"nothing new is started: {why}; with free space it resumes automatically")
    return tuple(sentences)


def _troubles(
    tick: Tick | None, messages: Messages, faults: tuple[Fault, ...], disk: DiskUse, now: datetime
) -> tuple[str, ...]:
    sentences = []
    if tick is not None and tick.at - now > timedelta(minutes=2):
        sentences.append(f"the clock was set back: the last round is {age(tick.at - now)} in the future")
    if tick is not None and tick.failed:
        sentences.append(f"the last round failed in part: {', '.join(tick.failed)}; see the last errors")
    recent = [fault for fault in faults if now - fault.at < FAULTS_COUNT_FOR]
    if recent:
        sentences.append(
            f"{counted(len(recent), 'error')} within a day, the last: {recent[0].part}: {recent[0].sentence}"
        )
    if messages.oldest_at is not None and now - messages.oldest_at > MESSAGES_ARE_LATE_AFTER:
        sentences.append(
            f"{counted(messages.pending, 'message')} not delivered yet, the oldest for {age(now - messages.oldest_at)}:"
            f" {messages.last_error or 'not tried yet'}"
        )
    if messages.dead:
        why = f", the newest because of: {messages.dead_error}" if messages.dead_error else ""
        sentences.append(
            f"{counted(messages.dead, 'message')} given up{why}; see: retuned alerts, then: retuned ack ALERT"
        )
    if disk.free_bytes < LITTLE_SPACE_BYTES:
        sentences.append(f"{disk.free_bytes >> 20} MiB are free on the disk of the state folder")
    return tuple(sentences)


def _backup_troubles(backup: Backup | None, config: Config, now: datetime) -> tuple[str, ...]:
    if backup is None or now - backup.at <= timedelta(seconds=2 * config.backup.every_s):
        return ()
    return (f"the last backup is {age(now - backup.at)} old; see the last errors, or run: retuned backup",)
