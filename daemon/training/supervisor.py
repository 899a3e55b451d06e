"""The workers of one spool folder as a whole: buried when dead, killed when stuck, ended when no one wants them.

Exactly one process may do so at a time: the one that holds the campaign's lease or its lock.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from ..clock import Clock
from ..durable_files import read_json
from ..processes import Identity, identity_from
from .leg_order import Ticket
from .splits.split_files import remove_splits
from .spool import Spool, withdraw_tickets
from .worker_pool import RECORD, WorkerPool
from .worker_processes import Workers

STOP_PAUSE_S = 0.02
SILENT_S = 120.0  # of a worker that should touch its file every few seconds, and watches the deadlines of its legs
SILENT_AGAIN_S = 30.0  # a second look after so long: the machine may have slept, or its clock may have been set


class Supervisor:
    """Looks after the workers on one spool folder, living and dead, whoever started them."""

    def __init__(self, spool: Spool, workers: WorkerPool, clock: Clock) -> None:
        self._spool = spool
        self._workers = workers
        self._clock = clock
        self._silent_since: dict[str, float] = {}

    def bury_dead(self) -> None:
        """Deal with workers that died: what they left is killed, their legs are lost. A stuck one is killed too."""
        self._workers.reap()
        present = self._workers.present()
        dead = [worker for worker in present if not self._workers.is_alive(worker) or self._is_stuck(worker)]
        claims = self._spool.claims()
        for worker in dead:
            self._workers.kill(worker, self._trained_by(worker, claims), self._clock.sleep)
        strangers = {holder for _, holder in claims}.difference(present)
        strays = self._workers.strays(strangers) if strangers else ()
        if dead or strays:
            self._lose_claims({*dead, *strays})
        for worker in dead:
            self._workers.bury(worker)
            self._silent_since.pop(worker, None)

    def mark_lost(self, ticket: Ticket, detail: str) -> None:
        """Write the end that a dead worker can no longer write, unless it did."""
        self._spool.give_up(ticket, detail)

    def stop(self, grace_s: float) -> None:
        """End all workers and everything they started. Unfinished legs stay in the spool."""
        with contextlib.suppress(OSError):  # a full disk: a signal tells them all the same
            self._spool.stop_file.touch()
        for worker in self._workers.present():
            self._workers.terminate(worker)
        until = self._clock.monotonic() + grace_s
        while self._living() and self._clock.monotonic() < until:
            self._clock.sleep(STOP_PAUSE_S)
        for worker in self._living():
            self._workers.kill(worker, self._trained_by(worker, self._spool.claims()), self._clock.sleep)
        with contextlib.suppress(OSError):  # what cannot be written down now is found by the next runner
            self.bury_dead()
        self._spool.sweep()

    def _lose_claims(self, workers: Collection[str]) -> None:
        """What dead workers held is lost, unless someone else holds it, too."""
        claims = self._spool.claims()
        holders = Counter(ticket for ticket, _ in claims)
        held = [(ticket, holder) for ticket, holder in claims if holder in workers]
        for ticket, _ in held:
            holders[ticket] -= 1
            if not holders[ticket]:
                self.mark_lost(ticket, "its worker died")
        for ticket, holder in held:
            self._spool.drop_claim(ticket, holder)

    def _living(self) -> list[str]:
        self._workers.reap()
        return [worker for worker in self._workers.present() if self._workers.is_alive(worker)]

    def _is_stuck(self, worker: str) -> bool:
        """Silent at two looks: no one would see that its leg is past the deadline."""
        now = self._clock.monotonic()
        if self._workers.silent_s(worker, self._clock.now().timestamp()) < SILENT_S:
            self._silent_since.pop(worker, None)
            return False
        return now - self._silent_since.setdefault(worker, now) > SILENT_AGAIN_S

    def _trained_by(self, worker: str, claims: Sequence[tuple[Ticket, str]]) -> tuple[Identity, ...]:
        """The processes that a worker said it trains its claimed legs with."""
        held = (ticket for ticket, holder in claims if holder == worker)
        folders = (self._spool.leg_folder(ticket.leg, ticket.attempt) for ticket in held)
        processes = (identity_from(read_json(folder / "trial.json") or {}) for folder in folders)
        return tuple(process for process in processes if process is not None)


def pool_of(spool: Spool, clock: Clock) -> WorkerPool:
    """The workers of a spool, wherever they are, to be looked after and ended."""
    record = read_json(spool.folder / RECORD)
    if record is None:
        return Workers(spool)
    from .cluster.engines import jobs_from
    from .cluster.job_workers import JobWorkers

    return JobWorkers(spool, jobs_from(record), clock)


def end_workers(campaign: Path, clock: Clock, grace_s: float = 10.0, *, is_over: bool = True) -> int:
    """End the workers of a campaign; if it is over, withdraw its tickets and remove what was cut of its data. How many
    workers there were.

    For the holder of its lock alone.
    """
    count = 0
    for folder in (campaign, *(path.parent for path in campaign.glob("*/legs"))):
        Spool(folder).sweep()
    present = [path for pattern in ("", "*/") for path in campaign.glob(f"{pattern}workers/*/worker.json")]
    for folder in {path.parents[2] for path in present}:
        spool = Spool(Path(os.path.realpath(folder)))
        count += len(list(spool.workers.glob("*/worker.json")))
        Supervisor(spool, pool_of(spool, clock), clock).stop(grace_s)
    if is_over:
        withdraw_tickets(campaign)
        remove_splits(campaign)
    return count
