"""What carries legs out: the protocol that every runner keeps."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ...strategies.records import LegRequest, LegResult
from ...strategies.search.median_stopping import StopRule


class Runner(Protocol):
    """What carries legs out: local workers here, another machine elsewhere."""

    @property
    def waits(self) -> str:
        """Why no leg is trained though some wait, as of the last poll; empty where nothing stands in their way."""

    def submit(
        self, requests: Sequence[LegRequest], among: Sequence[LegRequest] = (), rule: StopRule | None = None
    ) -> None:
        """Queue legs; those known by name are left alone. `among`: all legs that they were asked for with. `rule`:
        says which of them are stopped early."""

    def poll(self) -> Mapping[str, LegResult]:
        """Legs that ended since the last call; on the first call all that ever ended."""

    def stop(self, grace_s: float = 10.0) -> None:
        """End all workers and everything they started."""
