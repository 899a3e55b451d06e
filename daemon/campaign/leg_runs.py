"""Legs of one campaign through a runner: submitted, awaited and recorded."""

from collections.abc import Callable, Sequence

from ...strategies.drift.drift import compute_seconds
from ...strategies.errors import CampaignFailed
from ...strategies.legs.failing_alike import ended_in_error, fail_alike
from ...strategies.records import LegRequest, LegResult
from ...strategies.search.median_stopping import StopRule
from ..clock import Clock
from ..logs import log
from ..masking import masked
from ..state.campaigns.lease import Lease
from ..state.disk import is_full_error, patiently, wait_for_space
from ..training.interpreter import install_remedy
from ..training.runner import Runner

POLL_S = 0.02
QUIET_POLL_S = 0.2
LEASE_CHECK_S = 1.0


class LegRuns:
    """Runs legs of one campaign and keeps their results, those of earlier processes included."""

    def __init__(
        self, lease: Lease, ended: Sequence[LegResult], runner: Runner, clock: Clock, watch: Callable[[], None]
    ) -> None:
        """`ended`: the legs recorded as ended; `watch` is called whenever there may be progress to show."""
        self._lease = lease
        self._results = {result.request.name: result for result in ended}
        self._runner = runner
        self._clock = clock
        self._watch = watch
        self._state = lease.folder.parent.parent
        self._waits: str | None = None  # as told last; None: an earlier process may have told something
        self._all_failed = True  # as far as is known: each look at all results would cost more than the one before

    @property
    def results(self) -> tuple[LegResult, ...]:
        """Every ended leg of the campaign."""
        return tuple(self._results.values())

    @property
    def search_results(self) -> tuple[LegResult, ...]:
        """The ended legs of the search."""
        return tuple(result for result in self.results if result.request.is_of_search)

    @property
    def compute_s(self) -> float:
        """Seconds of training so far, parallel legs added up."""
        return compute_seconds(self.results)

    def run(self, requests: Sequence[LegRequest], rule: StopRule | None = None) -> tuple[LegResult, ...]:
        """Results of these legs in their order, when all have ended. Legs that ended before do not run again; those
        that the rule finds hopeless are stopped.

        While the disk is full it begins nothing, and waits.
        """
        self._when_there_is_room(lambda: self._lease.plan(requests, self._clock.now()))
        wait_for_space(self._state, self._clock, self._lease.check)
        wanted = {request.name for request in requests}
        waiting = [request for request in requests if request.name not in self._results]
        self._when_there_is_room(lambda: self._runner.submit(waiting, requests, rule))
        wait_s, checked_at = POLL_S, self._clock.monotonic()
        wanted -= self._results.keys()
        while wanted:
            wait_for_space(self._state, self._clock, self._lease.check)  # a retry that cannot start would be lost
            ended = self._ingest()
            wanted -= ended
            self._tell_waits()
            self._watch()
            if ended:
                self._stop_where_all_fail_alike()
            if self._clock.monotonic() - checked_at > LEASE_CHECK_S:
                self._lease.check()
                checked_at = self._clock.monotonic()
            wait_s = POLL_S if ended else min(QUIET_POLL_S, wait_s * 1.2)
            if wanted:
                self._clock.sleep(wait_s)
        return tuple(self._results[request.name] for request in requests)

    def with_runner(self, runner: Runner) -> "LegRuns":
        """Runs of the same campaign by another runner. Both share their results."""
        others = LegRuns(self._lease, (), runner, self._clock, self._watch)
        others._results = self._results
        return others

    def _ingest(self) -> frozenset[str]:
        """The names of the legs that have ended since the last call."""
        try:
            polled = self._runner.poll()
        except OSError as error:
            if is_full_error(error):
                return frozenset()
            raise
        ended = [result for name, result in polled.items() if name not in self._results]
        if ended:
            self._when_there_is_room(lambda: self._lease.ingest(ended, self._clock.now()))
            self._results.update({result.request.name: result for result in ended})
            self._all_failed = self._all_failed and all(map(ended_in_error, ended))
        return frozenset(result.request.name for result in ended)

    def _tell_waits(self) -> None:
        """Let those who watch know why nothing is trained, where the runner says so, and when it goes on."""
        why = masked(self._runner.waits)
        if why == self._waits:
            return
        self._when_there_is_room(lambda: self._lease.tell_waits(why))
        if why or self._waits:
            log.info("campaign_waits", campaign=self._lease.campaign_id, why=why)
        self._waits = why

    def _stop_where_all_fail_alike(self) -> None:
        error = fail_alike(self.results) if self._all_failed else None
        if error is None:
            return
        facts = self._lease.campaign().facts
        if not facts.suspicions:  # else the verdict says where to look
            python = None if facts.prepared is None else facts.prepared.environment.interpreter
            mend = install_remedy(error, python) or "fix the training"
            raise CampaignFailed(
                f"the first {len(self.results)} trainings failed alike: {error}",
                "a search over settings that cannot start says nothing",
                f"{mend} (its output: {self._lease.folder}/legs), then re-tune again",
            )

    def _when_there_is_room(self, write: Callable[[], None]) -> None:
        patiently(write, self._clock, self._lease.check)
