"""Nodes of a cluster that train nothing, in the time of a simulation: real claims, reports and ends in a real spool.

The campaign's own processor time counts as passing time: while it computes, the nodes go on. What the nodes compute
themselves does not, since they would do so elsewhere.
"""

import contextlib
import heapq
import json
import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from retuned.daemon.durable_files import load_json, replace_json
from retuned.daemon.processes import Identity
from retuned.daemon.training.cluster.jobs import LIVING, PENDING, PREFIX, RUNNING, SUCCEEDED, Job, Node, Order
from retuned.daemon.training.worker.leg_ends import end_of_leg
from retuned.daemon.training.worker.legs import begin_once, write_end

KIND = "simulated"
BEAT_S, IDLE_LOOK_S = 5.0, 0.05  # a worker touches its file so often; without a ticket it looks again
LISTED_AT_ONCE = 512  # tickets that a node takes from one listing before the next


class SimulatedNodes:
    """A cluster's jobs, the workers in them and the clock of all: nodes with one place each; a leg takes `leg_s`."""

    name = "the simulated cluster"
    tested = "1"
    look_every_s = 1.0

    def __init__(self, nodes: int, leg_s: float) -> None:
        self.lists = 0  # how often it was asked for its jobs
        self.own_cpu_s = 0.0  # of the nodes, which is no cost of the campaign
        self._leg_s = leg_s
        self._places = nodes
        self._jobs: dict[str, Job] = {}
        self._pending: deque[str] = deque()
        self._events: list[tuple[float, int, str, str]] = []  # when, a number, the worker, the ticket that it ends
        self._count = 0
        self._listing: deque[str] = deque()
        self._next_beat = BEAT_S
        self._time_s, self._mark_s = 0.0, time.process_time()

    def monotonic(self) -> float:
        """Seconds of the simulation up to the last wait: the true time would cost more than what it measures."""
        return self._time_s

    def now(self) -> datetime:
        """The simulation's moment."""
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

    def sleep(self, seconds: float) -> None:
        """Let the nodes work on until that much time is over."""
        before = time.process_time()
        until = self._time_s + before - self._mark_s + seconds
        self._begin_pending(until - seconds)
        while self._events and self._events[0][0] <= until:
            at, _, worker, ticket = heapq.heappop(self._events)
            self._work(at, worker, ticket)
        if until >= self._next_beat:
            self._beat()
            self._next_beat = until + BEAT_S
        self._time_s, self._mark_s = until, time.process_time()
        self.own_cpu_s += self._mark_s - before

    def version(self) -> str:
        """There is one."""
        return self.tested

    def jobs(self) -> dict[str, Job]:
        """All jobs."""
        self.lists += 1
        return dict(self._jobs)

    def submit(self, order: Order) -> None:
        """A job, which gets its place when the nodes work on."""
        self._jobs[order.id] = Job(order.id, PENDING, "", str(order.spool))
        self._pending.append(order.id)

    def stop(self, job_id: str) -> None:
        """End a job at once."""
        if job_id in self._jobs and self._jobs[job_id].status in LIVING:
            self._jobs[job_id] = replace(self._jobs[job_id], status=SUCCEEDED)

    kill = stop

    def delete(self, job_id: str) -> None:
        """Forget a job."""
        self._jobs.pop(job_id, None)

    def last_words(self, job_id: str) -> str:
        """None of them says anything."""
        return ""

    def nodes(self) -> tuple[Node, ...]:
        """One core each."""
        return tuple(Node(f"node-{number}", {"CPU": 1.0}) for number in range(self._places))

    def lifetime_s(self, timeout_s: float) -> float | None:
        """There is no limit."""
        return None

    def record(self) -> dict[str, Any]:
        """Nobody finds these again."""
        return {"runner": "simulated"}

    def _begin_pending(self, at: float) -> None:
        running = sum(job.status == RUNNING for job in self._jobs.values()) if self._pending else 0
        while self._pending and running < self._places:
            job = self._jobs[self._pending.popleft()]
            self._jobs[job.id] = replace(job, status=RUNNING)
            running += 1
            file = _worker_file(job)
            who = Identity(1, running, KIND)
            replace_json(file, {**load_json(file), **asdict(who), "kind": KIND})
            self._push(at, job.id, "")

    def _work(self, at: float, job_id: str, ticket: str) -> None:
        """What a worker does at a moment: it ends the leg that it has, if any, and takes the next one."""
        job = self._jobs.get(job_id)
        if job is None or job.status != RUNNING:
            return
        spool = Path(job.spool)
        if ticket:
            _end(spool, ticket, job_id, self._leg_s)
        taken = self._claim(spool, job_id)
        self._push(at + (self._leg_s if taken else IDLE_LOOK_S), job_id, taken)

    def _claim(self, spool: Path, job_id: str) -> str:
        """The next ticket, as a worker claims it; nodes share a listing, of which a real worker makes one a claim."""
        if not self._listing:
            self._listing.extend(sorted(os.listdir(spool / "queue"))[:LISTED_AT_ONCE])
        while self._listing:
            ticket = self._listing.popleft()
            if not (spool / "legs" / ticket.partition("-")[2] / "leg.json").exists():
                continue
            with contextlib.suppress(FileNotFoundError):
                os.rename(spool / "queue" / ticket, _claim_path(spool, ticket, job_id))
                return ticket
        return ""

    def _push(self, at: float, job_id: str, ticket: str) -> None:
        self._count += 1
        heapq.heappush(self._events, (at, self._count, job_id, ticket))

    def _beat(self) -> None:
        for job in self._jobs.values():
            if job.status == RUNNING:
                os.utime(_worker_file(job))


def _worker_file(job: Job) -> Path:
    return Path(job.spool) / "workers" / job.id.removeprefix(PREFIX) / "worker.json"


def _claim_path(spool: Path, ticket: str, job_id: str) -> Path:
    return spool / "claimed" / f"{ticket}~{job_id.removeprefix(PREFIX)}"


def _end(spool: Path, ticket: str, job_id: str, leg_s: float) -> None:
    """What a worker's leg leaves behind, in the order in which a worker writes it."""
    folder = spool / "legs" / ticket.partition("-")[2]
    values: Mapping[str, float] = load_json(folder / "hyperparameters.json")
    who = Identity(1, 1, KIND)
    if begin_once(folder, {"nonce": job_id, **asdict(who)}):
        report = {"step": 10, "metrics": {"score": -abs(float(values["lr"]) - 0.01)}}
        (folder / "report.jsonl").write_text(json.dumps(report) + "\n")
        cost = {"seconds": leg_s, "cpu_s": leg_s, "peak_memory_bytes": 1 << 20, "node": KIND}
        write_end(folder, end_of_leg(None, {"process": "exited", "exit_code": 0, **cost}))
    _claim_path(spool, ticket, job_id).unlink(missing_ok=True)
