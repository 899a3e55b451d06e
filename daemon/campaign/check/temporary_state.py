"""A state folder for runs that nothing shall remember: made empty, removed at the end."""

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ...config.config import Config
from ...foreign_files import remove
from ...training.cluster.shared_folder import forget_state, link_state

FOLDER = "check"
_PREFIX = "retuned-check-"
_OLD_S = 60.0  # a folder that nobody has locked after that time was left by a process that was killed


@contextlib.contextmanager
def temporary_state(config: Config) -> Iterator[Config]:
    """The configuration with an empty state folder that is removed at the end, and without receivers of alerts.

    It lies in the state folder, so that data is copied within one disk; without one that this user may write, among the
    machine's temporary files. What killed processes left there is removed, too.
    """
    has_state = config.state.is_dir() and os.access(config.state, os.W_OK | os.X_OK)
    parent = config.state / FOLDER if has_state else Path(tempfile.gettempdir())
    parent.mkdir(mode=0o700, exist_ok=True)
    _sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        link_state(folder, config.workers)
        yield config.model_copy(update={"state": folder, "alerts": type(config.alerts)()})
    finally:
        forget_state(folder, config.workers)
        remove(folder)
        os.close(lock)
        if has_state:
            with contextlib.suppress(OSError):  # another check uses it
                parent.rmdir()


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.lstat().st_mtime < _OLD_S or folder.is_symlink():
                continue
            lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(folder)
            finally:
                os.close(lock)
