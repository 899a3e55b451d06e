"""The service's deliveries: beside its rounds, one at a time for each address; no receiver holds anything up."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..clock import Clock
from ..state.outbox import Message, claim_message, due_messages, give_up_cut_messages, place_of
from ..state.store import Store
from .posting import TRY_S, Outcome, Try
from .webhooks import CLAIM_S, Delivery, begin, settle

MOST_AT_ONCE = 16
MOST_READ = 200  # of the due messages, to find one for each address that is free


@dataclass(frozen=True, slots=True)
class _Lane:
    """A try that is under way, for the one address that it goes to."""

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
        for message in due_messages(self._store, now, MOST_READ):
            place = place_of(message.url)
            if len(self._lanes) >= MOST_AT_ONCE:
                break
            if place in self._lanes or not claim_message(self._store, message, now + timedelta(seconds=CLAIM_S)):
                continue
            trying = begin(message, now, self._environ, self._wake)
            self._lanes[place] = _Lane(message, trying, self._clock.monotonic() + TRY_S)
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

    def _settle(self) -> tuple[Delivery, ...]:
        done: list[Delivery] = []
        for place, lane in tuple(self._lanes.items()):
            outcome = lane.trying.outcome or self._overdue(lane)
            if outcome is not None:
                done.append(settle(self._store, lane.message, outcome, self._clock.now()))
                del self._lanes[place]
        return tuple(done)

    def _overdue(self, lane: _Lane) -> Outcome | None:
        return lane.trying.cut() if self._clock.monotonic() >= lane.ends_at else None
