"""Slurm by its plain commands: sbatch, squeue, sacct, scancel and sinfo. One job a worker.

Numbers of jobs are used again, so a job is known by its name, which is drawn at random, its comment, which names the
folder that it works for, its user, and of several the one that was submitted last. Nothing else is ever cancelled.
Source: the manual pages of Slurm 22.05.
"""

import math
import os
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ....strategies.errors import CampaignFailed, ClusterAway, InputError
from ...foreign_files import read_plain
from .jobs import FAILED, MARGIN_S, PENDING, PREFIX, RUNNING, SUCCEEDED, SUSPENDED, Job, Node, Order
from .slurm_commands import (
    TIMEOUT_S,
    away,
    complaint,
    is_gone_already,
    missing_commands,
    not_installed,
    refused,
    run_slurm,
    said_by,
)
from .slurm_options import SlurmOptions, output_of, sbatch_words, script_of

COMMANDS = ("sbatch", "squeue", "sacct", "scancel", "sinfo")
TESTED = "22.05"
LOOK_EVERY_S = 5.0  # each look costs the controller something
LISTED_FOR_S = 1.0  # what is not on a list so new is not looked for again, unless we have just submitted it
AWAY_FOR_S = 5.0  # a controller that did not answer is not asked to end jobs, one by one: each would wait for long
DEFAULT_LIFETIME_S = 3600.0  # beyond the longest training
_LARGEST_LOG_BYTES = 1 << 20
_FORMAT = "JobID:24|,RestartCnt:8|,State:24|,SubmitTime:24|,Reason:80|,Name:80|,Comment:1001"
_WAITS = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
)
_HELD = frozenset({"SUSPENDED", "STOPPED"})
_NEVER_RAN = frozenset({"CANCELLED", "REVOKED", "DEADLINE", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL"})
_OVER = frozenset({"COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY"}) | _NEVER_RAN
_HOPELESS = ("BadConstraints", "InvalidAccount", "InvalidQOS", "PartitionTimeLimit", "launch failed requeued held",
             "launch_failed_requeued_held")  # fmt: skip
_USABLE_NODES = frozenset({"idle", "mixed", "allocated", "completing", "reserved", "planned"})
_GRES = re.compile(r"([^:,()]+)(?::([^:,()]+))?:(\d+)(?:\([^)]*\))?")


@dataclass(frozen=True, slots=True)
class _Row:
    """A job of ours as squeue lists it; `is_queued`: it has no place, whatever we think of its chances."""

    number: str
    job: Job
    submitted: str
    is_queued: bool


class SlurmJobs:
    """The jobs of this user at the controller that Slurm's own configuration names."""

    def __init__(self, options: SlurmOptions, timeout_s: float = TIMEOUT_S, look_every_s: float = LOOK_EVERY_S) -> None:
        self._options = options
        self._timeout_s = timeout_s
        self._look_every_s = look_every_s
        self._rows: dict[str, _Row] = {}
        self._taken: dict[str, Order] = {}  # orders that the controller took from this process
        self._ended: dict[str, Job] = {}  # of those, what it does not list any more
        self._listed_at = self._away_until = -math.inf
        self._forgotten: set[str] = set()  # what ended, and the controller goes on to list for minutes

    @property
    def name(self) -> str:
        """What a message calls it."""
        return "the Slurm cluster"

    @property
    def tested(self) -> str:
        """The version that retuned is tested with."""
        return TESTED

    @property
    def look_every_s(self) -> float:
        """Seconds between two lists of jobs."""
        return self._look_every_s

    def version(self) -> str:
        """Slurm's version. Raises InputError for commands that are missing, and for a partition that is not known."""
        if missing := missing_commands(COMMANDS):
            raise not_installed(missing)
        known = said_by(("sinfo", "--noheader", "--format=%R"), self._timeout_s).split()
        unknown = [name for name in (self._options.partition or "").split(",") if name and name not in known]
        if unknown:
            raise InputError(
                f"the partition {unknown[0]} is not known to the Slurm controller",
                f"allowed: {', '.join(known)}",
                "correct partition under [workers]",
            )
        return said_by(("sinfo", "--version"), self._timeout_s).split()[-1]

    def jobs(self) -> dict[str, Job]:
        """All jobs of ours that the controller lists, those that ended a moment ago included, and those that this
        process submitted and that are listed no more."""
        words = ("squeue", "--states=all", "--noheader", f"--user={os.getuid()}", f"--Format={_FORMAT}")
        try:
            rows = _rows_of(said_by(words, self._timeout_s))
        except ClusterAway:
            self._away_until = time.monotonic() + AWAY_FOR_S
            raise
        self._rows = {name: row for name, row in rows.items() if name not in self._forgotten}
        self._forgotten &= rows.keys()
        self._listed_at = time.monotonic()
        listed = {name: row.job for name, row in self._rows.items()}
        for name, order in self._taken.items():
            if name not in listed and name not in self._ended:
                self._ended[name] = self._ask_accounting(order)
        return {**self._ended, **listed}

    def submit(self, order: Order) -> None:
        """Start a job. Its name is a new one: whether an earlier try was taken, the list says, which is read again
        before the next start. Raises CampaignFailed where the controller refuses it."""
        words = ("sbatch", *sbatch_words(self._options, order))
        done = run_slurm(words, self._timeout_s, script_of(shlex.join(order.argv)))
        if done.returncode != 0:
            raise refused(done.stderr)
        self._taken[order.id] = order

    def stop(self, job_id: str) -> None:
        """Ask a job to end; Slurm kills what does not follow within its KillWait."""
        self._cancel(job_id)

    def kill(self, job_id: str) -> None:
        """End a job, and what is left of it, at once."""
        self._cancel(job_id, "--signal=KILL", "--full")
        self._cancel(job_id)

    def delete(self, job_id: str) -> None:
        """Slurm forgets by itself; one that waits in vain is taken back, and the output is removed."""
        row = self._rows.get(job_id)
        if row is not None and row.is_queued:
            self._cancel(job_id)
        spool = self._spool_of(job_id)
        if spool is not None:
            output_of(job_id, spool).unlink(missing_ok=True)
        self._taken.pop(job_id, None)
        self._ended.pop(job_id, None)
        self._forgotten.add(job_id)

    def last_words(self, job_id: str) -> str:
        """The last line that a job printed; empty where there is none."""
        spool = self._spool_of(job_id)
        if spool is None:
            return ""
        try:
            log = read_plain(output_of(job_id, spool), _LARGEST_LOG_BYTES)
        except OSError:
            return ""
        lines = log.decode(errors="replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else ""

    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the partition, or of the default one, that are in order."""
        place = () if self._options.partition is None else (f"--partition={self._options.partition}",)
        words = ("sinfo", "--Node", "--noheader", "--format=%N|%T|%c|%m|%P|%G", *place)
        told = said_by(words, self._timeout_s)
        return tuple({node.address: node for node in _nodes_of(told, any_partition=bool(place))}.values())

    def lifetime_s(self, timeout_s: float) -> float | None:
        """What [workers] says, or an hour more than the longest training. Raises CampaignFailed where it is shorter."""
        least_s = timeout_s + 2 * MARGIN_S
        limit_s = self._options.time_limit_s
        if limit_s is None:
            return timeout_s + DEFAULT_LIFETIME_S
        if limit_s < least_s:
            raise CampaignFailed(
                f"a job may take {limit_s:.0f} s, and one training up to {timeout_s:.0f} s",
                f"allowed: time_limit of at least {math.ceil(least_s)} s for this model",
                "raise time_limit under [workers], or lower timeout under [training]",
            )
        return limit_s

    def record(self) -> dict[str, Any]:
        """The engine alone: where the controller is, Slurm's own configuration says."""
        return {"runner": "slurm"}

    def _cancel(self, job_id: str, *how: str) -> None:
        """Cancel a job by its number and its name together: the number alone may be another's by now."""
        if time.monotonic() < self._away_until:
            raise away("it did not a moment ago")
        is_old = time.monotonic() - self._listed_at > LISTED_FOR_S
        if job_id not in self._rows and (is_old or job_id in self._taken):
            self.jobs()
        row = self._rows.get(job_id)
        if row is None or not (row.job.is_living or row.is_queued):
            return
        done = run_slurm(
            ("scancel", *how, f"--user={os.getuid()}", f"--name={job_id}", row.number), self._timeout_s
        )  # fmt: skip
        if done.returncode != 0 and not is_gone_already(done.stderr):
            raise away(complaint(done.stderr, "scancel"))

    def _spool_of(self, job_id: str) -> Path | None:
        if job_id in self._taken:
            return self._taken[job_id].spool
        return Path(self._rows[job_id].job.spool) if job_id in self._rows else None

    def _ask_accounting(self, order: Order) -> Job:
        """How a job ended that squeue lists no more; where nobody keeps accounts, it counts as failed."""
        words = ("sacct", "--noheader", "--parsable2", "--allocations", f"--name={order.id}", "--starttime=now-7days",
                 "--format=Submit,State")  # fmt: skip
        done = run_slurm(words, self._timeout_s)
        rows = sorted(line.split("|") for line in done.stdout.splitlines() if line.count("|") == 1)
        state = rows[-1][1].partition(" ")[0] if done.returncode == 0 and rows else ""
        message = f"Slurm says {state}" if state else "Slurm knows nothing of it any more"
        return Job(order.id, _ended_as(state), message, str(order.spool), state in _NEVER_RAN)


def _rows_of(text: str) -> dict[str, _Row]:
    """Our jobs among those that squeue lists; of two of one name the one that was submitted last."""
    rows: dict[str, _Row] = {}
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) < 7 or not parts[5].startswith(PREFIX):
            continue
        number, restarts, state, submitted, reason, name, comment = parts[:7]
        if not comment.startswith("/"):
            continue
        before = rows.get(name)
        if before is None or (before.submitted, int(before.number)) < (submitted, int(number)):
            job = _job(name, state, reason, restarts, comment)
            rows[name] = _Row(number, job, submitted, state in _WAITS)
    return rows


def _job(name: str, state: str, reason: str, restarts: str, comment: str) -> Job:
    again = int(restarts) if restarts.isdecimal() else 0
    if state == "COMPLETING":
        again = max(0, again - 1)  # it is queued again already, while what ran is still being ended
    status = _ended_as(state) if state in _OVER else RUNNING
    if state in _HELD:
        status = SUSPENDED
    elif state in _WAITS:
        status = FAILED if reason.startswith(_HOPELESS) else PENDING
    message = f"Slurm says {state}" + (f", {reason}" if reason != "None" else "")
    return Job(name, status, message, unquote(comment), state in _NEVER_RAN, again)


def _ended_as(state: str) -> str:
    return SUCCEEDED if state == "COMPLETED" else FAILED


def _nodes_of(text: str, *, any_partition: bool) -> Iterator[Node]:
    for line in text.splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 6:
            continue
        address, state, cpus, memory_mib, partition, gres = parts
        plain = state.rstrip("~#!%$@^+-")
        if plain in _USABLE_NODES and (any_partition or partition.endswith("*")):
            has = {"CPU": float(cpus), "memory": float(memory_mib.rstrip("+")) * 2**20, **_gres_in(gres)}
            yield Node(address, has, is_free=plain == "idle")


def _gres_in(text: str) -> Mapping[str, float]:
    """Generic resources by name, and with their type; GPUs as Ray calls them."""
    has: dict[str, float] = {}
    for name, kind, count in _GRES.findall(text if text != "(null)" else ""):
        for key in (name, *([f"{name}:{kind}"] if kind else [])):
            has[key] = has.get(key, 0.0) + float(count)
    return {"GPU": has.get("gpu", 0.0), **has}
