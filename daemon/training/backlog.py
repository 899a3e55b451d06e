"""Tickets that are held back, so that a spool's queue stays short however many legs a campaign asks for.

Each look of the campaign and each claim of a worker lists the queue: with all tickets in it, the cost of a leg would
grow with the number of legs. What is held back is nowhere on the disk but for its legs' folders, by which the next
process finds it.
"""

import heapq
from collections.abc import Callable, Sequence

from .leg_order import Ticket

LEAST_QUEUED = 256
QUEUED_A_SLOT = 2  # so that workers of short legs find some until the campaign looks again

Group = tuple[Ticket, ...]


class Backlog:
    """Groups of tickets in their order: the lowest sequence first."""

    def __init__(self, slots: int) -> None:
        """`slots`: how many workers may take tickets at the same time."""
        self.room = max(LEAST_QUEUED, QUEUED_A_SLOT * slots)
        self._groups: list[tuple[int, Group]] = []

    def __len__(self) -> int:
        """How many groups are held back."""
        return len(self._groups)

    def add(self, tickets: Sequence[Ticket], company_of: Callable[[Ticket], object]) -> None:
        """Hold tickets back; those of one company as one group."""
        together: dict[object, list[Ticket]] = {}
        for ticket in sorted(tickets, key=lambda ticket: ticket.sequence):
            together.setdefault(company_of(ticket), []).append(ticket)
        for group in together.values():
            heapq.heappush(self._groups, (group[0].sequence, tuple(group)))

    def take(self, queued: int) -> list[Group]:
        """The groups to be queued now, where so many are; they are no longer held back."""
        count = min(len(self._groups), max(0, self.room - queued))
        return [heapq.heappop(self._groups)[1] for _ in range(count)]
