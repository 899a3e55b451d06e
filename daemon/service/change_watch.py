"""Checks for changes in data, code and environment between a model's due dates; a change makes a campaign due.

A child process does it (`retuned look`), because gigabytes are hashed and other interpreters run. Each check compares
with what the model's last campaign saw, so that slow growth adds up. A check that fails, because a file is missing for
a moment or a command fails, is reported once and changes nothing.
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
from ..masking import mask_of
from ..service.schedule import queue_triggered
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign, campaigns_of
from ..state.faults import note_fault
from ..state.models.change_checks import check_again, checks_due, last_check, record_check
from ..state.models.registry import Model, find_model
from ..state.store import Store
from ..training.fingerprints import code_fingerprint, data_fingerprint, files_below, read_gpus
from ..training.interpreter import environment_of, find_interpreter
from ..training.snapshot import as_told, run_fingerprint, sources

A_PASS = 200
CHILD_LIMIT = timedelta(hours=2)
AFTER_FAILURE = timedelta(minutes=30)
PAUSE = timedelta(minutes=10)  # between two children: starting one costs as much as checking 150 models
UNSETTLED_S = 3600.0
NICENESS = 10


class Unsettled(Exception):
    """The data changed while it was read: it is checked again soon."""


@dataclass(slots=True)
class ChangeChecks:
    """The service's side: at most one child process at a time checks the models that are due for it.

    `start` starts the child, niced and as leader of its own process group.
    """

    store: Store
    start: Callable[[], subprocess.Popen[bytes]]
    child: subprocess.Popen[bytes] | None = None
    started_at: datetime | None = None
    not_before: datetime | None = None

    def step(self, now: datetime) -> None:
        """Reap a child that has ended, kill one that hangs, start one when a check is due."""
        if self.child is not None and self.started_at is not None:
            code = self.child.poll()
            if code is None and now - self.started_at <= CHILD_LIMIT:
                return
            if code is None:
                self.stop()
                note_fault(
                    self.store, "looks", f"a check for changes ran longer than {CHILD_LIMIT} and was killed", now
                )
            elif code:
                note_fault(self.store, "looks", f"a check for changes ended with exit code {code}; see the log", now)
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
        """Kill the child and what it started."""
        if self.child is not None and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()


def start_child(command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """Start a check for changes as a niced process that leads its own group."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
    return child


def run_due_checks(store: Store, config: Config, clock: Clock, environ: Mapping[str, str]) -> tuple[int, ...]:
    """Check the models that are due for it, up to 200 of them, and queue campaigns; their ids.

    A model that was never checked first gets its own moment within its look_every, so that models that were registered
    together are not checked together.
    """
    shared = _SharedReads(environ)
    queued = []
    for due in checks_due(store, clock.now(), A_PASS):
        try:
            model = find_model(store, due.model)
            if due.is_first:
                every = model.file.triggers.look_every_s
                check_again(store, model.id, clock.now() + jitter_of(f"look {model.name}", every))
                continue
            campaign_id = _check(store, model, config, clock, shared)
            queued.extend([] if campaign_id is None else [campaign_id])
        except (RetunedError, OSError, ValueError, TypeError, KeyError) as error:
            note_fault(
                store,
                "looks",
                f"{due.model} cannot be checked for changes: {error}",
                clock.now(),
                model_id=due.model_id,
            )
            check_again(store, due.model_id, clock.now() + timedelta(days=1))
    return tuple(queued)


@dataclass(slots=True)
class _SharedReads:
    """What one pass reads once for all models that share it."""

    environ: Mapping[str, str]
    environments: dict[tuple[str, bool, tuple[str, ...]], EnvironmentFingerprint] = field(default_factory=dict)

    def environment(self, file: ModelFile) -> EnvironmentFingerprint:
        """The environment of the model's own interpreter; raises CampaignFailed when it is not certain."""
        python = find_interpreter(file.training, self.environ)
        wanted = (str(python), file.training.argv is None, file.triggers.packages)
        if wanted not in self.environments:
            if read_gpus() is None:
                raise CampaignFailed("nvidia-smi fails, so the GPUs are unknown", remedy="run nvidia-smi to see why")
            self.environments[wanted] = environment_of(file.training, self.environ, file.triggers.packages)
        return self.environments[wanted]


def _check(store: Store, model: Model, config: Config, clock: Clock, shared: _SharedReads) -> int | None:
    file = model.file
    before = _last_seen(store, model.id)
    again_s = file.triggers.look_every_s
    changes: dict[str, str] = {}
    parts = {
        "data": file.triggers.data != triggers.OFF,
        "code": file.triggers.code,
        "environment": file.triggers.environment,
    }
    checks = {"data": _data, "code": _code, "environment": _environment}
    for part in [part for part, is_wanted in parts.items() if is_wanted]:
        try:
            changes[part] = checks[part](store, model, before, shared, clock.now())
        except Unsettled:
            again_s = min(again_s, UNSETTLED_S)
        except (CampaignFailed, OSError) as error:
            _note_check(store, model, part, clock.now(), error=str(error))
    now = clock.now()
    check_again(store, model.id, now + timedelta(seconds=again_s))
    changed = {part: change for part, change in changes.items() if change}
    if not changed or before is None or _is_cooling_down(before, file, now):
        return None
    trigger = next(part for part in ("code", "environment", "data") if part in changed)
    return queue_triggered(store, model, trigger, "; ".join(changed.values()), now, config.schedule)


def _last_seen(store: Store, model_id: int) -> Campaign | None:
    """The last ended campaign that recorded data, code and environment."""
    ended = [
        campaign
        for campaign in campaigns_of(store, model_id)
        if not campaign.is_open and campaign.facts.prepared is not None
    ]
    return max(ended, key=lambda campaign: campaign.id) if ended else None


def _is_cooling_down(before: Campaign, file: ModelFile, now: datetime) -> bool:
    ended = before.ended_at or before.created_at
    return ended <= now < ended + timedelta(days=days_in(file.triggers.cool_down))


def _data(store: Store, model: Model, before: Campaign | None, shared: _SharedReads, now: datetime) -> str:
    file = model.file
    if file.triggers.fingerprint is not None:
        training, mask = file.training, mask_of(shared.environ, file.training.pass_env)
        output = run_fingerprint(
            file.triggers.fingerprint, training.workdir, training.environment(shared.environ), mask=mask
        )
        _note_check(store, model, "data", now, fingerprint=json.dumps(output))
        told = None if before is None else reached(before.facts.prepared).told
        seen = None if told is None else as_told(told, mask)  # earlier versions recorded it as it was
        return (
            ""
            if seen is None
            else triggers.data_change(DataState(reported=seen), DataState(reported=output), file.triggers.data)
        )
    if file.data is None:
        return ""
    signature = _signature(file)
    last = last_check(store, model.id, "data")
    if last is not None and last.signature == signature and last.fingerprint:
        data = DataFingerprint.from_json(last.fingerprint)
    else:
        data = data_fingerprint(sources(file.data))
        if _signature(file) != signature:
            raise Unsettled
    _note_check(store, model, "data", now, signature=signature, fingerprint=data.to_json())
    seen_data = None if before is None else reached(before.facts.prepared).data
    if seen_data is None:
        return ""
    return triggers.data_change(_data_state(seen_data), _data_state(data), file.triggers.data)


def _code(store: Store, model: Model, before: Campaign | None, shared: _SharedReads, now: datetime) -> str:
    code = code_fingerprint(model.file.code_files(), model.file.training.workdir)
    _note_check(store, model, "code", now, fingerprint=code.to_json())
    if before is None:
        return ""
    return triggers.code_change(_code_state(reached(before.facts.prepared).code), _code_state(code))


def _environment(store: Store, model: Model, before: Campaign | None, shared: _SharedReads, now: datetime) -> str:
    present = shared.environment(model.file)
    _note_check(store, model, "environment", now, fingerprint=present.to_json())
    if before is None:
        return ""
    seen = reached(before.facts.prepared).environment
    parts = compared_parts(seen, present)
    return triggers.environment_change(*parts, seen.gpus, present.gpus, model.file.triggers.packages)


def _data_state(data: DataFingerprint) -> DataState:
    return DataState(data.rows, data.bytes, data.content)


def _code_state(code: CodeFingerprint) -> CodeState:
    return CodeState(dict(code.files), code.commit)


def _signature(file: ModelFile) -> str:
    """A hash of the names, sizes and times of the data's files: while it is the same, nothing is read."""
    assert file.data is not None
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for source in sources(file.data) for path in files_below(source)):
        status = path.stat()
        digest.update(
            f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\n".encode(errors="surrogateescape")
        )
    return digest.hexdigest()


def _note_check(
    store: Store,
    model: Model,
    part: str,
    now: datetime,
    *,
    signature: str | None = None,
    fingerprint: str | None = None,
    error: str | None = None,
) -> None:
    """Record what was seen; an error keeps what was seen before, and is reported as a fault once."""
    last = last_check(store, model.id, part)
    record_check(store, model.id, part, now, signature=signature, fingerprint=fingerprint, error=error)
    if error is not None and (last is None or last.error != error):
        note_fault(store, "looks", f"{model.name}: {part}: {error}", now, model_id=model.id)
