"""Connections that send nothing, or too slowly: they are closed after a while, and do not keep out those that send."""

import asyncio
import resource
import time
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from ..logs import log

HEADER_TIMEOUT_S = 10.0  # from the connection, or the last answer, to a whole request header
MOST_CONNECTIONS = 512
RESERVED_FILES = 64  # file descriptors that connections leave to the rest of the service
LOGGED_EVERY_S = 60.0


def most_connections() -> int:
    """How many connections may be open at once, with the file descriptors that this process has."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = MOST_CONNECTIONS if files == resource.RLIM_INFINITY else files - RESERVED_FILES
    return max(8, min(MOST_CONNECTIONS, room))


class Connection(H11Protocol):
    """One connection. While it has no request it is idle: it has a deadline, and where connections run out the one that
    has been idle for longest is closed for a new one."""

    most = MOST_CONNECTIONS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.most:
            self._close_one()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_more()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Read what has arrived; with a whole header the deadline ends."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self._deadline is not None

    def _wait(self) -> None:
        self._wait_no_more()
        self._deadline = self.loop.call_later(HEADER_TIMEOUT_S, self._close)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self.transport.abort()

    def _close_one(self) -> None:
        """Close the connection that has been idle for longest; this one, the newest, where none is."""
        idle = [one for one in self.connections if isinstance(one, Connection) and one._deadline is not None]
        others = [one for one in idle if one is not self]
        oldest = min(others, key=lambda one: one._deadline.when() if one._deadline else 0.0, default=self)
        oldest._close()


class QuietErrors:
    """What the server's event loop does with errors of its own: a line in the log, at most once a minute.

    Without file descriptors accept() fails again and again, each time with a traceback.
    """

    def __init__(self) -> None:
        """Nothing was logged yet."""
        self._logged_at = -LOGGED_EVERY_S
        self._left_out = 0

    def __call__(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log one error of the event loop, or count it."""
        now = time.monotonic()
        if now - self._logged_at < LOGGED_EVERY_S:
            self._left_out += 1
            return
        error = context.get("exception")
        log.warning("api_failed_to_accept", error=str(error or context.get("message")), left_out=self._left_out)
        self._logged_at, self._left_out = now, 0
