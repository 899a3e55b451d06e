"""Whether the nodes of a cluster see the shared folder and can start a worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...clock import Clock
from .asked_nodes import ask
from .ray_jobs import Node, RayJobs


@dataclass(frozen=True, slots=True)
class Probed:
    """What a node said: its name and its Python's version; or why it cannot train, as a clause."""

    address: str
    said: str = ""
    fault: str = ""


def probe(jobs: RayJobs, nodes: Sequence[Node], shared: Path, python: str, clock: Clock) -> tuple[Probed, ...]:
    """What the first nodes say. Raises ClusterAway."""
    answers = ask(jobs, nodes, shared, python, ("--probe",), clock)
    return tuple(Probed(answer.node.address, " ".join(answer.text.split())[:100], answer.fault) for answer in answers)
