"""The cluster's jobs as of a moment ago, so that it is not asked at each look."""

from ....strategies.errors import ClusterAway
from ...clock import Clock
from .jobs import PENDING, Job, Jobs, Order

HURRIED_S = 1.0  # how old it may be while someone is to end


class JobList:
    """What the cluster listed last; None where it was away."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._last: tuple[float, dict[str, Job] | None] | None = None
        self.why_away = ""  # the cluster did not list its jobs when it was last asked

    def read(self, *, is_hurried: bool = False) -> dict[str, Job] | None:
        """All jobs; the same object until they are listed anew. None while the cluster is away."""
        now = self._clock.monotonic()
        if self._last is None or now - self._last[0] > self._lasts_s(is_hurried=is_hurried):
            try:
                self._last = (now, dict(self._jobs.jobs()))
                self.why_away = ""
            except ClusterAway as error:
                self.why_away = error.found
                self.note_away()
        return None if self._last is None else self._last[1]

    def add(self, order: Order) -> None:
        """Count a job that was just taken as one that waits, so that none is listed anew for the next start."""
        if self._last is not None and self._last[1] is not None:
            self._last[1][order.id] = Job(order.id, PENDING, "", str(order.spool))

    def drop(self) -> None:
        """List them anew at the next look."""
        self._last = None

    def note_away(self) -> None:
        """The cluster does not answer, or takes nothing; it is asked again after a while."""
        self._last = (self._clock.monotonic(), None)

    def _lasts_s(self, *, is_hurried: bool) -> float:
        has_jobs = self._last is not None and self._last[1] is not None
        return HURRIED_S if is_hurried and has_jobs else self._jobs.look_every_s
