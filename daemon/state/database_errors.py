"""What SQLite raises, as errors for people: with what to do, and where the copies of a damaged database lie."""

import shlex
import sqlite3
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from ...strategies.errors import DiskFull, RetunedError, StateError
from ..durable_files import has_room, is_no_room

P = ParamSpec("P")
Made = TypeVar("Made")


class Unreadable(StateError, ValueError):
    """A row whose content no version of retuned wrote."""


_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT)


_BAD_CONTENT = ("Could not decode to UTF-8", "malformed JSON")


def of_row(what: str) -> Callable[[Callable[P, Made]], Callable[P, Made]]:
    """Lets a function that makes a record of a row raise Unreadable where it cannot; `what`: the record's name."""

    def reading(make: Callable[P, Made]) -> Callable[P, Made]:
        @wraps(make)
        def made(*words: P.args, **named: P.kwargs) -> Made:
            try:
                return make(*words, **named)
            except RetunedError:
                raise
            except (ValueError, LookupError, TypeError, AttributeError, zlib.error) as error:
                raise Unreadable(
                    f"{what} in the state database cannot be read: {type(error).__name__}: {str(error)[:100]}",
                    "rows as retuned wrote them",
                    "see: retuned doctor; to restore a copy from the folder backups: retuned restore FILE",
                ) from error

        return made

    return reading


def is_full(error: Exception, state: Path) -> bool:
    """Whether an error comes from a full disk: SQLite calls only a lack of bytes by its name."""
    code = _code_of(error)
    if code == sqlite3.SQLITE_FULL or is_no_room(error):
        return True
    return code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and state.is_dir() and not has_room(state)


def is_damage(error: BaseException) -> bool:
    """Whether the database file is damaged: a page, a text that is no UTF-8, or an object that is no JSON."""
    is_content = isinstance(error, sqlite3.OperationalError) and any(word in str(error) for word in _BAD_CONTENT)
    return is_content or _code_of(error) in _CORRUPT


def disk_full(state: Path) -> DiskFull:
    """The error where the disk of the state folder is full."""
    return DiskFull(
        f"the disk of the state folder {state} is full",
        "what has been written is safe",
        "free some space there; retuned then continues by itself",
    )


def cannot_use(path: Path, error: Exception, backups: Path) -> StateError:
    """The error where a database cannot be opened or read, and what to do; `backups`: the folder of its copies."""
    code = _code_of(error)
    if is_damage(error):
        return damaged(path, str(error), backups)
    if is_full(error, path.parent):
        return disk_full(path.parent)
    if code == sqlite3.SQLITE_BUSY:
        return StateError(
            f"the state database {path} is locked by another program",
            "short writes of retuned's own processes",
            "check what else holds it open, then repeat the command",
        )
    return StateError(
        f"the state database {path} cannot be opened: {error}",
        "a folder on a local disk that this user may write",
        "choose another with --state DIR or RETUNED_STATE",
    )


def damaged(path: Path, what: str, backups: Path) -> StateError:
    """The error where a database is damaged, with the command that restores its newest copy."""
    copy = _newest_copy(backups)
    command = ["retuned", "--state", str(path.parent), "restore", "FILE" if copy is None else str(copy)]
    restore = f"stop the service, then restore the newest copy: {shlex.join(command)}"
    none = f"there is no copy in {backups}: keep the state folder as it is, look for a copy elsewhere, then: "
    return StateError(
        f"the state database {path} is damaged: {what}",
        "a whole SQLite database, which retuned restore puts in its place",
        restore if copy is not None else none + shlex.join(command),
    )


def _newest_copy(backups: Path) -> Path | None:
    """The newest of the daily copies; else the one made before the last migration."""
    try:
        daily = sorted(backups.glob("retuned-*Z.sqlite3"))
        others = sorted(backups.glob("before-*.sqlite3"), key=lambda path: path.stat().st_mtime)
    except OSError:
        return None
    copies = daily or others
    return copies[-1] if copies else None


def _code_of(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
