"""Starts workers for the legs that wait in a spool, and says when that gets nowhere."""

from ...strategies.errors import CampaignFailed
from .pins import PinnedLegs
from .spool import Spool
from .worker_pool import WorkerPool

IDLE_STARTS = 6


class WorkerStarts:
    """The starts of workers on one spool; `slots` of them at most are there at the same time."""

    def __init__(self, spool: Spool, workers: WorkerPool, pinned: PinnedLegs, slots: int) -> None:
        self._spool = spool
        self._workers = workers
        self._pinned = pinned
        self._slots = slots
        self._idle = 0  # workers started since a leg ended

    def note_end(self) -> None:
        """A leg has ended: the workers get somewhere."""
        self._idle = 0

    def start_missing(self) -> None:
        """Start workers for what waits, as many as may be. Raises CampaignFailed where they end again and again."""
        missing = self._slots - len(self._workers.present())
        if missing <= 0:
            return
        queued, claims = self._spool.queued(), self._spool.claims()
        queued -= self._pinned.waiting(queued)
        wanted = min(self._slots, len(queued) + len(claims)) if queued else 0
        starts = wanted - self._slots + missing
        kinds = list(self._pinned.wanted_kinds(queued)) if starts > 0 else []
        for _ in range(starts):
            if not self._workers.has_room():
                return
            self._refuse_endless()
            self._workers.start(kinds.pop(0) if kinds else "")

    def _refuse_endless(self) -> None:
        """A training that ends its workers, by a signal for instance, would be begun again and again."""
        self._idle += 1 - self._workers.took_back()
        if self._idle > IDLE_STARTS * (self._slots + 1):
            raise CampaignFailed(
                f"{self._idle - 1} workers were started and ended without an end of any training",
                "a training must not signal the process that started it",
                f"look into the output of the trainings in {self._spool.legs}",
            )
