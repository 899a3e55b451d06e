"""The folder that the service and all nodes see at the same path: campaigns, snapshots, and the workers' program.

Each state folder has a place of its own in it; the state's `campaigns` and `snapshots` are links there, so that all
else finds them where they always are. The database stays on the local disk.
"""

import fcntl
import hashlib
import os
import platform
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ....strategies.errors import InputError
from ...config.workers_table import WorkersTable
from ...foreign_files import remove

ROOT = Path(__file__).resolve().parents[3]  # holds daemon/ and strategies/
LINKED = ("campaigns", "snapshots", "trash")  # the latter, since what is removed is renamed first
_PROGRAM = ("daemon", "daemon/training", "daemon/training/node", "daemon/training/worker", "daemon/training/trainer")


def link_state(state: Path, workers: WorkersTable) -> None:
    """See to it that campaigns and snapshots lie where the nodes of a cluster see them. Harmless to repeat.

    Without a cluster there is nothing to do.
    Raises InputError where that cannot be: no such folder, one that this user may not write, or campaigns that were
    begun without the cluster.
    """
    shared = workers.shared
    if not workers.is_cluster or shared is None:
        return
    if not _is_usable(shared):
        raise InputError(
            f"the shared folder {shared} {'cannot be written' if shared.is_dir() else 'does not exist'}",
            "allowed: a folder that this user may write, and that all nodes see at the same path",
            "mount it, or correct shared under [workers]",
        )
    state.mkdir(parents=True, exist_ok=True)
    place = place_of(state, shared)
    for name in LINKED:
        target, link = place / name, state / name
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        if link.is_symlink() and Path(os.readlink(link)) == target:
            continue
        _make_way(link, target)
        link.symlink_to(target)


def place_of(state: Path, shared: Path) -> Path:
    """The place of a state folder of this machine in the shared folder."""
    name = f"{platform.node()}:{os.path.realpath(state)}"
    return shared / hashlib.sha256(name.encode()).hexdigest()[:16]


def forget_state(state: Path, workers: WorkersTable) -> None:
    """Remove what a state folder that goes has in the shared one, if there is one."""
    if workers.shared is not None:
        remove(place_of(state, workers.shared))


def program_in(shared: Path) -> Path:
    """The folder in the shared one that holds the program of workers and trainers, copied there when it is new.

    Its name is that of its content, so that a service of another version does not change what a worker runs.
    """
    files = sorted(_program_files())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(ROOT)}\n{file.stat().st_size}\n".encode() + file.read_bytes())
    target = shared / "program" / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    passing = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    for file in files:
        copy = passing / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    try:
        passing.rename(target)
    except OSError:  # another process was quicker
        remove(passing)
        if not target.is_dir():
            raise
    return target


def link_fault(state: Path, shared: Path) -> str | None:
    """What keeps the state's campaigns out of the shared folder, as a clause; None: nothing."""
    if not _is_usable(shared):
        return "it does not exist, or this user may not write there"
    inside = [name for name in LINKED[:2] if not (state / name).is_symlink() and any((state / name).glob("*"))]
    return f"{state / inside[0]} holds what was begun without the cluster; move it first" if inside else None


def fault_of(shared: Path) -> str | None:
    """What the shared folder cannot do that a spool needs, as a clause; None: it can do all."""
    trial = shared / f".trial-{secrets.token_hex(4)}"
    try:
        trial.mkdir()
        (trial / "a").write_text("a")
        os.link(trial / "a", trial / "b")
        os.rename(trial / "b", trial / "c")
        with open(trial / "c", "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return f"it cannot hold folders, hard links and locks: {error.strerror}"
    finally:
        remove(trial)
    return None


def _is_usable(shared: Path) -> bool:
    return shared.is_dir() and os.access(shared, os.W_OK | os.X_OK)


def _program_files() -> Iterator[Path]:
    for folder in _PROGRAM:
        yield from (ROOT / folder).glob("*.py")
    yield from (ROOT / "strategies").rglob("*.py")


def _make_way(link: Path, target: Path) -> None:
    if link.is_symlink():
        link.unlink()
    elif link.name == "trash":
        remove(link)
    elif link.exists():
        try:
            link.rmdir()
        except OSError:
            raise InputError(
                f"{link} holds what was begun without the cluster",
                f"with a cluster it lies in the shared folder, in {target}",
                f"let running campaigns end and stop the service, then: mv {link}/* {target}/ && rmdir {link}",
            ) from None
