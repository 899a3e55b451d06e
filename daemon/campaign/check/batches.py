"""Batches of a check's runs, within the time that it is allowed."""

import math
from collections.abc import Sequence

from ....strategies.records import LegRequest, LegResult
from ...clock import Clock
from ..context import CampaignContext, room_of
from .progress import Progress, Show

_GRACE_S = 10.0  # a run that is cut at the limit needs some time to end
_SLACK = 1.2  # by which runs take longer than the first one


class _TimeIsUp(Exception):
    """The check has used the time that it was allowed."""


class Batches:
    """Runs batches of legs while there is time, and says how far they are."""

    def __init__(self, clock: Clock, limit_s: float, show: Show) -> None:
        """`limit_s`: of training, by the wall clock."""
        self.planned = 0
        self.context: CampaignContext | None = None
        self.slots = 1
        self._clock, self._limit_s, self._show = clock, limit_s, show
        self._started = clock.monotonic()
        self._is_over = False

    def begin(self, context: CampaignContext) -> None:
        """The clock of the trainings starts."""
        self.context, self._started = context, self._clock.monotonic()
        self.slots = room_of(context.file, context.campaign, context.config)[0]

    @property
    def seconds(self) -> float:
        """Since the first training began."""
        return self._clock.monotonic() - self._started

    def look(self) -> None:
        """Say how far it is. Raises _TimeIsUp."""
        if self.context is None:
            return
        if self.seconds > self._limit_s + _GRACE_S:
            raise _TimeIsUp
        self._show(Progress(min(len(self.context.runs.results) + 1, self.planned), self.planned, self.seconds))

    def fits(self, runs: int, seconds_each: float) -> bool:
        """Whether so many runs can end in time."""
        if self._is_over:
            return False
        return self.seconds + math.ceil(runs / self.slots) * seconds_each * _SLACK <= self._limit_s

    def run(self, requests: Sequence[LegRequest]) -> dict[str, LegResult]:
        """Those that ended in time, by name."""
        assert self.context is not None
        runs = self.context.runs
        before = {result.request.name for result in runs.results}
        self.planned += sum(request.name not in before for request in requests)
        if not self._is_over:
            try:
                runs.run(requests)
            except _TimeIsUp:
                self._is_over = True
        ended = {result.request.name: result for result in runs.results}
        return {request.name: ended[request.name] for request in requests if request.name in ended}
