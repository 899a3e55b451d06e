"""A runner that trains schedules of commands: piece after piece, each with constant values."""

from collections.abc import Mapping, Sequence

from ...strategies.legs.schedule_pieces import joined, stretches
from ...strategies.records import LegEnd, LegRequest, LegResult
from ...strategies.search.median_stopping import StopRule
from .runner import Runner


class PiecewiseRunner:
    """Hands its pieces to another runner; legs without a schedule pass through."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._whole: dict[str, LegRequest] = {}
        self._pieces: dict[str, tuple[LegRequest, ...]] = {}
        self._ended: dict[str, LegResult] = {}

    def submit(
        self, requests: Sequence[LegRequest], among: Sequence[LegRequest] = (), rule: StopRule | None = None
    ) -> None:
        """Queue the first piece of each leg; commands are never trained in groups. Legs in pieces can be resumed, and
        no rule is for those."""
        for request in requests:
            self._whole[request.name] = request
            self._pieces[request.name] = stretches(request)
        is_whole = all(len(self._pieces[request.name]) == 1 for request in requests)
        self._runner.submit([self._pieces[request.name][0] for request in requests], (), rule if is_whole else None)

    def poll(self) -> Mapping[str, LegResult]:
        """Whole legs that ended; the next piece of the others is queued."""
        self._ended |= self._runner.poll()
        whole: dict[str, LegResult] = {}
        for name in list(self._pieces):
            results = self._results(self._pieces[name])
            if results and (results[-1].end is not LegEnd.COMPLETED or len(results) == len(self._pieces[name])):
                whole[name] = joined(self._whole[name], results)
                del self._pieces[name]
            elif results:
                self._runner.submit([self._pieces[name][len(results)]])
        return whole

    def stop(self, grace_s: float = 10.0) -> None:
        """End all workers."""
        self._runner.stop(grace_s)

    def _results(self, pieces: Sequence[LegRequest]) -> list[LegResult]:
        """The results of the pieces that ended, from the first without a gap."""
        results: list[LegResult] = []
        for piece in pieces:
            if piece.name not in self._ended:
                break
            results.append(self._ended[piece.name])
        return results
