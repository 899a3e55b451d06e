"""The file behind a campaign's lease: a lock that says whether anyone works on the campaign, and who."""

import contextlib
import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ...processes import Identity, identity_from

LOCK_TRIES, LOCK_PAUSE_S = 5, 0.01  # another process may be checking who holds it


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a campaign; `process` None just after it took the lease."""

    process: Identity | None
    is_of_service: bool


def folder_of(state: Path, campaign_id: int) -> Path:
    """The folder of a campaign's lease and legs."""
    return state / "campaigns" / str(campaign_id)


def holder_of(state: Path, campaign_id: int) -> Holder | None:
    """Who works on the campaign now; None for no one."""
    path = folder_of(state, campaign_id) / "lease"
    if not path.exists():
        return None
    lock = locked(path, fcntl.LOCK_SH, tries=1)
    if lock is not None:
        os.close(lock)
        return None
    try:
        holder = json.loads(path.read_bytes())
        return Holder(identity_from(holder), holder["is_of_service"] is True)
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(None, False)


def locked(path: Path, kind: int, tries: int = LOCK_TRIES) -> int | None:
    """The descriptor of the locked file; None while another process holds the lock."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for attempt in range(tries):
        if attempt > 0:
            time.sleep(LOCK_PAUSE_S)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return descriptor
    os.close(descriptor)
    return None
