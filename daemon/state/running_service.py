"""One service per state folder: a lock that the kernel releases when its holder dies, and the service's address."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...strategies.errors import ConflictError


@contextmanager
def single_instance(state: Path) -> Iterator[None]:
    """Hold the state folder's service lock; raises ConflictError when another service holds it."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (state / "service.lock").open("a+") as lock:
        if not _try_lock(lock, fcntl.LOCK_EX):
            raise ConflictError(
                f"a retuned service already runs on {state}",
                "one service per state folder",
                "stop it, or use --state DIR",
            )
        yield


def is_serving(state: Path) -> bool:
    """True while a service holds the state folder."""
    with (state / "service.lock").open("a+") as lock:
        return not _try_lock(lock, fcntl.LOCK_SH)


def _try_lock(lock: IO[str], kind: int) -> bool:
    """Take a lock, retrying briefly: another process may be checking whether a service runs."""
    for _ in range(5):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
            return True
        time.sleep(0.01)
    return False


FILE = "api.json"
UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class Place:
    """The address of a service and a token for it; `url` is http://HOST:PORT or unix:/PATH.

    `local`: the socket that its own user's command line uses, empty where there is none. `is_recorded`: as the service
    itself wrote it, with a token that is good until the service ends.
    """

    url: str
    token: str
    local: str = ""
    is_recorded: bool = False

    def __repr__(self) -> str:
        return f"Place({self.url!r})"


def write_place(state: Path, place: Place) -> None:
    """Write the service's address to a file that only this user can read."""
    path, new = state / FILE, state / f"{FILE}.new"
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": place.url, "local": place.local, "token": place.token, "pid": os.getpid()}, file)
    new.replace(path)


def read_place(state: Path) -> Place | None:
    """The recorded address; None if there is none or this user cannot read it."""
    try:
        stored = json.loads((state / FILE).read_bytes())
        return Place(str(stored["url"]), str(stored["token"]), str(stored.get("local", "")), is_recorded=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove_place(state: Path) -> None:
    """Remove the recorded address, unless another process has replaced it."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads((state / FILE).read_bytes())["pid"] == os.getpid():
            (state / FILE).unlink()


def url_of(listen: str, *, is_encrypted: bool = False) -> str:
    """The address that a caller uses for the value of [api] listen; `is_encrypted`: a port is served with TLS."""
    return listen if listen.startswith(UNIX) else f"{'https' if is_encrypted else 'http'}://{listen}"
