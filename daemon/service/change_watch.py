"""Checks for changes in data, code and environment between a model's due dates; a change makes a campaign due.

A child process does it (`retuned look`), because gigabytes are hashed and other interpreters run. Each check compares
with what the model's last campaign saw, so that slow growth adds up. A check that fails, because a file is missing for
a moment or a command fails, is reported once and changes nothing.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ...strategies.errors import RetunedError
from ...strategies.schedule.due_calendar import jitter_of
from ..campaign.look import look_at
from ..campaign.seen_parts import SharedReads
from ..clock import Clock, SystemClock
from ..config.config import Config
from ..state.faults import note_fault
from ..state.models.change_checks import check_again, checks_due
from ..state.models.registry import find_model
from ..state.store import Store
from .standstill import Standstill

A_PASS = 200
CHILD_LIMIT = timedelta(hours=2)  # of the time that the service has seen pass: a machine that slept kills no check
AFTER_FAILURE = timedelta(minutes=30)
PAUSE = timedelta(minutes=10)  # the default of [service] look_pause: starting one costs as much as checking 150 models
NICENESS = 10


@dataclass(slots=True)
class ChangeChecks:
    """The service's side: at most one child process at a time checks the models that are due for it.

    `start` starts the child, niced and as leader of its own process group; `pause`: the least time between two;
    `clock` tells for how long it runs.
    """

    store: Store
    start: Callable[[], subprocess.Popen[bytes]]
    pause: timedelta = PAUSE
    clock: Clock = field(default_factory=SystemClock)
    child: subprocess.Popen[bytes] | None = None
    started_at: datetime | None = None
    not_before: datetime | None = None
    _watch: Standstill | None = None

    def step(self, now: datetime) -> None:
        """Reap a child that has ended, kill one that hangs, start one when a check is due."""
        if self.child is not None and self.started_at is not None:
            code = self.child.poll()
            if code is None and not self._hangs():
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
        if self.started_at is not None and timedelta(0) <= now - self.started_at < self.pause:
            return
        if checks_due(self.store, now, 1):
            self.child, self.started_at = self.start(), now
            self._watch = Standstill(CHILD_LIMIT.total_seconds(), self.clock.monotonic())

    def _hangs(self) -> bool:
        """Whether the child, of whom no progress is seen, has run for longer than it may, as standstill.py counts."""
        assert self._watch is not None
        self._watch.look(None, self.clock.monotonic(), must_end=False)
        return self._watch.still_s > CHILD_LIMIT.total_seconds()

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
    shared = SharedReads(environ, config.workers)
    queued = []
    for due in checks_due(store, clock.now(), A_PASS):
        try:
            model = find_model(store, due.model)
            if due.is_first:
                every = model.file.triggers.look_every_s
                check_again(store, model.id, clock.now() + jitter_of(f"look {model.name}", every))
                continue
            campaign_id = look_at(store, model, config, clock, shared).campaign
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
