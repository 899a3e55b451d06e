"""Wakes the service's loop: from any thread, from a signal handler, or when a watched process ends."""

import os
import select
from collections.abc import Iterable


class Waker:
    """A kernel event counter: raising it is safe in a signal handler, where taking a lock is not."""

    def __init__(self) -> None:
        self._counter = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stopping = False

    def wake(self) -> None:
        """Make the present or next wait return at once."""
        os.eventfd_write(self._counter, 1)

    def stop(self) -> None:
        """Wake the loop for the last time."""
        self._stopping = True
        self.wake()

    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def wait(self, handles: Iterable[int], timeout_s: float | None = None) -> None:
        """Return when woken, or when one of the file descriptors becomes readable."""
        poll = select.poll()
        for handle in (self._counter, *handles):
            poll.register(handle, select.POLLIN)
        poll.poll(None if timeout_s is None else timeout_s * 1000)
        try:
            os.eventfd_read(self._counter)
        except BlockingIOError:
            return
