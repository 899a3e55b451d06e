"""The state database: one SQLite file, written in short immediate transactions.

Several processes write (the daemon, campaign processes, the command line); SQLite's lock orders them.
"""

import fcntl
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from ..strategies.errors import StateError
from .migrations import STEP_NAMES, schema

BUSY_TIMEOUT_S = 30.0
Row = Mapping[str, Any]
Parameters = Sequence[Any] | dict[str, Any]


class Store:
    """Rows in, rows out; every change happens inside `transaction()`."""

    def __init__(self, state: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """Open the database of a state folder, which is made when missing.

        Raises StateError when the folder or the file cannot be used, or was written by a newer version.
        """
        self.state = state
        path = state / "retuned.sqlite3"
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
            path.chmod(0o600)
            self._db = Database(connection)
            self._prepare()
        except (OSError, sqlite3.DatabaseError) as error:
            raise StateError(
                f"the state database {path} cannot be opened: {error}",
                "a folder on a local disk that this user may write",
                "choose another with --state DIR or RETUNED_STATE",
            ) from error

    def _prepare(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        unknown = {step.name for step in schema.applied(self._db)} - STEP_NAMES
        if unknown:
            raise StateError(
                f"the state database holds schema steps of a newer retuned: {', '.join(sorted(unknown))}",
                "a database of this version or older",
                "install the newer retuned again, or restore an older backup",
            )
        if schema.pending(self._db):
            with (self.state / "migrate.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                schema.apply(self._db)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take the write lock at once and commit at the end; an exception rolls all of it back.

        Raises StateError when another process keeps the lock for longer than the time allowed.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise StateError(
                f"the state database of {self.state} cannot be written: {error}",
                "short writes of retuned's own processes, and free space on its disk",
                "look what else holds the database open, then give the command again",
            ) from error
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()

    def insert(self, table: str, row: Row) -> int:
        """Insert a row inside the open transaction and give its rowid."""
        assert self._db.conn.in_transaction, "a write outside transaction()"
        inserted = self._db.table(table).insert(dict(row)).last_rowid
        assert inserted is not None
        return inserted

    def change(self, sql: str, parameters: Parameters = ()) -> int:
        """Run an UPDATE or DELETE inside the open transaction and give the number of rows changed."""
        assert self._db.conn.in_transaction, "a write outside transaction()"
        return self._db.execute(sql, parameters).rowcount

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a SELECT."""
        cursor = self._db.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a SELECT, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def to_text(moment: datetime) -> str:
    """A moment as it is stored: UTC, ISO 8601, sortable as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """A stored moment, aware and in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def to_json(value: object) -> str:
    """Canonical JSON: sorted keys, no white space; NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
