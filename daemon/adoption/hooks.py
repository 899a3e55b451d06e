"""Hooks that wait to be run: each adoption records the intent, and a process that dies leaves it for the next one.

So a hook runs at least once, and after a crash perhaps twice: its input says at which start it is. One process at a
time runs hooks, the one that holds the lock; the kernel releases it when that process dies.
"""

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ...strategies.errors import RetunedError
from ..clock import Clock
from ..config.training_tables import passed_on
from ..logs import log
from ..masking import mask_of
from ..processes import HOOK, kill_marked
from ..state.models.adoption_log import (
    MOST_HOOK_STARTS,
    Adoption,
    adoption_of,
    note_hook_end,
    note_hook_start,
    waiting_hooks,
)
from ..state.models.models import find_entry
from ..state.models.registry import model_of
from ..state.store import Store
from .change import change_of
from .hook import HookEnd, run_hook


def run_waiting_hooks(
    store: Store,
    clock: Clock,
    environ: Mapping[str, str] = os.environ,
    report: Callable[[Adoption, HookEnd], None] = lambda _adoption, _end: None,
) -> int:
    """Run every hook that waits, one after the other; how many there were. None where another process runs hooks now.

    `report` is given each end, once it is on record.
    """
    with _alone(store.state) as is_alone:
        waiting = waiting_hooks(store) if is_alone else ()
        for adoption in waiting:
            _run(store, adoption, clock, environ, report)
        return len(waiting)


class Hooks:
    """The service's hooks, run beside its rounds by a thread with its own connection to the database."""

    def __init__(self, store: Store, clock: Clock, wake: Callable[[], None], backups: Path | None) -> None:
        """`wake` is called, from that thread, when hooks have ended."""
        self._store = store
        self._clock = clock
        self._wake = wake
        self._backups = backups
        self._thread: threading.Thread | None = None

    def step(self) -> None:
        """Begin to run what waits, unless that is under way."""
        if (self._thread is None or not self._thread.is_alive()) and waiting_hooks(self._store):
            # a daemon thread: a service that stops waits for no hook, whose intent stays on record
            self._thread = threading.Thread(target=self._run, name="hooks", daemon=True)
            self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the hooks that are under way."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            store = Store(self._store.state, backups=self._backups)
            with contextlib.closing(store):
                has_run = run_waiting_hooks(store, self._clock, report=_log)
            if has_run:  # else the next round tries again in its own time
                self._wake()
        except RetunedError as error:
            log.error("hooks_not_run", error=str(error))
        except Exception:
            log.exception("hooks_not_run")


def _log(adoption: Adoption, end: HookEnd) -> None:
    write = log.info if end.is_done else log.warning
    write("hook_ended", model_id=adoption.model_id, settings_version=adoption.settings_version,
          start=adoption.hook_starts, is_done=end.is_done, end=end.detail)  # fmt: skip


def _run(
    store: Store,
    adoption: Adoption,
    clock: Clock,
    environ: Mapping[str, str],
    report: Callable[[Adoption, HookEnd], None],
) -> None:
    note_hook_start(store, adoption)
    present = adoption_of(store, adoption.model_id, adoption.settings_version)
    if present is None:
        return  # the model was removed meanwhile
    mark = f"{store.state}:{present.model_id}:{present.settings_version}"
    if (
        present.hook_starts > 1
    ):  # the process that began it was killed; what it began may go on, and would run beside it
        kill_marked(mark, (), clock.sleep, variable=HOOK)
    try:
        end = _end_of(store, present, environ, mark)
    except RetunedError as error:
        end = HookEnd(False, str(error))
    note_hook_end(store, present, is_done=end.is_done, detail=end.detail, now=clock.now())
    report(present, end)


def _end_of(store: Store, adoption: Adoption, environ: Mapping[str, str], mark: str) -> HookEnd:
    if adoption.hook_starts > MOST_HOOK_STARTS:
        return HookEnd(False, f"it was cut off {MOST_HOOK_STARTS} times, and is not started again")
    entry = find_entry(store, adoption.model_id)
    assert entry is not None
    model = model_of(store, entry)
    settings = model.file.settings
    if settings.hook is None:
        return HookEnd(False, "the model file names no hook any more")
    given = json.dumps(change_of(store, model, adoption), indent=2).encode()
    environment, mask = {**passed_on(environ, settings.pass_env), HOOK: mark}, mask_of(environ, settings.pass_env)
    return run_hook(settings.hook, given, model.file.training.workdir, environment, settings.hook_timeout_s, mask)


@contextlib.contextmanager
def _alone(state: Path) -> Iterator[bool]:
    """Hold the lock of the hooks; False while another process, or thread, does."""
    with (state / "hooks.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
