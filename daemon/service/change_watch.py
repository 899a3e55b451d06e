"""Looks at what models are trained from, on and with, between their dates; a change makes a campaign due.

The looking is done by a child process (`retuned look`), because gigabytes are hashed and foreign interpreters asked.
What counts is the difference to what the model's last campaign saw, so that slow growth adds up. A look that cannot
be taken, because a file is away for a moment or a command fails, is told once and changes nothing.
"""

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ...strategies.drift.fingerprints import CodeFingerprint, DataFingerprint, EnvironmentFingerprint, compared_parts
from ...strategies.errors import CampaignFailed, RetunedError
from ...strategies.schedule import triggers
from ...strategies.schedule.due_calendar import jitter_of
from ...strategies.schedule.triggers import CodeState, DataState
from ..clock import Clock
from ..config.config import Config
from ..config.model_file import ModelFile
from ..config.schedule_tables import days_in
from ..service.schedule import queue_triggered
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign, campaigns_of
from ..state.faults import note_fault
from ..state.models.change_checks import check_again, checks_due, last_check, record_check
from ..state.models.registry import Model, find_model
from ..state.store import Store
from ..training.fingerprints import code_fingerprint, data_fingerprint, files_below, read_gpus
from ..training.interpreter import environment_of, find_interpreter
from ..training.snapshot import run_fingerprint, sources

A_PASS = 200
CHILD_LIMIT = timedelta(hours=2)
AFTER_FAILURE = timedelta(minutes=30)
PAUSE = timedelta(minutes=10)  # between two children: the start of one costs as much as looking at 150 models
UNSETTLED_S = 3600.0
NICENESS = 10


class Unsettled(Exception):
    """The data changed while it was read: it is looked at again soon."""


@dataclass(slots=True)
class Looks:
    """The service's side: at most one child at a time looks at what is due to be looked at.

    `start` starts the child; it is niced and leads a process group of its own.
    """

    store: Store
    start: Callable[[], subprocess.Popen[bytes]]
    child: subprocess.Popen[bytes] | None = None
    started_at: datetime | None = None
    not_before: datetime | None = None

    def step(self, now: datetime) -> None:
        """Reap the child that has ended, end one that hangs, start one when there is something to look at."""
        if self.child is not None and self.started_at is not None:
            code = self.child.poll()
            if code is None and now - self.started_at <= CHILD_LIMIT:
                return
            if code is None:
                self.stop()
                note_fault(self.store, "looks", f"a look ran longer than {CHILD_LIMIT} and was ended", now)
            elif code:
                note_fault(self.store, "looks", f"a look ended with code {code}; see the log", now)
            if code != 0:
                self.not_before = now + AFTER_FAILURE
            self.child = None
        if self.not_before is not None and self.not_before - AFTER_FAILURE <= now < self.not_before:
            return
        if self.started_at is not None and timedelta(0) <= now - self.started_at < PAUSE:
            return
        if checks_due(self.store, now, 1):
            self.child, self.started_at = self.start(), now

    def stop(self) -> None:
        """End the child, and what it started."""
        if self.child is not None and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


def start_child(command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start a look as a niced process that leads a group of its own."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
    return child


def look_due(store: Store, config: Config, clock: Clock, environ: Mapping[str, str]) -> tuple[int, ...]:
    """Look at the models whose time has come, up to 200 of them, and queue campaigns; gives their ids.

    A model that was never looked at is first given a moment of its own within its look_every, so that models that
    were registered together are not looked at together.
    """
    eyes = _Eyes(environ)
    queued = []
    for due in checks_due(store, clock.now(), A_PASS):
        try:
            model = find_model(store, due.model)
            if due.is_first:
                every = model.file.triggers.look_every_s
                check_again(store, model.id, clock.now() + jitter_of(f"look {model.name}", every))
                continue
            found = _look(store, model, config, clock, eyes)
            queued.extend([] if found is None else [found])
        except (RetunedError, OSError, ValueError, TypeError, KeyError) as error:
            note_fault(store, "looks", f"{due.model} cannot be looked at: {error}", clock.now(), model_id=due.model_id)
            check_again(store, due.model_id, clock.now() + timedelta(days=1))
    return tuple(queued)


@dataclass(slots=True)
class _Eyes:
    """What one pass reads once, although several models share it."""

    environ: Mapping[str, str]
    environments: dict[tuple[str, bool, tuple[str, ...]], EnvironmentFingerprint] = field(default_factory=dict)

    def environment(self, file: ModelFile) -> EnvironmentFingerprint:
        """The environment of the model's own interpreter; raises CampaignFailed when it cannot be told for sure."""
        python = find_interpreter(file.training, self.environ)
        asked = (str(python), file.training.argv is None, file.triggers.packages)
        if asked not in self.environments:
            if read_gpus() is None:
                raise CampaignFailed("nvidia-smi fails, so that the GPUs are not known", remedy="run it by hand")
            self.environments[asked] = environment_of(file.training, self.environ, file.triggers.packages)
        return self.environments[asked]


def _look(store: Store, model: Model, config: Config, clock: Clock, eyes: _Eyes) -> int | None:
    file = model.file
    before = _last_seen(store, model.id)
    again_s = file.triggers.look_every_s
    changes: dict[str, str] = {}
    parts = {
        "data": file.triggers.data != triggers.OFF,
        "code": file.triggers.code,
        "environment": file.triggers.environment,
    }
    lookers = {"data": _data, "code": _code, "environment": _environment}
    for part in [part for part, is_wanted in parts.items() if is_wanted]:
        try:
            changes[part] = lookers[part](store, model, before, eyes, clock.now())
        except Unsettled:
            again_s = min(again_s, UNSETTLED_S)
        except (CampaignFailed, OSError) as error:
            _note_look(store, model, part, clock.now(), error=str(error))
    now = clock.now()
    check_again(store, model.id, now + timedelta(seconds=again_s))
    told = {part: change for part, change in changes.items() if change}
    if not told or before is None or _is_cooling_down(before, file, now):
        return None
    trigger = next(part for part in ("code", "environment", "data") if part in told)
    return queue_triggered(store, model, trigger, "; ".join(told.values()), now, config.schedule)


def _last_seen(store: Store, model_id: int) -> Campaign | None:
    """The last campaign that looked at data, code and environment and has ended."""
    ended = [each for each in campaigns_of(store, model_id) if not each.is_open and each.facts.prepared is not None]
    return max(ended, key=lambda each: each.id) if ended else None


def _is_cooling_down(before: Campaign, file: ModelFile, now: datetime) -> bool:
    ended = before.ended_at or before.created_at
    return ended <= now < ended + timedelta(days=days_in(file.triggers.cool_down))


def _data(store: Store, model: Model, before: Campaign | None, eyes: _Eyes, now: datetime) -> str:
    file = model.file
    if file.triggers.fingerprint is not None:
        training = file.training
        told = run_fingerprint(file.triggers.fingerprint, training.workdir, training.environment(eyes.environ))
        _note_look(store, model, "data", now, fingerprint=json.dumps(told))
        seen = None if before is None else reached(before.facts.prepared).told
        return (
            ""
            if seen is None
            else triggers.data_change(DataState(reported=seen), DataState(reported=told), file.triggers.data)
        )
    if file.data is None:
        return ""
    signature = _signature(file)
    known = last_check(store, model.id, "data")
    if known is not None and known.signature == signature and known.fingerprint:
        found = DataFingerprint.from_json(known.fingerprint)
    else:
        found = data_fingerprint(sources(file.data))
        if _signature(file) != signature:
            raise Unsettled
    _note_look(store, model, "data", now, signature=signature, fingerprint=found.to_json())
    seen_data = None if before is None else reached(before.facts.prepared).data
    if seen_data is None:
        return ""
    return triggers.data_change(_data_state(seen_data), _data_state(found), file.triggers.data)


def _code(store: Store, model: Model, before: Campaign | None, eyes: _Eyes, now: datetime) -> str:
    found = code_fingerprint(model.file.code_files(), model.file.training.workdir)
    _note_look(store, model, "code", now, fingerprint=found.to_json())
    if before is None:
        return ""
    return triggers.code_change(_code_state(reached(before.facts.prepared).code), _code_state(found))


def _environment(store: Store, model: Model, before: Campaign | None, eyes: _Eyes, now: datetime) -> str:
    found = eyes.environment(model.file)
    _note_look(store, model, "environment", now, fingerprint=found.to_json())
    if before is None:
        return ""
    seen = reached(before.facts.prepared).environment
    parts = compared_parts(seen, found)
    return triggers.environment_change(*parts, seen.gpus, found.gpus, model.file.triggers.packages)


def _data_state(found: DataFingerprint) -> DataState:
    return DataState(found.rows, found.bytes, found.content)


def _code_state(found: CodeFingerprint) -> CodeState:
    return CodeState(dict(found.files), found.commit)


def _signature(file: ModelFile) -> str:
    """Names, sizes and times of the data's files: while it is the same, nothing is read."""
    assert file.data is not None
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(each for source in sources(file.data) for each in files_below(source)):
        status = path.stat()
        digest.update(
            f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\n".encode(errors="surrogateescape")
        )
    return digest.hexdigest()


def _note_look(
    store: Store,
    model: Model,
    part: str,
    now: datetime,
    *,
    signature: str | None = None,
    fingerprint: str | None = None,
    error: str | None = None,
) -> None:
    """Record what was seen; an error keeps what was seen before, and is a fault once."""
    known = last_check(store, model.id, part)
    record_check(store, model.id, part, now, signature=signature, fingerprint=fingerprint, error=error)
    if error is not None and (known is None or known.error != error):
        note_fault(store, "looks", f"{model.name}: {part}: {error}", now, model_id=model.id)
