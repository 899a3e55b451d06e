"""How the service is: one record for `retuned status`, the API and monitoring, read from the database alone.

It tells as much while no service runs. Every query goes by an index, so that it stays quick with thousands of models.
Facts that it reads (table service_facts), each written by the part that knows it:

    heartbeat    each round: {"pid", "started_at", "tick", "tick_s", "failed": [parts]}
    last_backup  each good backup: {"path", "bytes"}
    disk_mode    when it changes: {"mode": "normal" | "full", "why"}
    disk_use     once in a while: {"models": {name: bytes}}
"""

import heapq
import shutil
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import version
from typing import Any

from ..config.config import Config
from ..state.faults import Fault, get_fact, recent_faults
from ..state.lease import holder_of
from ..state.running_service import is_serving
from ..state.store import Row, Store, from_text, to_text
from ..state.webhooks import place_of
from .health_records import AtWork, Backup, Channel, DiskUse, Due, Health, Messages, Tick, Waiting

SHOWN = 20  # of what waits, and of faults
FAULTS_COUNT_FOR = timedelta(days=1)
MESSAGES_ARE_LATE_AFTER = timedelta(hours=1)
SLOW_TICKS, LEAST_SILENCE_S = 3, 120.0
LITTLE_SPACE_BYTES = 256 << 20


def health_of(store: Store, config: Config, now: datetime) -> Health:
    """How the service on this state folder is, whether it runs or not."""
    serving = is_serving(store.state)
    beat = get_fact(store, "heartbeat")
    running, waiting, queue_length = _campaigns(store)
    messages, channels = _messages(store, config)
    faults, disk, backup = recent_faults(store, SHOWN), _disk(store), _backup(store)
    tick = None if beat is None else _tick(*beat)
    failing = _failing(tick if serving else None, disk, config, now)
    degraded = (
        *(() if serving else ("not running: nothing starts by itself; start it with: retuned serve",)),
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
        models=_models(store),
        next_due=_next_due(store),
        running=running,
        queue_length=queue_length,
        queue=waiting,
        messages=messages,
        channels=channels,
        faults=faults,
        disk=disk,
        last_backup=backup,
    )


@cache
def _version() -> str:
    return version("retuned")  # reads files of the installation: 10 ms each time


def longest_silence_s(config: Config) -> float:
    """How old the last tick of a healthy service may be."""
    return max(SLOW_TICKS * config.service.tick_s, LEAST_SILENCE_S)


def _tick(value: Any, at: datetime) -> Tick:  # noqa: ANN401 - a fact is any JSON
    return Tick(int(value["tick"]), at, float(value["tick_s"]), tuple(value["failed"]))


def _models(store: Store) -> tuple[tuple[str, int], ...]:
    rows = store.rows("SELECT state, count(*) AS n FROM models GROUP BY state ORDER BY state")
    return tuple((row["state"], row["n"]) for row in rows)


def _next_due(store: Store) -> Due | None:
    row = store.row(
        """SELECT name, next_due_at FROM models WHERE state = 'active' AND next_due_at IS NOT NULL
        ORDER BY next_due_at LIMIT 1"""
    )
    return None if row is None else Due(row["name"], from_text(row["next_due_at"]))


_OPEN = """SELECT campaigns.id, models.name AS model, model_id, kind, phase, waits, campaigns.created_at,
    campaigns.started_at, facts ->> '$.seconds_expected' AS seconds_expected
    FROM campaigns JOIN models ON models.id = model_id WHERE ended_at IS NULL"""


def _campaigns(store: Store) -> tuple[tuple[AtWork, ...], tuple[Waiting, ...], int]:
    """What runs, the first of what waits, and how much waits in all."""
    # only a campaign that some process has claimed can have one at work; thousands may be queued after a bulk import
    claimed = store.rows(f"{_OPEN} AND epoch > 0 ORDER BY campaigns.id")
    working = [row for row in claimed if holder_of(store.state, row["id"]) is not None]
    numbers = {row["id"] for row in working}
    queued = store.rows(f"{_OPEN} ORDER BY campaigns.id LIMIT ?", (SHOWN + len(working),))
    waiting = tuple(_waiting(row) for row in queued if row["id"] not in numbers)[:SHOWN]
    counted = store.row("SELECT count(*) AS n FROM campaigns WHERE ended_at IS NULL")
    assert counted is not None
    return tuple(_at_work(store, row) for row in working), waiting, counted["n"] - len(working)


def _waiting(row: Row) -> Waiting:
    return Waiting(row["id"], row["model"], row["kind"], from_text(row["created_at"]), row["waits"] or "")


def _at_work(store: Store, row: Row) -> AtWork:
    runs = store.row("SELECT count(*) AS planned, count(ended) AS done FROM legs WHERE campaign_id = ?", (row["id"],))
    assert runs is not None
    since = None if row["started_at"] is None else from_text(row["started_at"])
    expected_s = row["seconds_expected"]
    expected_end = None if since is None or expected_s is None else since + timedelta(seconds=float(expected_s))
    return AtWork(
        row["id"], row["model"], row["kind"], row["phase"], since, runs["done"], runs["planned"], expected_end
    )


def _messages(store: Store, config: Config) -> tuple[Messages, tuple[Channel, ...]]:
    rows = store.rows(
        """SELECT url, count(*) AS n, min(created_at) AS oldest, max(last_error) AS error FROM outbox
        WHERE state = 'pending' GROUP BY url ORDER BY url"""
    )
    dead = store.row("SELECT count(*) AS n FROM outbox WHERE state = 'dead'")
    assert dead is not None
    places: dict[str, tuple[int, str | None]] = {}
    if config.alerts.webhook is not None:
        places[place_of(config.alerts.webhook)] = (0, None)
    for row in rows:
        pending, error = places.get(place_of(row["url"]), (0, None))
        places[place_of(row["url"])] = (pending + row["n"], error or row["error"])
    messages = Messages(
        pending=sum(row["n"] for row in rows),
        dead=dead["n"],
        oldest_at=min((from_text(row["oldest"]) for row in rows), default=None),
        last_error=next((row["error"] for row in rows if row["error"] is not None), None),
    )
    return messages, tuple(Channel(place, *told) for place, told in places.items())


def _disk(store: Store) -> DiskUse:
    usage = shutil.disk_usage(store.state)
    mode, use = get_fact(store, "disk_mode"), get_fact(store, "disk_use")
    told = {} if mode is None else mode[0]
    models: dict[str, int] = {} if use is None else use[0]["models"]
    largest = heapq.nsmallest(SHOWN, models.items(), key=lambda one: (-one[1], one[0]))
    return DiskUse(
        mode=told.get("mode", "normal"),
        why=told.get("why", ""),
        free_bytes=usage.free,
        total_bytes=usage.total,
        models_bytes=None if use is None else sum(models.values()),
        models=tuple(largest),
    )


def _backup(store: Store) -> Backup | None:
    fact = get_fact(store, "last_backup")
    return None if fact is None else Backup(fact[1], str(fact[0].get("path", "")), int(fact[0].get("bytes", 0)))


def _failing(tick: Tick | None, disk: DiskUse, config: Config, now: datetime) -> tuple[str, ...]:
    found = []
    if tick is not None and (now - tick.at).total_seconds() > longest_silence_s(config):
        found.append(
            f"the service hangs: its last round ended {_ago(now - tick.at)} ago, and one is due every"
            f" {config.service.tick_s:g} s; look into its log, then restart it"
        )
    if disk.mode != "normal":
        found.append(f"nothing new is begun: {disk.why or 'the disk is full'}; with free space it goes on by itself")
    return tuple(found)


def _troubles(
    tick: Tick | None, messages: Messages, faults: tuple[Fault, ...], disk: DiskUse, now: datetime
) -> tuple[str, ...]:
    found = []
    if tick is not None and tick.at - now > timedelta(minutes=2):
        found.append(f"the clock was set back: the last round is {_ago(tick.at - now)} in the future")
    if tick is not None and tick.failed:
        found.append(f"the last round failed in part: {', '.join(tick.failed)}; see the last errors")
    recent = [fault for fault in faults if now - fault.at < FAULTS_COUNT_FOR]
    if recent:
        found.append(f"{_some(len(recent), 'error')} within a day, the last: {recent[0].part}: {recent[0].sentence}")
    if messages.oldest_at is not None and now - messages.oldest_at > MESSAGES_ARE_LATE_AFTER:
        found.append(
            f"{_some(messages.pending, 'message')} not delivered yet, the oldest for {_ago(now - messages.oldest_at)}:"
            f" {messages.last_error or 'not tried yet'}"
        )
    if messages.dead:
        found.append(f"{_some(messages.dead, 'message')} given up; see: retuned alerts")
    if disk.free_bytes < LITTLE_SPACE_BYTES:
        found.append(f"{disk.free_bytes >> 20} MiB are free on the disk of the state folder")
    return tuple(found)


def _backup_troubles(backup: Backup | None, config: Config, now: datetime) -> tuple[str, ...]:
    if backup is None or now - backup.at <= timedelta(seconds=2 * config.backup.every_s):
        return ()
    return (f"the last backup is {_ago(now - backup.at)} old; see the last errors, or run: retuned backup",)


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _ago(span: timedelta) -> str:
    seconds = span.total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return _some(round(seconds / length), unit)
    return _some(round(seconds), "second")


def overdue_since(store: Store, now: datetime) -> datetime | None:
    """Since when a model is due without a campaign; None: none is. For monitoring."""
    row = store.row(
        """SELECT next_due_at FROM models WHERE state = 'active' AND next_due_at <= ? AND NOT EXISTS
        (SELECT 1 FROM campaigns WHERE campaigns.model_id = models.id AND campaigns.ended_at IS NULL)
        ORDER BY next_due_at LIMIT 1""",
        (to_text(now),),
    )
    return None if row is None else from_text(row["next_due_at"])
