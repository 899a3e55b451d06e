"""Whether the nodes of a cluster see the shared folder and can start a worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...clock import Clock
from .asked_nodes import ask
from .jobs import Jobs, Node
from .needs import Needs


@dataclass(frozen=True, slots=True)
class Probed:
    """What a node said: its name and its Python's version; or why it cannot train, as a clause. `waited`: it had no
    place for the question."""

    address: str
    said: str = ""
    fault: str = ""
    waited: bool = False


def probe(jobs: Jobs, nodes: Sequence[Node], shared: Path, python: str, clock: Clock) -> tuple[Probed, ...]:
    """What the first nodes say. Raises ClusterAway."""
    answers = ask(jobs, nodes, shared, python, ("--probe",), clock, Needs())
    return tuple(
        Probed(answer.node.address, " ".join(answer.text.split())[:100], answer.fault, answer.waited)
        for answer in answers
    )
