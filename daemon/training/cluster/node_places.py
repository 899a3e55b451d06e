"""Which kind of node is at which address, as workers tell, so that a worker can be asked for on a kind of node."""

from collections.abc import Callable
from pathlib import Path

from ....strategies.errors import ClusterAway
from ...durable_files import read_json
from .jobs import Jobs
from .needs import Needs

PATIENCE_S = 60.0


class NodePlaces:
    """The nodes of one cluster as the workers of one spool have come to know them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._kinds: dict[str, str] = {}  # by address
        self._told: set[str] = set()  # workers that said where they stand
        self._asked: dict[str, float] = {}  # workers that were asked for at an address, and when
        self._tries = 0

    def learn(self, worker: str, place: str, record: Path) -> None:
        """Where a living worker stands, and on what, once it has said it in its record."""
        if not place or worker in self._told:
            return
        kind = str((read_json(record) or {}).get("kind") or "")
        if kind:
            self._told.add(worker)
            self._kinds[place] = kind

    def find(self, kind: str, needs: Needs, waits: Callable[[str], bool]) -> str:
        """The address of a living node of this kind that such a worker fits on, else of one whose kind is not known,
        another one at each call; empty where there is none, the cluster is away, or a worker waits for such a place."""
        if any(map(waits, self._asked)):
            return ""
        try:
            fitting = sorted(node.address for node in self._jobs.nodes() if needs.fit(node.resources))
        except ClusterAway:
            return ""
        known = [address for address in fitting if self._kinds.get(address) == kind]
        candidates = known or [address for address in fitting if address not in self._kinds]
        self._tries += 1
        return candidates[self._tries % len(candidates)] if candidates else ""

    def note_asked(self, worker: str, place: str, now_s: float) -> None:
        """A worker was asked for at an address, if it was."""
        if place:
            self._asked[worker] = now_s

    def has_waited(self, worker: str, now_s: float) -> bool:
        """Whether a worker that was asked for at an address has waited for it for so long that others need its slot."""
        return worker in self._asked and now_s - self._asked[worker] > PATIENCE_S
