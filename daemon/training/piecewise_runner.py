"""A runner that trains schedules of commands: piece after piece, each with constant values."""

from collections.abc import Callable, Mapping, Sequence

from ...strategies.errors import CampaignFailed
from ...strategies.legs.schedule_pieces import joined, stretches
from ...strategies.records import LegEnd, LegRequest, LegResult
from ...strategies.search.median_stopping import StopRule
from .runner import Runner


class PiecewiseRunner:
    """Hands its pieces to another runner; legs without a schedule pass through."""

    def __init__(
        self, runner: Runner, checkpoint_fault: Callable[[LegResult], str | None] = lambda result: None
    ) -> None:
        """`checkpoint_fault`: why a leg that was to leave a checkpoint left none, as a clause; None where it did."""
        self._runner = runner
        self._checkpoint_fault = checkpoint_fault
        self._whole: dict[str, LegRequest] = {}
        self._pieces: dict[str, tuple[LegRequest, ...]] = {}
        self._leg_of: dict[str, str] = {}  # by piece
        self._ended: dict[str, LegResult] = {}
        self._moved: dict[str, None] = {}  # legs of which a piece has ended, until they go on
        self._joined: dict[str, LegResult] = {}

    @property
    def waits(self) -> str:
        """Why no leg is trained though some wait; empty where nothing stands in their way."""
        return self._runner.waits

    def submit(
        self, requests: Sequence[LegRequest], among: Sequence[LegRequest] = (), rule: StopRule | None = None
    ) -> None:
        """Queue the first piece of each leg; commands are never trained in groups. Legs in pieces can be resumed, and
        no rule is for those."""
        for request in requests:
            self._whole[request.name] = request
            self._pieces[request.name] = stretches(request)
            self._leg_of |= {piece.name: request.name for piece in self._pieces[request.name]}
            if any(piece.name in self._ended for piece in self._pieces[request.name]):
                self._moved[request.name] = None
        is_whole = all(len(self._pieces[request.name]) == 1 for request in requests)
        self._runner.submit([self._pieces[request.name][0] for request in requests], (), rule if is_whole else None)

    def poll(self) -> Mapping[str, LegResult]:
        """Whole legs that ended; the next piece of the others is queued.

        Raises CampaignFailed where legs came to their end without the checkpoint that they were to leave: a search that
        goes on without those that it would go on with says nothing.
        """
        ended = self._runner.poll()
        self._ended |= ended
        self._moved |= {self._leg_of[piece]: None for piece in ended if piece in self._leg_of}
        self._refuse_without_checkpoints()
        for name in list(self._moved):
            results = self._results(self._pieces[name])
            if results and (results[-1].end is not LegEnd.COMPLETED or len(results) == len(self._pieces[name])):
                self._joined[name] = joined(self._whole[name], results)
                self._forget(name)
            elif results:
                self._runner.submit([self._pieces[name][len(results)]])
            del self._moved[name]
        whole, self._joined = self._joined, {}  # where this call fails on its way, the next one gives them
        return whole

    def stop(self, grace_s: float = 10.0) -> None:
        """End all workers."""
        self._runner.stop(grace_s)

    def _refuse_without_checkpoints(self) -> None:
        ended = [result for name in self._moved for result in self._results(self._pieces[name])]
        wanted = [result for result in ended if result.end is LegEnd.COMPLETED and result.request.keeps_checkpoint]
        faults = [fault for result in wanted if (fault := self._checkpoint_fault(result)) is not None]
        if faults:
            raise CampaignFailed(
                f"the command is registered as resumable, but {len(faults)} of {len(wanted)} runs that were to leave a "
                f"checkpoint left none at RETUNED_CHECKPOINT_OUT{faults[0]}",
                "a resumable command writes its state to the very path in RETUNED_CHECKPOINT_OUT",
                "correct the training, or write resumable = false under [training]",
            )

    def _forget(self, name: str) -> None:
        """Wait for no further piece of a leg."""
        del self._whole[name]
        for piece in self._pieces.pop(name):
            del self._leg_of[piece.name]

    def _results(self, pieces: Sequence[LegRequest]) -> list[LegResult]:
        """The results of the pieces that ended, from the first without a gap."""
        results: list[LegResult] = []
        for piece in pieces:
            if piece.name not in self._ended:
                break
            results.append(self._ended[piece.name])
        return results
