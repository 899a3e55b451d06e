"""The only module that reads the time, and the only one that waits."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time source of the service; tests pass their own."""

    def now(self) -> datetime:
        """The present moment, aware and in UTC. It may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back. For waits and durations only."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
