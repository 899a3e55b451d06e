"""The service's heartbeat: a fact in the database each round, a ping to systemd's watchdog, and a request to a URL.

The service runs it as two parts: `begin` as the very first, `end` as the very last.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

import requests

from ...strategies.errors import DiskFull
from ..clock import Clock
from ..state.faults import get_fact, newest_fault, note_fault, parts_failed_since, set_fact
from ..state.outbox import FirstDue, first_due, place_of
from ..state.store import Store, to_text

PULSE_EVERY_S = 60.0
PULSE_TIMEOUT_S = 10.0
PART = "heartbeat"
NOT_OURS = frozenset({PART, "campaign"})
"""Parts whose faults are not faults of the round: a training that fails, and the receiver of our own heartbeat."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What shows that the service is alive: rounds done, the last round in the database, the message longest due."""

    tick: int
    tick_in_database: int
    first_due: FirstDue | None


def why_stuck(before: Movement | None, after: Movement) -> str:
    """Why the watchdog is not pinged now; empty where round, database and outbox all moved since `before`.

    An outbox with nothing due counts as moving; so does one whose receiver is down, because its messages are tried: the
    one that is longest due is then another one, or was tried more often.
    """
    if before is None:
        return "" if after.tick == after.tick_in_database else "the database did not keep the round"
    if after.tick <= before.tick:
        return "no round since the last time"
    if after.tick_in_database <= before.tick_in_database:
        return "the database did not keep the round"
    if after.first_due is not None and after.first_due == before.first_due:
        return f"message {after.first_due.id} is due and was not tried"
    return ""


class Pulse:
    """Requests a URL (GET), at most once a minute, in a separate thread, so that no round ever waits for it."""

    def __init__(self, url: str, clock: Clock, timeout_s: float = PULSE_TIMEOUT_S) -> None:
        self._url, self._clock, self._timeout_s = url, clock, timeout_s
        self._thread: threading.Thread | None = None
        self._sent_at: float | None = None
        self._failure: str | None = None

    def beat(self) -> str | None:
        """Send the request, unless one was sent within the last minute; why the previous one failed, reported once."""
        if self._thread is not None and self._thread.is_alive():
            return None
        failure, self._failure = self._failure, None
        now_s = self._clock.monotonic()
        if self._sent_at is None or now_s - self._sent_at >= PULSE_EVERY_S:
            self._sent_at = now_s
            self._thread = threading.Thread(target=self._request, name="heartbeat", daemon=True)
            self._thread.start()
        return failure

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for the answer, at most `timeout_s`."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _request(self) -> None:
        # the address may contain a key: only its host is reported, never the error's text, which repeats it
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(self._url, timeout=self._timeout_s, allow_redirects=False, stream=True)
                answer.close()
            failure = None if 200 <= answer.status_code < 300 else f"HTTP status {answer.status_code}"
        except (requests.RequestException, ValueError, OSError) as error:
            failure = type(error).__name__
        self._failure = None if failure is None else f"the heartbeat to {place_of(self._url)} failed: {failure}"


class Heartbeat:
    """Measures and records each round, and pings the watchdog where everything moved."""

    def __init__(self, store: Store, clock: Clock, feed: Callable[[], object], pulse: Pulse | None = None) -> None:
        """`feed`: pings systemd's watchdog."""
        self._store, self._clock, self._feed, self._pulse = store, clock, feed, pulse
        self._started_at = to_text(clock.now())
        self._tick = 0
        self._began_s = clock.monotonic()
        self._last_fault = 0
        self._fed: Movement | None = None
        self.is_read_only: Callable[[], bool] = lambda: False
        """Whether the disk is full; messages are then deliberately not tried."""
        self.first_due: Callable[[], FirstDue | None] = lambda: first_due(store, clock.now())
        """The message that should have been tried; one that waits for its address to be free is none."""

    def begin(self) -> None:
        """Note the start of a round."""
        self._began_s = self._clock.monotonic()
        self._last_fault = newest_fault(self._store)

    def end(self) -> None:
        """Record the end of a round; ping the watchdog and send the pulse where everything moved."""
        self._tick += 1
        failed = self._failed_parts()
        try:
            self._write(failed)
        except DiskFull:
            self._feed()  # a restart would not free the disk, and the database has just been read
            return
        movement = self._movement()
        stuck = why_stuck(self._fed, movement)
        if stuck:
            note_fault(self._store, PART, f"the watchdog is not fed: {stuck}", self._clock.now())
            return
        self._fed = movement
        self._feed()
        if self._pulse is not None and not failed:
            failure = self._pulse.beat()
            if failure is not None:
                note_fault(self._store, PART, failure, self._clock.now())

    def _write(self, failed: tuple[str, ...]) -> None:
        value = {
            "pid": os.getpid(),
            "started_at": self._started_at,
            "tick": self._tick,
            "tick_s": round(self._clock.monotonic() - self._began_s, 6),
            "failed": list(failed),
        }
        set_fact(self._store, "heartbeat", value, self._clock.now())

    def _movement(self) -> Movement:
        fact = get_fact(self._store, "heartbeat")
        due = None if self.is_read_only() else self.first_due()
        return Movement(self._tick, 0 if fact is None else fact[0]["tick"], due)

    def _failed_parts(self) -> tuple[str, ...]:
        return tuple(part for part in parts_failed_since(self._store, self._last_fault) if part not in NOT_OURS)
