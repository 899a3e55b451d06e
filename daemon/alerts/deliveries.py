"""The service's deliveries: beside its rounds, one at a time for each channel and address; none holds another up."""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clock import Clock
from ..config.channel_tables import AlertmanagerChannel
from ..state.channel_alerts import due_again, forget_channel, open_there, put_off
from ..state.outbox import (
    FirstDue,
    Message,
    Outcome,
    claim_message,
    due_by_address,
    due_messages,
    give_up_cut_messages,
    place_for,
    place_of,
)
from ..state.store import Store
from .channels import NO_CHANNELS, Outlet
from .posting import TRY_S, Attempt
from .webhooks import CLAIM_S, Delivery, begin, settle

CHANNEL = place_for("", "")
SOON_S = 30.0  # until a channel that could not be told again is
MOST_AT_ONCE = 16
MOST_A_HOST = 4
"""Tries at once to one host: two channels of a chat service do not wait for each other, nor do hundreds storm it."""


def _host_of(lane: str) -> str:
    """What lanes share: the host of an address; the host of a channel may be a secret, so each counts for itself."""
    return lane if lane.startswith(CHANNEL) else place_of(lane)


@dataclass(frozen=True, slots=True)
class _Lane:
    """A try that is under way, for the one channel, or address, path and query included, that it goes to.

    `message` None: a channel is told again of what is open there.
    """

    message: Message | None
    trying: Attempt
    ends_at: float  # by the clock that nobody sets


class Deliveries:
    """Tries under way. Only `step` and `stop` touch the database, in the caller's thread."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        wake: Callable[[], None],
        environ: Mapping[str, str] = os.environ,
        outlet: Outlet = NO_CHANNELS,
    ) -> None:
        """`wake` is called, from another thread, when a try has ended and `step` can record it."""
        self._store = store
        self._clock = clock
        self._wake = wake
        self._environ = environ
        self._outlet = outlet
        self._lanes: dict[str, _Lane] = {}

    def step(self) -> tuple[Delivery, ...]:
        """Record the tries that ended or lasted too long, and begin what is due; those that ended."""
        ended = self._settle()
        now = self._clock.now()
        self._tell_again(now)
        if not due_messages(self._store, now, 1):
            return ended
        give_up_cut_messages(self._store, now)
        for message in self._waiting():
            if not claim_message(self._store, message, now, now + timedelta(seconds=CLAIM_S)):
                continue
            trying = begin(self._store, message, now, self._environ, self._outlet, self._wake)
            self._lanes[message.lane] = _Lane(message, trying, self._clock.monotonic() + TRY_S)
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
        lanes = self._lanes.values()
        overdue = [lane.message for lane in lanes if lane.message is not None and now >= lane.ends_at]
        first = next(iter((*overdue, *self._waiting())), None)
        return None if first is None else FirstDue(first.id, first.attempts, first.next_attempt_at)

    def _waiting(self) -> tuple[Message, ...]:
        """Due messages that can be tried now, one an address: a long queue of one keeps no other waiting."""
        free = MOST_AT_ONCE - len(self._lanes)
        if free <= 0:
            return ()
        waiting, busy = list[Message](), Counter(map(_host_of, self._lanes))
        for message in due_by_address(self._store, self._clock.now()):
            place = _host_of(message.lane)
            if message.lane not in self._lanes and busy[place] < MOST_A_HOST:
                busy[place] += 1
                waiting.append(message)
        return tuple(waiting[:free])

    def _settle(self) -> tuple[Delivery, ...]:
        done: list[Delivery] = []
        for name, lane in tuple(self._lanes.items()):
            outcome = lane.trying.outcome or self._overdue(lane)
            if outcome is None:
                continue
            if lane.message is None:
                self._told_again(name.removeprefix(CHANNEL), outcome)
            else:
                done.append(settle(self._store, lane.message, outcome, self._clock.now(), self._outlet))
            del self._lanes[name]
        return tuple(done)

    def _tell_again(self, now: datetime) -> None:
        """Begin to tell channels that forget what is not repeated of all that is open there."""
        for name in due_again(self._store, now):
            channel, lane = self._outlet.channels.get(name), f"{CHANNEL}{name}"
            if not isinstance(channel, AlertmanagerChannel):
                forget_channel(self._store, name)
            elif lane not in self._lanes and len(self._lanes) < MOST_AT_ONCE:
                trying = self._outlet.begin_again(channel, open_there(self._store, name), now, self._wake)
                self._lanes[lane] = _Lane(None, trying, self._clock.monotonic() + TRY_S)

    def _told_again(self, name: str, outcome: Outcome) -> None:
        channel = self._outlet.channels[name]
        assert isinstance(channel, AlertmanagerChannel)
        wait_s = channel.every_s if outcome.error is None else max(min(channel.every_s, SOON_S), outcome.wait_s)
        put_off(self._store, name, self._clock.now() + timedelta(seconds=wait_s), outcome.error)

    def _overdue(self, lane: _Lane) -> Outcome | None:
        return lane.trying.cut() if self._clock.monotonic() >= lane.ends_at else None
