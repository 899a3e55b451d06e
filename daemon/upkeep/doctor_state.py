"""Checks of the service's foundations: its configuration, folder, disk, database and backups.

Nothing is changed: the database is opened for reading only, and never brought to a newer schema.
"""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from ...strategies.words import counted
from ..durable_files import free_inodes
from ..state.checks import quick_check, schema_steps
from ..state.disk import LOW_INODES
from ..state.faults import get_fact
from ..state.schema_steps import STEP_NAMES
from ..state.store import NETWORK_FILE_SYSTEMS, Store, file_system_of
from .doctor_findings import Case, Finding, Level

LITTLE_SPACE_BYTES, LEAST_SPACE_BYTES = 2 << 30, 256 << 20
LITTLE_INODES = 5000


def check_configuration(case: Case) -> Iterator[Finding]:
    """Which configuration file is used. It was parsed earlier, or nothing here would run."""
    named = case.file or (Path(case.environ["RETUNED_CONFIG"]) if case.environ.get("RETUNED_CONFIG") else None)
    home = Path(case.environ.get("XDG_CONFIG_HOME") or Path(case.environ.get("HOME") or Path.home()) / ".config")
    places = (case.system_folder / "config.toml", home / "retuned" / "config.toml")
    used = named or next((place for place in places if place.is_file()), None)
    if used is None:
        yield Finding("configuration", "ok", "no configuration file; the defaults apply")
        return
    yield Finding("configuration", "ok", f"{used} is valid")
    if used.stat().st_mode & stat.S_IWOTH:
        yield Finding(
            "configuration", "error", f"anyone may write {used}, which decides which webhooks are called",
            f"chmod o-w {used}",
        )  # fmt: skip


def check_folder(case: Case) -> Iterator[Finding]:
    """That the state folder exists, is private to this user, and can be written."""
    state = case.config.state
    if not state.is_dir():
        yield Finding("state folder", "warning", f"{state} does not exist yet", "the first command creates it")
        return
    status = state.stat()
    if status.st_uid != case.user == 0:
        yield Finding(
            "state folder", "ok", f"{state} belongs to user {status.st_uid}; root reaches it through the service",
        )  # fmt: skip
    elif status.st_uid != case.user:
        yield Finding(
            "state folder", "error", f"{state} belongs to user {status.st_uid}, and this is user {case.user}",
            "run as its owner, for instance: sudo -u retuned retuned doctor",
        )  # fmt: skip
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            "state folder",
            "error",
            f"{state} cannot be read and written",
            f"correct its owner and mode: chmod 700 {state}",
        )
        return
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        yield Finding("state folder", "warning", f"{state} is open to others (mode {mode:o})", f"chmod 700 {state}")
    else:
        yield Finding("state folder", "ok", f"{state} exists and is private")


def check_disk(case: Case) -> Iterator[Finding]:
    """That the state folder is on a local, permanent file system with free space."""
    place = next(folder for folder in (case.config.state, *case.config.state.parents) if folder.exists())
    kind = file_system_of(place, case.mounts)
    if kind.startswith(NETWORK_FILE_SYSTEMS):
        yield Finding(
            "disk", "error", f"the state folder is on a network file system ({kind}), where locks are not safe",
            "move it to a local disk: state = ... in the configuration",
        )  # fmt: skip
    elif kind in ("tmpfs", "ramfs"):
        yield Finding(
            "disk", "warning", f"the state folder is in memory ({kind}) and is lost when the machine restarts",
            "move it to a disk: state = ... in the configuration",
        )  # fmt: skip
    free = shutil.disk_usage(place).free
    if free < LITTLE_SPACE_BYTES:
        level: Level = "error" if free < LEAST_SPACE_BYTES else "warning"
        yield Finding("disk", level, f"only {free >> 20} MiB are free for the state folder", "free space on its disk")
    else:
        yield Finding("disk", "ok", f"{free >> 30} GiB are free for the state folder")
    inodes = free_inodes(place)
    if inodes is not None and inodes < LITTLE_INODES:
        level = "error" if inodes < LOW_INODES else "warning"
        remedy = "remove files on its disk; each takes an inode"
        yield Finding("disk", level, f"only {inodes} more files (inodes) fit on the disk of the state folder", remedy)


def check_database(case: Case) -> Iterator[Finding]:
    """That the database opens, is sound, and has the schema of this version."""
    if not case.database.exists():
        yield Finding(
            "database", "warning", f"there is no database {case.database} yet", "the first command creates it"
        )
        return
    try:
        damages, steps = quick_check(case.database, 3), schema_steps(case.database)
    except sqlite3.Error as error:
        damages, steps = (str(error),), STEP_NAMES
    if damages != ("ok",):
        listed = "; ".join(" ".join(damage.split()) for damage in damages)
        yield Finding(
            "database", "error", f"{case.database} is damaged: {listed}",
            "stop the service, keep a copy of the state folder, then: retuned restore FILE",
        )  # fmt: skip
    elif steps - STEP_NAMES:
        yield Finding(
            "database", "error", f"it was written by a newer retuned: {', '.join(sorted(steps - STEP_NAMES))}",
            "install the newer retuned again, or restore an older backup",
        )  # fmt: skip
    elif STEP_NAMES - steps:
        yield Finding("database", "warning", "it was written by an older retuned", "the next command upgrades it")
    else:
        yield Finding("database", "ok", f"{case.database} is sound ({case.database.stat().st_size >> 10} KiB)")


def check_backups(case: Case, store: Store) -> Iterator[Finding]:
    """That there is a recent copy, and that it can be read."""
    fact = get_fact(store, "last_backup")
    if fact is None:
        yield Finding(
            "backups", "warning", "there is no backup yet", "the service makes them; to make one now: retuned backup"
        )
        return
    age_s, path = (case.now - fact[1]).total_seconds(), Path(str(fact[0]["path"]))
    if age_s > 2 * case.config.backup.every_s:
        yield Finding(
            "backups", "warning", f"the newest is {counted(round(age_s / 86400), 'day')} old",
            "see the errors in retuned status; to make one now: retuned backup",
        )  # fmt: skip
    try:
        damage = quick_check(path, 1, is_still=True)[0]
    except sqlite3.Error as error:
        damage = str(error)
    if damage == "ok":
        yield Finding("backups", "ok", f"the newest, {path}, is sound")
    else:
        yield Finding("backups", "error", f"the newest, {path}, cannot be used: {damage}", "make one: retuned backup")


def can_be_opened(case: Case) -> bool:
    """Whether the database exists with the schema of this version, so that opening it changes nothing."""
    if not case.database.is_file() or not os.access(case.config.state, os.W_OK | os.X_OK):
        return False
    try:
        return schema_steps(case.database) == STEP_NAMES
    except sqlite3.Error:
        return False
