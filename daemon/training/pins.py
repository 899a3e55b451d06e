"""Legs that are compared with each other and so must train on one kind of node: incumbent and challenger of a pair."""

from collections.abc import Collection, Iterator

from ...strategies.records import LegRequest, Purpose
from ..clock import Clock
from ..durable_files import read_json
from .leg_order import Ticket
from .node_kinds import PINS
from .spool import Spool

PATIENCE_S = 120.0  # so long a leg waits for a worker on a node of its kind, at each attempt


def pin_of(request: LegRequest, group: tuple[str, ...] = ()) -> str:
    """What legs have in common that must train on one kind of node; empty: any will do.

    A pair has its number in common. Legs that train in groups have all of it: groups of one batch share pairs.
    """
    if request.purpose is not Purpose.CONFIRM:
        return ""
    return "confirm" if group else f"confirm.{request.number:03d}"


class PinnedLegs:
    """The legs that wait in a spool for a kind of node that was decided on."""

    def __init__(self, spool: Spool, clock: Clock) -> None:
        self._folder = spool.folder / PINS
        self._spool = spool
        self._clock = clock
        self._pins: dict[Ticket, str] = {}
        self._kinds: dict[str, str] = {}  # by pin
        self._stands: dict[str, str] = {}  # the kind of node that a worker stands on; neither changes
        self._since: dict[Ticket, float] = {}
        self._trained: set[str] = set()  # pins that a score came of
        self._seen: set[str] = set()  # kinds that workers were on

    def stranded(self, queued: Collection[Ticket]) -> Iterator[tuple[Ticket, str]]:
        """Those that have waited in vain, each with the kind of node that there is no worker on."""
        if not queued or not self._folder.is_dir():
            return
        now, living = self._clock.monotonic(), self._living_kinds()
        self._since = {ticket: since for ticket, since in self._since.items() if ticket in queued}
        for ticket in queued:
            kind = self._kind_of(ticket)
            if kind is None or kind in living:
                self._since.pop(ticket, None)
            elif now - self._since.setdefault(ticket, now) > PATIENCE_S:
                yield ticket, kind

    def note_score(self, pin: str) -> None:
        """A leg with this pin has a score: whatever else has it must train on the same kind of node."""
        self._trained.add(pin)

    def release(self, stranded: Collection[Ticket]) -> tuple[Ticket, ...]:
        """Those of which no side has a score or trains: they are withdrawn, and any kind of node may have them anew."""
        by_pin: dict[str, list[Ticket]] = {}
        for ticket in stranded:
            by_pin.setdefault(self._pins[ticket], []).append(ticket)
        free = {pin: tickets for pin, tickets in by_pin.items() if pin not in self._trained}
        if not free:
            return ()
        for ticket in (ticket for tickets in free.values() for ticket in tickets):
            self._spool.withdraw(ticket)
        claimed = {ticket: self._spool.read_pin(ticket) for ticket, _ in self._spool.claims()}
        for pin in free.keys() - set(claimed.values()):
            (self._folder / f"{pin}.json").unlink(missing_ok=True)
            self._kinds.pop(pin, None)
        released = tuple(ticket for tickets in free.values() for ticket in tickets if ticket not in claimed)
        for ticket in released:
            self._since.pop(ticket, None)
        return released

    def wanted_kinds(self, queued: Collection[Ticket]) -> tuple[str, ...]:
        """The kinds of nodes that some of these wait for and on which no worker is, each once."""
        if not queued or not self._folder.is_dir():
            return ()
        living = self._living_kinds()
        kinds = (self._kind_of(ticket) for ticket in sorted(queued, key=str))
        return tuple(dict.fromkeys(kind for kind in kinds if kind is not None and kind not in living))

    def waiting(self, queued: Collection[Ticket]) -> frozenset[Ticket]:
        """Those whose kind of node has workers, where a further worker might come to another kind: for them none is to
        be started."""
        if not queued or not self._folder.is_dir():
            return frozenset()
        living = self._living_kinds()
        return frozenset(ticket for ticket in queued if len(self._seen) > 1 and self._kind_of(ticket) in living)

    def _kind_of(self, ticket: Ticket) -> str | None:
        """The kind that its pin is decided on; None: none yet, or it has no pin."""
        if ticket not in self._pins:
            self._pins[ticket] = self._spool.read_pin(ticket)
        pin = self._pins[ticket]
        if pin and pin not in self._kinds:
            decided = read_json(self._folder / f"{pin}.json")
            if decided is not None:
                self._kinds[pin] = str(decided.get("kind"))
        return self._kinds.get(pin)

    def _living_kinds(self) -> set[str]:
        """The kinds of nodes with a worker."""
        present = {path.parent.name: path for path in self._spool.workers.glob("*/worker.json")}
        for worker in present.keys() - self._stands.keys():
            kind = str((read_json(present[worker]) or {}).get("kind") or "")
            if kind:
                self._stands[worker] = kind
        kinds = {self._stands[worker] for worker in present.keys() & self._stands.keys()}
        self._seen |= kinds
        return kinds
