"""Whether anything was written to the database: a mark that changes with every commit, of whichever process."""

import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Lock

from .store import FILE_NAME

Mark = tuple[int, int]


class ChangeMark:
    """A connection that only looks. For several threads."""

    def __init__(self, state: Path) -> None:
        """`state`: the folder of the database, which need not be there yet."""
        self._path = state / FILE_NAME
        self._lock = Lock()
        self._inode = 0
        self._database: sqlite3.Connection | None = None

    def now(self) -> Mark | None:
        """The mark; None where the database cannot be looked at. Two that are equal: nothing was committed between."""
        with self._lock:
            try:
                inode = self._path.stat().st_ino
                if self._database is None or inode != self._inode:  # another file was put in its place
                    self._close()
                    address = f"{self._path.absolute().as_uri()}?mode=ro"
                    self._database = sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)
                    self._inode = inode
                (version,) = self._database.execute("PRAGMA data_version").fetchone()
            except (OSError, sqlite3.Error):
                self._close()
                return None
        return inode, version

    def close(self) -> None:
        """Look no more."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
        self._database = None
