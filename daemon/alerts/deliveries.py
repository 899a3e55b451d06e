"""The service's deliveries: beside its rounds, one at a time for each address; no receiver holds anything up."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..clock import Clock
from ..state.outbox import (
    FirstDue,
    Message,
    Outcome,
    claim_message,
    due_by_address,
    due_messages,
    give_up_cut_messages,
    place_of,
)
from ..state.store import Store
from .posting import TRY_S, Try
from .webhooks import CLAIM_S, Delivery, begin, settle

MOST_AT_ONCE = 16
MOST_A_HOST = 4
"""Tries at once to one host: two channels of a chat service do not wait for each other, nor do hundreds storm it."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """A try that is under way, for the one address, path and query included, that it goes to."""

    message: Message
    trying: Try
    ends_at: float  # by the clock that nobody sets


class Deliveries:
    """Tries under way. Only `step` and `stop` touch the database, in the caller's thread."""

    def __init__(
        self, store: Store, clock: Clock, wake: Callable[[], None], environ: Mapping[str, str] = os.environ
    ) -> None:
        """`wake` is called, from another thread, when a try has ended and `step` can record it."""
        self._store = store
        self._clock = clock
        self._wake = wake
        self._environ = environ
        self._lanes: dict[str, _Lane] = {}

    def step(self) -> tuple[Delivery, ...]:
        """Record the tries that ended or lasted too long, and begin what is due; those that ended."""
        ended = self._settle()
        now = self._clock.now()
        if not due_messages(self._store, now, 1):
            return ended
        give_up_cut_messages(self._store, now)
        for message in self._waiting():
            if not claim_message(self._store, message, now + timedelta(seconds=CLAIM_S)):
                continue
            trying = begin(message, now, self._environ, self._wake)
            self._lanes[message.url] = _Lane(message, trying, self._clock.monotonic() + TRY_S)
        return ended

    def stop(self) -> None:
        """Cut what is under way: it was counted when it began, and is tried again when its claim ends."""
        for lane in self._lanes.values():
            lane.trying.cut()
        self._lanes.clear()

    @property
    def seconds_left(self) -> float | None:
        """When the first try is to be cut; None while none is under way."""
        now = self._clock.monotonic()
        return min((max(0.0, lane.ends_at - now) for lane in self._lanes.values()), default=None)

    def first_waiting(self) -> FirstDue | None:
        """The message that has been due for longest and waits for no other one, or one whose try should be over."""
        now = self._clock.monotonic()
        overdue = [lane.message for lane in self._lanes.values() if now >= lane.ends_at]
        first = next(iter((*overdue, *self._waiting())), None)
        return None if first is None else FirstDue(first.id, first.attempts, first.next_attempt_at)

    def _waiting(self) -> tuple[Message, ...]:
        """Due messages that can be tried now, one an address: a long queue of one keeps no other waiting."""
        free = MOST_AT_ONCE - len(self._lanes)
        if free <= 0:
            return ()
        waiting, busy = list[Message](), Counter(map(place_of, self._lanes))
        for message in due_by_address(self._store, self._clock.now()):
            place = place_of(message.url)
            if message.url not in self._lanes and busy[place] < MOST_A_HOST:
                busy[place] += 1
                waiting.append(message)
        return tuple(waiting[:free])

    def _settle(self) -> tuple[Delivery, ...]:
        done: list[Delivery] = []
        for url, lane in tuple(self._lanes.items()):
            outcome = lane.trying.outcome or self._overdue(lane)
            if outcome is not None:
                done.append(settle(self._store, lane.message, outcome, self._clock.now()))
                del self._lanes[url]
        return tuple(done)

    def _overdue(self, lane: _Lane) -> Outcome | None:
        return lane.trying.cut() if self._clock.monotonic() >= lane.ends_at else None
