"""The disk of the state folder: it is watched, and when it is full, a reserve is freed for what must be recorded.

It is full when it lacks bytes or inodes, of which each file takes one. Then nothing new is started: no campaign, and in
running campaigns no training. What runs may end and record its results in the space of the ballast, a file that only
reserves space.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ...strategies.errors import DiskFull
from ..clock import Clock
from ..durable_files import free_inodes, is_no_room
from ..logs import log
from .faults import note_fault, set_fact
from .store import Store

FACT = "disk_mode"
LEAST_LOW_BYTES = 4 << 20
LOW_INODES, USABLE_INODES = 200, 800  # a leg takes about ten
RECORDED_EVERY = timedelta(minutes=10)
WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Marks:
    """Free bytes below which the disk counts as full, and at which it counts as usable again."""

    low: int
    usable: int

    @classmethod
    def of(cls, ballast_bytes: int) -> "Marks":
        """A quarter of the ballast (`low`), and space for a new ballast plus three times `low`."""
        low = max(LEAST_LOW_BYTES, ballast_bytes // 4)
        return cls(low, ballast_bytes + 3 * low)


class Disk:
    """The service's disk watch. Its step must come before the steps that write."""

    def __init__(self, store: Store, ballast_bytes: int) -> None:
        self._store = store
        self._size = ballast_bytes
        self._marks = Marks.of(ballast_bytes)
        self._ballast = store.state / "ballast"
        self._full_since: datetime | None = None
        self._recorded: tuple[datetime, str] | None = None

    @property
    def is_full(self) -> bool:
        """Whether nothing new may be started."""
        return self._full_since is not None

    def step(self, now: datetime) -> None:
        """Check the free space; remove the ballast, or restore it."""
        free, inodes = free_bytes(self._store.state), free_inodes(self._store.state)
        has_inodes = inodes is None or inodes >= USABLE_INODES
        if self._full_since is None and (free < self._marks.low or (inodes is not None and inodes < LOW_INODES)):
            self._full_since = now
            self._ballast.unlink(missing_ok=True)
            log.error("disk_full", state=str(self._store.state), free_bytes=free, free_inodes=inodes)
        elif self._full_since is not None and free >= self._marks.usable and has_inodes:
            log.info("disk_usable_again", free_bytes=free, free_inodes=inodes, full_since=str(self._full_since))
            self._full_since = None
        if self._full_since is None and not self._ballast.exists() and free >= self._marks.usable:
            make_ballast(self._ballast, self._size)
        self._record(now, free_bytes(self._store.state))

    def _record(self, now: datetime, free: int) -> None:
        """Record the state of the disk for `retuned status`; what cannot be written now is written later."""
        mode = "full" if self.is_full else "normal"
        if (
            self._recorded is not None
            and self._recorded[1] == mode
            and timedelta(0) <= now - self._recorded[0] < RECORDED_EVERY
        ):
            return
        with contextlib.suppress(DiskFull):
            why = ""
            if self.is_full:
                why = f"the disk of {self._store.state} has been full since {self._full_since:%Y-%m-%d %H:%M} UTC; free"
                why += f" {self._needed(free)} more there; nothing is lost"
                if self._recorded is None or self._recorded[1] != mode:
                    note_fault(self._store, "disk", why, now)
            set_fact(self._store, FACT, {"mode": mode, "why": why, "free_bytes": free}, now)
            self._recorded = (now, mode)

    def _needed(self, free: int) -> str:
        """What must be freed, in words."""
        inodes = free_inodes(self._store.state)
        missing = 0 if inodes is None else max(0, USABLE_INODES - inodes)
        parts = [f"{max(0, self._marks.usable - free) / 2**20:.0f} MiB"] if free < self._marks.usable else []
        return " and ".join([*parts, f"{missing} files (inodes)"] if missing else parts or ["0 MiB"])


def make_ballast(path: Path, size: int) -> None:
    """Reserve space by allocating it, not as a hole in a file; none if the disk cannot spare it."""
    try:
        with path.open("xb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        path.unlink(missing_ok=True)


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write there."""
    usage = os.statvfs(folder)
    return usage.f_bavail * usage.f_frsize


def wait_for_space(state: Path, clock: Clock, check: Callable[[], None]) -> None:
    """Wait until the disk has room for another training run; `check` is called meanwhile and may raise."""
    while _is_short(state):
        check()
        clock.sleep(WAIT_S)


def _is_short(state: Path) -> bool:
    inodes = free_inodes(state)
    return free_bytes(state) < LEAST_LOW_BYTES // 2 or (inodes is not None and inodes < LOW_INODES // 2)


def patiently(write: Callable[[], None], clock: Clock, check: Callable[[], None]) -> None:
    """Repeat a write until the disk has room for it; `check` is called meanwhile and may raise."""
    while True:
        try:
            return write()
        except (DiskFull, OSError) as error:
            if not is_full_error(error):
                raise
            check()
            clock.sleep(WAIT_S)


def is_full_error(error: BaseException) -> bool:
    """Whether an error was caused by a full disk."""
    return isinstance(error, DiskFull) or is_no_room(error)
