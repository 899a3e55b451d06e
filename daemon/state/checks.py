"""Whether a database file is sound, and which schema it has; read without changing it."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .schema_steps import SCHEMA

READ_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class CopyState:
    """What a copy of the database holds; `damage` is "ok" for a sound one, else its first damage."""

    damage: str
    steps: frozenset[str]
    campaigns: int


def open_to_read(path: Path, *, is_still: bool = False, timeout_s: float = READ_TIMEOUT_S) -> sqlite3.Connection:
    """A connection that cannot write; `is_still`: no one else writes the file either. Raises sqlite3.Error."""
    how = "mode=ro&immutable=1" if is_still else "mode=ro"
    return sqlite3.connect(f"file:{quote(os.fsencode(path))}?{how}", uri=True, timeout=timeout_s)


def quick_check(path: Path, limit: int, *, is_still: bool = False) -> tuple[str, ...]:
    """The first damages of a database file, or just "ok". Raises sqlite3.Error if it is not a database."""
    with closing(open_to_read(path, is_still=is_still)) as database:
        return tuple(row[0] for row in database.execute(f"PRAGMA quick_check({int(limit)})"))


def schema_steps(path: Path) -> frozenset[str]:
    """The names of the schema steps that a database file has taken. Raises sqlite3.Error."""
    with closing(open_to_read(path)) as database:
        return frozenset(row[0] for row in database.execute("SELECT name FROM _sqlite_migrations"))


def examine_copy(path: Path) -> CopyState:
    """Check a copy completely. Raises sqlite3.Error if it is not a database of ours."""
    with closing(open_to_read(path)) as copy:
        damage = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        steps = copy.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (SCHEMA,)).fetchall()
        campaigns = copy.execute("SELECT count(*) FROM campaigns").fetchone()[0]
    return CopyState(damage, frozenset(row[0] for row in steps), int(campaigns))


def take_log_in(path: Path) -> None:
    """Merge the write-ahead log into the file and remove it, if no other connection is open. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path, timeout=READ_TIMEOUT_S)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
