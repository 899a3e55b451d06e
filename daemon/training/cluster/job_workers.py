"""The workers of one spool as jobs on a cluster, of whichever engine: one job a worker, found again by an id of ours.

An engine may take a job's place away and queue it again. Each life of a job is a worker of its own, so that what an
earlier one still writes counts for nothing: the first has the job's id, the next ones a number behind it.
"""

import contextlib
import json
import math
import os
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ....strategies.errors import CampaignFailed, ClusterAway
from ...clock import Clock
from ...durable_files import read_json, write_json
from ...foreign_files import remove
from ...processes import Identity, identity_from
from ..spool import Spool
from ..worker_lives import first_and_life, worker_in_life
from ..worker_pool import DEADLINE_S, FAILED_STARTS, bury_folder
from .job_list import JobList
from .jobs import FAILED, PENDING, PREFIX, RUNNING, SUSPENDED, Job, Jobs, Order
from .needs import Needs
from .node_places import NodePlaces

LOOK_EVERY_S = 1.0  # at the file of a worker, which shows minutes of silence
KILL_PATIENCE_S = 10.0
KILL_PAUSE_S = 0.2
WAITING_PATIENCE_S = 8.0
LEAST_WAITING = 3  # workers that may wait for a place, however few run
NODES_OWN = ("PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")
ACCELERATORS = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


@dataclass(frozen=True, slots=True)
class Starter:
    """How a worker is started on a node: by which Python, with which program, needs and variables. `deadline_s`: what
    the worker is told; `lifetime_s`: what its job is given, None where the cluster sets no limit."""

    python: str
    program: Path
    needs: Needs
    environment: Mapping[str, str]
    deadline_s: float = DEADLINE_S
    lifetime_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Sign:
    """When a worker last showed that it moves: the time of its file, and by this machine's clock when that was seen
    first and looked at last."""

    file_at: float
    moved_at_s: float
    looked_at_s: float = 0.0


class JobWorkers:
    """The workers of one spool folder, as jobs. Where the cluster is away, each counts as alive: it may write on."""

    def __init__(self, spool: Spool, jobs: Jobs, clock: Clock, starter: Starter | None = None) -> None:
        """`starter` None: none is started here, they are only looked after."""
        self._spool = spool
        self._jobs = jobs
        self._clock = clock
        self._starter = starter
        self._jobs_known = JobList(jobs, clock)
        self._reaped: dict[str, Job] | None = None  # the list that was gone through last
        self._refused = ""  # why the last start was refused for now
        self._room: tuple[dict[str, Job] | None, int] = (None, 0)  # how many may be started, by which list
        self._moved: dict[str, _Sign] = {}
        self._told_to_end: dict[str, float] = {}
        self._noted: set[str] = set()
        self._failed_starts = self._took_back = 0
        self._places = NodePlaces(jobs)

    def present(self) -> tuple[str, ...]:
        """The workers that are not buried yet, alive or dead."""
        names = sorted(os.listdir(self._spool.workers))
        return tuple(name for name in names if os.path.exists(f"{self._spool.workers}/{name}/worker.json"))

    def is_alive(self, worker: str) -> bool:
        """Whether its job waits or runs, and is not in a later life.

        One that was told to end and waits for a place a while later counts as ended: the cluster cannot take it back,
        but it finds its folder gone when it starts, and ends.
        """
        listed = self._list()
        if listed is None:
            return True
        job = listed.get(_job(worker))
        if job is None or not job.is_living or _is_over(worker, job):
            return False
        told_s = self._clock.monotonic() - self._told_to_end.get(worker, math.inf)
        return job.status != PENDING or told_s < WAITING_PATIENCE_S

    def silent_s(self, worker: str, now_s: float) -> float:
        """Seconds since its file was last seen to move; the nodes' clocks are compared with none of ours."""
        sign = self._moved.get(worker)
        if sign is not None and 0.0 <= now_s - sign.looked_at_s < LOOK_EVERY_S:
            return now_s - sign.moved_at_s
        try:
            file_at = (self._spool.workers / worker / "worker.json").stat().st_mtime
        except FileNotFoundError:
            return 0.0
        if sign is None and self._identity(worker) is None:
            return 0.0  # it waits for a place
        job = (self._list() or {}).get(_job(worker))
        if job is not None and job.status == SUSPENDED:
            return 0.0  # it is held
        if sign is None or sign.file_at != file_at:
            sign = _Sign(file_at, now_s)
        self._moved[worker] = replace(sign, looked_at_s=now_s)
        return now_s - sign.moved_at_s

    def has_room(self) -> bool:
        """Whether the cluster answers, and does not keep too many of our workers waiting for a place."""
        listed = self._list()
        if listed is None:
            return False
        if self._room[0] is not listed:
            states = Counter(listed[_job(worker)].status for worker in self.present() if _job(worker) in listed)
            self._room = (listed, max(LEAST_WAITING, states[RUNNING]) - states[PENDING])
        return self._room[1] > 0

    def refusal(self) -> str:
        """Why the cluster gave no worker a place for now: it is away, or the last start was refused."""
        return self._jobs_known.why_away or self._refused

    def misplaced(self) -> tuple[str, ...]:
        """None: the cluster gives places."""
        return ()

    def start(self, kind: str = "") -> str:
        """A new worker's id. Its folder is there before its job: one whose start was not answered is known, too. For a
        kind of node it is asked for on a node that may be of it, one worker at a time."""
        if self._starter is None:
            raise CampaignFailed("no worker can be started here")
        worker, starter = secrets.token_hex(8), self._starter
        folder = self._prepare(worker, starter)
        program = starter.program / "daemon" / "training" / "node"
        argv = (starter.python, "-I", "-S", "-B", str(program), str(self._spool.folder), worker)
        place = self._places.find(kind, starter.needs, self._waits_for_place) if kind else ""
        order = Order(_job(worker), argv, starter.needs, self._spool.folder, lifetime_s=starter.lifetime_s, place=place)
        self._places.note_asked(worker, place, self._clock.monotonic())
        try:
            self._jobs.submit(order)
            self._jobs_known.add(order)
            self._refused = ""
            self._room = (self._room[0], self._room[1] - 1)
        except ClusterAway as error:  # whether it was started, the list will show
            self._refused = error.found
            self._jobs_known.note_away()
        except CampaignFailed:
            remove(folder)
            raise
        return worker

    def reap(self) -> None:
        """Take note of jobs that ended before their worker began. Raises CampaignFailed when they do so repeatedly."""
        listed = self._list()
        if listed is None or listed is self._reaped:
            return
        present = self.present()
        self._forget_ended(listed, present)
        for worker in present:
            job = listed.get(_job(worker))
            if job is not None and job.is_living:
                self._places.learn(worker, job.place, self._spool.workers / worker / "worker.json")
                if job.status == PENDING and self._places.has_waited(worker, self._clock.monotonic()):
                    self.terminate(worker)
                if _is_over(worker, job):
                    self._begin_again(job)
                continue
            if worker in self._noted:
                continue
            self._noted.add(worker)
            if self._identity(worker) is not None:
                self._failed_starts = 0
            elif job is None or job.waited_in_vain or job.status != FAILED:
                self._took_back += 1
            else:
                self._note_failure(worker, job)
        self._reaped = listed

    def took_back(self) -> int:
        """How many workers ended without ever having had a place to run, since the last call."""
        count, self._took_back = self._took_back, 0
        return count

    def terminate(self, worker: str) -> None:
        """Ask a living worker to put its leg back and end."""
        self._told_to_end.setdefault(worker, self._clock.monotonic())
        self._end(self._jobs.stop, worker)

    def kill(self, worker: str, also: tuple[Identity, ...], sleep: Callable[[float], None]) -> bool:
        """End its job at once. False where it may live on."""
        if not self.is_alive(worker):
            return True
        self._told_to_end.setdefault(worker, self._clock.monotonic())
        self._end(self._jobs.kill, worker)
        until = self._clock.monotonic() + KILL_PATIENCE_S
        while self.is_alive(worker) and self._list() is not None and self._clock.monotonic() < until:
            sleep(KILL_PAUSE_S)
        return self._list() is not None and not self.is_alive(worker)

    def bury(self, worker: str) -> None:
        """Forget a dead worker, and its job unless that lives on."""
        folder = self._spool.workers / worker
        remove(folder / "environment.json")
        bury_folder(folder)
        self._moved.pop(worker, None)
        self._told_to_end.pop(worker, None)
        job = (self._list() or {}).get(_job(worker))
        if job is None or not (job.is_living and _is_over(worker, job)):
            with contextlib.suppress(ClusterAway):
                self._jobs.delete(_job(worker))

    def strays(self, holders: Collection[str]) -> tuple[str, ...]:
        """Holders of claims that were buried while they were out of sight."""
        present = set(self.present())
        return tuple(sorted(holder for holder in holders if holder not in present))

    def _list(self) -> dict[str, Job] | None:
        """The cluster's jobs, as of a moment ago at most; None while it is away."""
        return self._jobs_known.read(is_hurried=bool(self._told_to_end))

    def _end(self, act: Callable[[str], None], worker: str) -> None:
        """Have the cluster do something about a worker's job."""
        self._jobs_known.drop()
        with contextlib.suppress(ClusterAway):
            act(_job(worker))

    def _prepare(self, worker: str, starter: Starter) -> Path:
        """A worker's folder, which is there before its job: one whose start was not answered is known, too."""
        folder = self._spool.workers / worker
        folder.mkdir()
        _write_privately(folder / "environment.json", starter.environment)
        order = {"nonce": worker, "deadline_s": starter.deadline_s, "gpus": [], "ends_when_buried": True}
        write_json(folder / "worker.json", order)
        return folder

    def _begin_again(self, job: Job) -> None:
        """Expect the worker that is the next life of a job; without one here, it ends as soon as it begins."""
        worker = worker_in_life(job.id.removeprefix(PREFIX), job.lives_over)
        if self._starter is not None and not self._told_to_end and not (self._spool.workers / worker).exists():
            self._prepare(worker, self._starter)

    def _forget_ended(self, listed: Mapping[str, Job], present: Sequence[str]) -> None:
        """Have the cluster forget jobs of this spool whose workers are buried."""
        looked_after, spool = {_job(worker) for worker in present}, str(self._spool.folder)
        for job in listed.values():
            if job.spool == spool and job.id not in looked_after and not job.is_living:
                with contextlib.suppress(ClusterAway):
                    self._jobs.delete(job.id)

    def _note_failure(self, worker: str, job: Job) -> None:
        self._failed_starts += 1
        if self._failed_starts < FAILED_STARTS:
            return
        words = ""
        with contextlib.suppress(ClusterAway):
            words = self._jobs.last_words(job.id)
        raise CampaignFailed(
            f"{self._failed_starts} workers in a row failed on the cluster, the last one with:"
            f" {words or job.message[:300]}",
            "a node needs the shared folder at the same path, and python of [workers]",
            "retuned doctor looks at each node",
        )

    def _waits_for_place(self, worker: str) -> bool:
        """Whether a worker is there that has not begun."""
        return (self._spool.workers / worker / "worker.json").exists() and self._identity(worker) is None

    def _identity(self, worker: str) -> Identity | None:
        """Who it is on its node; None while it waits."""
        return identity_from(read_json(self._spool.workers / worker / "worker.json") or {})


def _job(worker: str) -> str:
    return PREFIX + first_and_life(worker)[0]


def _is_over(worker: str, job: Job) -> bool:
    """Whether the job lost the place that this worker had in it."""
    return first_and_life(worker)[1] < job.lives_over


def _write_privately(path: Path, environment: Mapping[str, str]) -> None:
    """What the node's program makes the worker's environment of; it may hold secrets."""
    told = {name: value for name, value in environment.items() if name not in NODES_OWN}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"kept": [*NODES_OWN, *ACCELERATORS], "set": told}, file)
