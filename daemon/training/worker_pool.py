"""The workers of one spool folder: the protocol that processes here and jobs on a cluster keep.

A worker is known by its id, the name of its folder in the spool. What it is, and where, only its pool knows.
"""

from collections.abc import Callable, Collection
from typing import Protocol

from ..processes import Identity


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

    def misplaced(self) -> tuple[str, ...]:
        """Workers in places that are no longer ours."""

    def start(self) -> str:
        """A new worker's id. Raises CampaignFailed when none can be started."""

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
