"""What campaigns leave behind is kept for a time, then removed in small steps.

Never removed: settings, verdicts, scores, alerts; and whatever an open campaign, the current settings (their baseline)
or a model's last verdict needs. The database reuses the space of removed curves; its file does not shrink.
"""

import contextlib
import errno
import os
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ...strategies.errors import RetunedError
from ..config.config import Config
from ..foreign_files import remove
from ..logs import log
from ..state.faults import get_fact, set_fact
from ..state.models.removal import removals
from ..state.still_needed import (
    drop_curves,
    has_open_campaign,
    is_snapshot_needed,
    known_models,
    models_of_campaigns,
    unneeded_campaigns,
)
from ..state.store import Store

PRUNE_EVERY = timedelta(hours=1)
FOLDERS_A_STEP, CURVES_A_STEP = 40, 2000
USE_FACT = "disk_use"
MEASURE_EVERY = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What one step removed; `is_done`: nothing is left to remove for now."""

    folders: int = 0
    snapshots: int = 0
    curves: int = 0
    is_done: bool = True


class Retention:
    """The service's retention: removes a little in each round while there is something to remove, and checks once an
    hour. Slow work (deleting files, measuring disk use) runs in a thread."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._next_at: datetime | None = None
        self._thread: threading.Thread | None = None
        self._measured: dict[str, int] | None = None

    def step(self, now: datetime) -> None:
        """Remove a little, or do nothing."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._measured is not None:
            set_fact(self._store, USE_FACT, {"models": self._measured}, now)
            self._measured = None
        if self._next_at is not None and self._next_at - PRUNE_EVERY <= now < self._next_at:
            return
        pruned = prune_step(self._store, self._config, now)
        if pruned.folders or pruned.snapshots or pruned.curves:
            log.info("pruned", folders=pruned.folders, snapshots=pruned.snapshots, curves=pruned.curves)
        measured = get_fact(self._store, USE_FACT)
        is_use_due = measured is None or not timedelta(0) <= now - measured[1] < MEASURE_EVERY
        if pruned.is_done:
            self._next_at = now + PRUNE_EVERY
        self._thread = threading.Thread(
            target=self._work, args=(pruned.is_done and is_use_due,), name="retention", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join()

    def _work(self, measures: bool) -> None:
        empty_trash(self._store.state)
        if measures:
            try:
                with closing(Store(self._store.state)) as store:
                    self._measured = disk_use(store)
            except (RetunedError, OSError):
                log.exception("disk_use_not_measured")


def prune_step(store: Store, config: Config, now: datetime) -> Pruned:
    """Move up to forty expired folders of each kind to the trash, and drop up to 2,000 expired curves."""
    legs = to_trash(store.state, _old_campaign_folders(store, now - timedelta(seconds=config.retention.legs_s)))
    legs += to_trash(store.state, _removed_campaign_folders(store))
    snapshots = 0
    if legs < FOLDERS_A_STEP:
        snapshots = _prune_snapshots(store, now - timedelta(seconds=config.retention.snapshots_s), now)
    curves = drop_curves(store, now - timedelta(seconds=config.retention.curves_s), CURVES_A_STEP)
    is_done = legs < FOLDERS_A_STEP and snapshots < FOLDERS_A_STEP and curves < CURVES_A_STEP
    return Pruned(legs, snapshots, curves, is_done)


def disk_use(store: Store) -> dict[str, int]:
    """Bytes on the disk of each model's snapshots, logs and reports, by model name, without zeros."""
    # starts from the folders, not from the models: most of thousands may have none
    folders = {int(folder.name): folder for folder in _campaign_folders(store.state)}
    snapshots = store.state / "snapshots"
    names = os.listdir(snapshots) if snapshots.is_dir() else []
    places = [(name, folders[number]) for number, name in models_of_campaigns(store, folders)]
    places += [(name, snapshots / name) for name in known_models(store, names)]
    used: dict[str, int] = {}
    for name, place in places:
        used[name] = used.get(name, 0) + size_of(place)
    return {name: size for name, size in used.items() if size}


def size_of(folder: Path) -> int:
    """Bytes on the disk of the files below a folder, hard links counted once; 0 if there are none."""
    seen: set[tuple[int, int]] = set()
    total = 0
    waiting = [str(folder)]
    while waiting:  # a training may have left folders deeper than recursion goes
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                with contextlib.suppress(OSError):  # a campaign is running
                    status = entry.stat(follow_symlinks=False)
                    if (status.st_dev, status.st_ino) not in seen:
                        seen.add((status.st_dev, status.st_ino))
                        total += status.st_blocks * 512
    return total


def empty_trash(state: Path) -> None:
    """Delete what was moved to the trash, also by a process that died before deleting it."""
    for folder in (state / "trash").glob("*"):
        remove(folder)


def _campaign_folders(state: Path) -> list[Path]:
    folder = state / "campaigns"
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.name.isdecimal()]


def _old_campaign_folders(store: Store, before: datetime) -> list[tuple[Path, str]]:
    folders = {int(folder.name): folder for folder in _campaign_folders(store.state)}
    if not folders:
        return []
    old = [number for number in unneeded_campaigns(store, before, min(folders)) if number in folders][:FOLDERS_A_STEP]
    return [(folders[number], f"campaign-{number}") for number in old]


def _removed_campaign_folders(store: Store) -> list[tuple[Path, str]]:
    """Folders of campaigns whose model was removed by a process that died before it had moved them."""
    removed = {number for removal in removals(store) for number in removal.campaigns}
    left = [folder for folder in _campaign_folders(store.state) if removed and int(folder.name) in removed]
    return [(folder, f"campaign-{folder.name}") for folder in left[:FOLDERS_A_STEP]]


def to_trash(state: Path, folders: Iterable[tuple[Path, str]]) -> int:
    """Rename folders into the trash, so that no one sees half a folder; returns how many. They are deleted later."""
    count = 0
    trash = state / "trash"
    trash.mkdir(exist_ok=True, mode=0o700)
    for folder, name in folders:
        try:
            folder.rename(trash / name)
        except FileNotFoundError:
            continue
        except OSError as error:  # an older one of that name is not deleted yet
            if error.errno != errno.ENOTEMPTY:
                raise
            continue
        count += 1
    return count


def _prune_snapshots(store: Store, before: datetime, now: datetime) -> int:
    """Snapshots that no campaign since `before` used and none needs; only of models without an open campaign, because a
    starting campaign may be about to use an existing one."""
    old: list[tuple[Path, str]] = []
    with store.transaction():  # no campaign is queued meanwhile
        for folder in sorted((store.state / "snapshots").glob("*/*")):
            if len(old) == FOLDERS_A_STEP:
                break
            if _is_unneeded(store, folder, before, now):
                old.append((folder, f"snapshot-{folder.parent.name}-{folder.name}"))
        return to_trash(store.state, old)


def _is_unneeded(store: Store, folder: Path, before: datetime, now: datetime) -> bool:
    name, place = folder.parent.name, f"/snapshots/{folder.parent.name}/{folder.name}/"  # the state may have moved
    if has_open_campaign(store, name) or is_snapshot_needed(store, name, place, before):
        return False
    # one that no campaign knows may be of a registry that was moved or restored: it is kept for a day
    return now.timestamp() - folder.stat().st_mtime > 86400.0
