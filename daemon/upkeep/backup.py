"""Copies of the database, made while everything runs, and restoring one."""

import contextlib
import os
import sqlite3
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ...strategies.errors import ConflictError, InputError, RetunedError
from ..config.config import Config
from ..durable_files import sweep, sync_folder
from ..logs import log
from ..state.campaigns.campaigns import highest_number
from ..state.campaigns.lease_file import holder_of
from ..state.checks import examine_copy, open_to_read, take_log_in
from ..state.faults import INSTALLATION, forget_fact, get_fact, note_fault, set_fact
from ..state.running_service import FILE as PLACE_FILE
from ..state.running_service import single_instance
from ..state.schema_steps import STEP_NAMES
from ..state.store import BUSY_TIMEOUT_S, FILE_NAME, Store, copy_database

FACT = "last_backup"
AFTER_FAILURE = timedelta(hours=1)
_NAME = "retuned-{:%Y%m%dT%H%M%SZ}.sqlite3"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the new path of the replaced database, and the campaign folders that were renamed."""

    kept_as: Path | None
    set_aside: tuple[Path, ...]
    campaigns: int


def folder_of_backups(config: Config) -> Path:
    """The folder of the copies."""
    return config.backup.folder or config.state / "backups"


def make_backup(state: Path, folder: Path, now: datetime) -> Path:
    """A checked copy of the database, named after its time. Other processes may write meanwhile.

    Raises StateError when it cannot be made; no partial copy is left.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / _NAME.format(now)
    source = open_to_read(state / FILE_NAME, timeout_s=BUSY_TIMEOUT_S)
    try:
        copy_database(source, target)
    finally:
        source.close()
    return target


class Backups:
    """The service's backups: a copy when one is due, in a thread, so that a large database does not delay a round."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._thread: threading.Thread | None = None
        self._made: Path | Exception | None = None
        self._not_before: datetime | None = None

    def step(self, now: datetime) -> None:
        """Record a finished copy; start one when it is due."""
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            self._record(now)
        if self._is_due(now):
            self._thread = threading.Thread(target=self._make, args=(now,), name="backup", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait for the copy that is being made."""
        if self._thread is not None:
            self._thread.join()

    def _is_due(self, now: datetime) -> bool:
        if self._not_before is not None and self._not_before - AFTER_FAILURE <= now < self._not_before:
            return False
        last = get_fact(self._store, FACT)
        every = timedelta(seconds=self._config.backup.every_s)
        return last is None or not timedelta(0) <= now - last[1] < every

    def _make(self, now: datetime) -> None:
        try:
            self._made = make_backup(self._config.state, folder_of_backups(self._config), now)
        except (RetunedError, OSError, sqlite3.Error) as error:
            self._made = error

    def _record(self, now: datetime) -> None:
        made, self._made = self._made, None
        if isinstance(made, Path):
            set_fact(self._store, FACT, {"path": str(made), "bytes": made.stat().st_size}, now)
            log.info("backup_made", file=str(made))
            drop_old_backups(made.parent, self._config.backup.keep)
        elif made is not None:
            self._not_before = now + AFTER_FAILURE
            note_fault(self._store, "backup", f"no copy of the database could be made: {made}", now)


def drop_old_backups(folder: Path, keep: int) -> None:
    """Remove all but the newest copies; copies from before a migration, or with a name of a person's choice, stay."""
    for old in sorted(folder.glob("retuned-*Z.sqlite3"))[:-keep]:
        old.unlink(missing_ok=True)


def sweep_state(config: Config) -> None:
    """Remove what processes that were killed had begun to write into the state folder, its snapshots and backups.

    For the service at its start. What belongs to a campaign is swept with the campaign.
    """
    state, backups = config.state, folder_of_backups(config)
    for name in (f".{FILE_NAME}.new", f"{PLACE_FILE}.new"):  # of a restore, and of an earlier service
        (state / name).unlink(missing_ok=True)
    sweep((state, state / "backups", backups, *state.glob("snapshots/*/*")))
    for partial in backups.glob(".retuned-*Z.sqlite3.partial"):  # as earlier versions named them
        partial.unlink(missing_ok=True)


def restore(state: Path, file: Path, now: datetime) -> Restored:
    """Replace the database by a copy. The replaced one is kept under another name, and so are the folders of campaigns
    that the copy does not know: their numbers will be reused.

    Raises InputError for a file that is not a sound copy, ConflictError while a service or a campaign is running.
    """
    campaigns = _check_copy(file)
    with single_instance(state):
        _refuse_work(state)
        stamp = f"{now:%Y%m%dT%H%M%SZ}"
        new = state / f".{FILE_NAME}.new"
        source = open_to_read(file)
        try:
            copy_database(source, new)
        finally:
            source.close()
        kept = _put_aside(state, stamp)
        os.replace(new, state / FILE_NAME)
        sync_folder(state)
        store = Store(state)  # brings an older schema up to date
        forget_fact(store, INSTALLATION)  # campaign numbers come again: their messages are others
        aside = _set_campaigns_aside(state, highest_number(store), stamp)
        store.close()
    return Restored(kept, aside, campaigns)


def _check_copy(file: Path) -> int:
    """The number of campaigns in a sound copy that this version can read."""
    if not file.is_file():
        raise InputError(f"there is no file {file}", "a copy that retuned made", "see the folder backups in the state")
    try:
        copy = examine_copy(file)
    except sqlite3.Error as error:
        raise InputError(f"{file} is no copy of a retuned database: {error}", remedy="choose another copy") from None
    if copy.damage != "ok" or not copy.steps:
        raise InputError(f"{file} is damaged: {copy.damage}", remedy="choose another copy")
    if copy.steps - STEP_NAMES:
        raise InputError(
            f"{file} was written by a newer retuned", "a copy of this version or older", "install the newer retuned"
        )
    return copy.campaigns


def _refuse_work(state: Path) -> None:
    for folder in state.glob("campaigns/[0-9]*"):
        if folder.name.isdecimal() and holder_of(state, int(folder.name)) is not None:
            raise ConflictError(
                f"campaign {folder.name} is being worked on", "no running process of retuned", "wait for it, or end it"
            )


def _put_aside(state: Path, stamp: str) -> Path | None:
    """Keep the replaced database under another name, its write-ahead log merged if possible."""
    current = state / FILE_NAME
    if not current.exists():
        return None
    with contextlib.suppress(sqlite3.Error):
        take_log_in(current)  # the last connection removes the log of a readable database
    kept = state / f"{FILE_NAME}.before-restore-{stamp}"
    for ending in ("-wal", "-shm"):  # never next to the new database, which would use it as its own
        log_file = state / f"{FILE_NAME}{ending}"
        if log_file.exists():
            log_file.rename(f"{kept}{ending}")
    os.link(current, kept)
    return kept


def _set_campaigns_aside(state: Path, highest: int, stamp: str) -> tuple[Path, ...]:
    unknown = [
        folder for folder in state.glob("campaigns/[0-9]*") if folder.name.isdecimal() and int(folder.name) > highest
    ]
    return tuple(folder.rename(folder.with_name(f"{folder.name}.before-restore-{stamp}")) for folder in unknown)
