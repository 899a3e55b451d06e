"""The state database: one SQLite file, written in short immediate transactions.

Several processes write (the service, campaign processes, the command line); SQLite's lock serializes them.
"""

import contextlib
import fcntl
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...strategies.errors import StateError
from ..durable_files import sweep, sync_file, sync_folder, temporary_beside
from ..lean_imports import hidden
from .database_errors import cannot_use, disk_full, is_damage, is_full
from .schema_steps import SCHEMA, STEP_NAMES

BUSY_TIMEOUT_S = 30.0
FILE_NAME = "retuned.sqlite3"
NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "afs", "fuse.sshfs", "ceph", "glusterfs", "fuse.glusterfs", "lustre")
_LARGEST = 2**63 - 1
_SURROGATE = re.compile("[\ud800-\udfff]")
Row = Mapping[str, Any]
Parameters = Sequence[Any] | dict[str, Any]


class Store:
    """Rows in, rows out; every change happens inside `transaction()`."""

    def __init__(self, state: Path, busy_timeout_s: float = BUSY_TIMEOUT_S, backups: Path | None = None) -> None:
        """Open the database of a state folder, which is created if missing.

        `backups`: the folder of its copies; None: the usual one. Raises StateError when the folder or the file cannot
        be used, or was written by a newer version. Every method raises StateError where the file is damaged.
        """
        self.state = state
        self._backups = backups or state / "backups"
        self._with_next: Callable[[], None] | None = None
        path = state / FILE_NAME
        try:
            state.mkdir(parents=True, exist_ok=True, mode=0o700)
            refuse_network(state)
            self._db = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
            path.chmod(0o600)
            self._prepare()
        except (OSError, sqlite3.DatabaseError) as error:
            raise cannot_use(path, error, self._backups) from error

    def _prepare(self) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        applied = self._applied()
        unknown = applied - STEP_NAMES
        if unknown:
            raise StateError(
                f"the state database holds schema steps of a newer retuned: {', '.join(sorted(unknown))}",
                "a database of this version or older",
                "install the newer retuned again, or restore an older backup",
            )
        if STEP_NAMES - applied:
            self._migrate()

    def _applied(self) -> frozenset[str]:
        """The names of the schema steps that the database has taken."""
        if not self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"):
            return frozenset()
        steps = self.rows("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (SCHEMA,))
        return frozenset(step["name"] for step in steps)

    def _migrate(self) -> None:
        """Take the missing steps. An existing database is copied before; the copy is named after the first of them."""
        with hidden(("numpy", "pandas")):  # sqlite-utils would load them for rows that it is never given
            from sqlite_utils import Database

            from .migrations import schema

        database = Database(self._db)
        with (self.state / "migrate.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            pending = schema.pending(database)
            if pending and schema.applied(database):
                folder = self.state / "backups"
                folder.mkdir(exist_ok=True, mode=0o700)
                copy_database(self._db, folder / f"before-{pending[0].name}.sqlite3")
            schema.apply(database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take the write lock at once and commit at the end; an exception rolls everything back.

        Raises StateError when another process holds the lock for longer than the busy timeout.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            if is_full(error, self.state):
                raise disk_full(self.state) from error
            if is_damage(error):
                raise self._unusable(error) from error
            raise StateError(
                f"the state database of {self.state} cannot be written: {error}",
                "short writes of retuned's own processes, and free space on its disk",
                "check what else holds the database open, then repeat the command",
            ) from error
        try:
            yield
            if self._with_next is not None:
                self._with_next()
            self._db.commit()
            self._with_next = None
        except BaseException as error:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.rollback()
            if isinstance(error, sqlite3.DatabaseError) and (is_full(error, self.state) or is_damage(error)):
                raise self._unusable(error) from error
            raise

    @contextmanager
    def together_with(self, write: Callable[[], None]) -> Iterator[None]:
        """Have `write` run at the end of the next transaction that is begun inside the block, in it: both are committed
        or neither is. Where the block commits none, it has one of its own; an exception drops it."""
        self._with_next = write
        try:
            yield
            if self._with_next is not None:
                with self.transaction():
                    pass
        finally:
            self._with_next = None

    def insert(self, table: str, row: Row) -> int:
        """Insert a row inside the open transaction; returns its rowid."""
        assert self._db.in_transaction, "a write outside transaction()"
        columns, places = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
        statement = f'INSERT INTO "{table}" ({columns}) VALUES ({places})'  # noqa: S608 - names of our own source
        try:
            inserted = self._db.execute(statement, dict(row)).lastrowid
        except UnicodeEncodeError:
            inserted = self._db.execute(statement, _each(row, _escaped)).lastrowid
        assert inserted is not None
        return inserted

    def change(self, sql: str, parameters: Parameters = ()) -> int:
        """Run an UPDATE or DELETE inside the open transaction; returns the number of rows changed."""
        assert self._db.in_transaction, "a write outside transaction()"
        try:
            return self._db.execute(sql, parameters).rowcount
        except UnicodeEncodeError:
            return self._db.execute(sql, _each(parameters, _escaped)).rowcount

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a SELECT."""
        try:
            cursor = self._db.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
        except UnicodeEncodeError:  # such as a name from a command line that is no UTF-8
            return self.rows(sql, _each(parameters, _escaped))
        except OverflowError:  # such as a number of 20 digits
            return self.rows(sql, _each(parameters, _bounded))
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                raise self._unusable(error) from error
            raise

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a SELECT, or None."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def _unusable(self, error: sqlite3.DatabaseError) -> StateError:
        return cannot_use(self.state / FILE_NAME, error, self._backups)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """Copy an open database to `target`, which appears only once the copy is complete and checked.

    Raises StateError when the copy is not sound.
    """
    sweep((target.parent,))
    partial = temporary_beside(target)
    partial.unlink(missing_ok=True)
    try:
        copy = sqlite3.connect(partial)
        try:
            source.backup(copy, pages=1024, sleep=0.005)
            copy.execute("PRAGMA journal_mode = DELETE")
            damage = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        finally:
            copy.close()
        if damage != "ok":
            raise StateError(f"the copy of the database is not sound: {damage}", remedy="run: retuned doctor")
        partial.chmod(0o600)
        sync_file(partial)
        partial.rename(target)
        sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def refuse_network(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> None:
    """Raise StateError for a folder on a network file system: SQLite's locks do not hold there, and the database would
    be corrupted sooner or later."""
    kind = file_system_of(folder, mounts)
    if kind.startswith(NETWORK_FILE_SYSTEMS):
        raise StateError(
            f"the state folder {folder} is on a network file system ({kind})",
            "a folder on a local disk",
            "choose another with --state DIR or RETUNED_STATE",
        )


def file_system_of(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The kind of file system that a folder is on, such as "ext4"; empty if unknown."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    there = os.path.realpath(folder)
    best, kind = "", ""
    for fields in (line.split() for line in lines):
        point = fields[1].replace("\\040", " ") if len(fields) > 2 else ""
        is_above = there == point or there.startswith(point.rstrip("/") + "/")
        if point and is_above and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def to_text(moment: datetime) -> str:
    """A moment as it is stored: UTC, ISO 8601, sortable as text."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """A stored moment, aware and in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def moment_or_none(text: str | None) -> datetime | None:
    """The moment that `to_text` wrote; None for none."""
    return None if text is None else from_text(text)


def to_json(value: object) -> str:
    """Canonical JSON: sorted keys, no white space; NaN is refused. What is no UTF-8 comes back as it was."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _each(parameters: Parameters | Row, change: Callable[[Any], Any]) -> Parameters:
    """The parameters, each changed."""
    if isinstance(parameters, Mapping):
        return {name: change(value) for name, value in parameters.items()}
    return [change(value) for value in parameters]


def _bounded(value: Any) -> Any:  # noqa: ANN401 - whatever is looked up
    """A number that no row has in place of one that no database holds."""
    return max(-_LARGEST, min(value, _LARGEST)) if isinstance(value, int) else value


def _escaped(value: object) -> Any:  # noqa: ANN401 - whatever a column holds
    """A value that the database can hold: whatever a file is called must not end what is recorded of it."""
    if not isinstance(value, str):
        return value
    try:
        return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return value.encode(errors="backslashreplace").decode()
