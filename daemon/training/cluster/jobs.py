"""What a cluster's engine does for us: the protocol that Ray's Jobs API and Slurm's commands keep, and its words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .needs import Needs

PREFIX = "retuned-"
"""How the ids of our jobs begin."""
PENDING = "PENDING"
RUNNING = "RUNNING"
SUSPENDED = "SUSPENDED"  # it has its place, and is held there
MARGIN_S = 120.0
"""Seconds at the end of a job's limited time by which its worker has nothing left to do."""
LIVING = frozenset({PENDING, RUNNING, SUSPENDED})
SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the cluster lists it.

    `waited_in_vain`: it ended without ever having had a place. `lives_over`: how many times it lost its place and was
    queued again by the cluster; what ran in those lives is gone. `place`: the address of the node that it came to,
    empty where the cluster does not tell.
    """

    id: str
    status: str
    message: str
    spool: str
    waited_in_vain: bool = False
    lives_over: int = 0
    place: str = ""

    @property
    def is_living(self) -> bool:
        """Whether it waits for a place, runs, or is held."""
        return self.status in LIVING


@dataclass(frozen=True, slots=True)
class Node:
    """A node that trainings may come to: its address, and its resources by Ray's names. `is_free`: a small job would
    start there at once, as far as is known."""

    address: str
    resources: Mapping[str, float]
    is_free: bool = True


@dataclass(frozen=True, slots=True)
class Order:
    """A job to be started, under an id of ours. `spool`: the folder that it works for. `node`: where it is to be asked
    on one node alone, with as little as possible. `place`: the address of the node that it shall come to, with all that
    it needs; empty: any. `lifetime_s`: how long it may take; None: as long as it likes."""

    id: str
    argv: tuple[str, ...]
    needs: Needs
    spool: Path
    node: Node | None = None
    lifetime_s: float | None = None
    place: str = ""


class Jobs(Protocol):
    """The jobs of a cluster. Each call raises ClusterAway where it does not answer for now."""

    @property
    def name(self) -> str:
        """What a message calls the cluster: "the cluster at http://head:8265"."""

    @property
    def tested(self) -> str:
        """The version of the engine that retuned is tested with; others begin differently."""

    @property
    def look_every_s(self) -> float:
        """Seconds between two looks at the list of jobs, while nothing hurries."""

    def version(self) -> str:
        """The engine's version. Raises InputError for what cannot be used."""

    def jobs(self) -> dict[str, Job]:
        """All jobs of retuned that the cluster knows, by id."""

    def submit(self, order: Order) -> None:
        """Start a job; one that exists is left alone. Raises CampaignFailed where the cluster refuses it."""

    def stop(self, job_id: str) -> None:
        """Ask a job to end; one that is not known has ended."""

    def kill(self, job_id: str) -> None:
        """End a job that was asked to end and did not."""

    def delete(self, job_id: str) -> None:
        """Have the cluster forget a job that has ended."""

    def last_words(self, job_id: str) -> str:
        """The last line that a job printed; empty where there is none."""

    def nodes(self) -> tuple[Node, ...]:
        """The nodes that trainings may come to now."""

    def lifetime_s(self, timeout_s: float) -> float | None:
        """Seconds that a job may take whose trainings take up to `timeout_s` each; None: there is no limit. Raises
        CampaignFailed where the limit is too short for one of them."""

    def record(self) -> dict[str, Any]:
        """How a process without the configuration finds these jobs again, as values that JSON can hold."""
