"""One service a state folder: a lock that the kernel gives back when its holder dies."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..strategies.errors import ConflictError


@contextmanager
def single_instance(state: Path) -> Iterator[None]:
    """Hold the state folder's service lock; raises ConflictError when another service holds it."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state / "service.lock").open("a+") as lock:
        if not _try_lock(lock, fcntl.LOCK_EX):
            raise ConflictError(
                f"a retuned service already runs on {state}",
                "one service a state folder",
                "stop it, or use --state DIR",
            )
        yield


def is_serving(state: Path) -> bool:
    """True while a service holds the state folder."""
    with (state / "service.lock").open("a+") as lock:
        return not _try_lock(lock, fcntl.LOCK_SH)


def _try_lock(lock: IO[str], kind: int) -> bool:
    """Take a lock, trying for a moment: somebody may just be looking whether a service runs."""
    for _ in range(5):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return True
        time.sleep(0.01)
    return False
