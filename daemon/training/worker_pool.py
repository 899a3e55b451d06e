"""The workers of one spool folder: the protocol that processes here and jobs on a cluster keep.

A worker is known by its id, the name of its folder in the spool. What it is, and where, only its pool knows.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from ..foreign_files import remove
from ..processes import Identity

DEADLINE_S = 86400.0
FAILED_STARTS = 3
RECORD = "runner.json"  # in a spool whose workers are no processes of this machine: where they are


class WorkerPool(Protocol):
    """The workers of one spool folder, whoever started them."""

    def present(self) -> tuple[str, ...]:
        """The workers that are not buried yet, alive or dead."""

    def is_alive(self, worker: str) -> bool:
        """Whether it may still write. Where that cannot be found out at the moment, it may."""

    def silent_s(self, worker: str, now_s: float) -> float:
        """Seconds since the worker last showed that it moves, at `now_s` of this machine's clock."""

    def has_room(self) -> bool:
        """Whether one more worker can be started now."""

    def refusal(self) -> str:
        """Why none could be started for now, in the words of who would give it a place; empty: none was refused."""

    def misplaced(self) -> tuple[str, ...]:
        """Workers in places that are no longer ours."""

    def start(self, kind: str = "") -> str:
        """A new worker's id. `kind`: the kind of node that it is wanted on, as far as that can be had. Raises
        CampaignFailed when none can be started."""

    def reap(self) -> None:
        """Take note of workers that ended. Raises CampaignFailed when they fail repeatedly."""

    def took_back(self) -> int:
        """How many workers ended without ever having had a place to run, since the last call."""

    def terminate(self, worker: str) -> None:
        """Ask a living worker to put its leg back and end."""

    def kill(self, worker: str, also: tuple[Identity, ...], sleep: Callable[[float], None]) -> bool:
        """Kill a worker, what it started, and the processes named; False when something of it may live on."""

    def bury(self, worker: str) -> None:
        """Forget a dead worker."""

    def strays(self, holders: Collection[str]) -> tuple[str, ...]:
        """Those holders of claims that are buried but had gone on for a moment: their legs are lost, too."""


def bury_folder(folder: Path) -> None:
    """Remove what a dead worker left in its folder; only a log that says something stays."""
    (folder / "worker.json").unlink(missing_ok=True)
    remove(folder / "tmp")
    log = folder / "worker.log"
    if not log.exists() or log.stat().st_size == 0:
        remove(folder)
