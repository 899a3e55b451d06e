"""A look at the cluster once a minute: `retuned status` says when it is away, and what ended there is forgotten."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from ..clock import Clock
from ..config.workers_table import WorkersTable
from ..training.cluster.ended_jobs import forget_ended
from ..training.cluster.engines import jobs_of

EVERY = timedelta(minutes=1)
TIMEOUT_S = 5.0


class ClusterLook:
    """A part of the service's round: it fails, and is recorded as a fault, while the cluster does not answer."""

    def __init__(self, workers: WorkersTable, clock: Clock) -> None:
        assert workers.shared is not None
        self._jobs = jobs_of(workers, TIMEOUT_S)
        self._shared = Path(os.path.realpath(workers.shared))
        self._clock = clock
        self._looked_at: datetime | None = None

    def step(self) -> None:
        """Raises ClusterAway, or InputError for something else at its address."""
        now = self._clock.now()
        if self._looked_at is None or not timedelta(0) <= now - self._looked_at < EVERY:
            self._looked_at = now
            self._jobs.version()
            forget_ended(self._jobs, self._shared)
