"""Verbs that compute wait for one of a few places of their own, so that they keep no one else waiting."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ...strategies.errors import ConflictError

AT_ONCE = 2
MOST_OF_ONE_CALLER = 4
MOST = 16
RETRY_AFTER_S = 2


class Busy(ConflictError):
    """Too many requests of this kind are waiting."""


class ComputeQueue:
    """Runs computations in a few threads, in order of arrival; equal ones that wait or run are computed once."""

    def __init__(self) -> None:
        """An empty queue."""
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="compute")
        self._running: dict[str, asyncio.Future[bytes]] = {}
        self._of_caller: Counter[str] = Counter()

    async def answer(self, caller: str, key: str, compute: Callable[[], bytes]) -> bytes:
        """The result of `compute`, or of the equal one (by `key`) that is in progress. Raises Busy, and its errors."""
        if self._of_caller[caller] >= MOST_OF_ONE_CALLER:
            found = f"{MOST_OF_ONE_CALLER} such requests of '{caller}' are waiting already"
            raise Busy(found, "", "wait for their answers, then ask again")
        future = self._running.get(key)
        if future is None:
            if len(self._running) >= MOST:
                raise Busy(f"{MOST} such requests are waiting already", "", "ask again in a moment")
            future = asyncio.get_running_loop().run_in_executor(self._threads, compute)
            self._running[key] = future
            future.add_done_callback(lambda _: self._running.pop(key, None))
        self._of_caller[caller] += 1
        try:
            return await asyncio.shield(future)
        finally:
            self._of_caller[caller] -= 1
            self._of_caller += Counter()  # without those that wait for nothing

    def stop(self) -> None:
        """Take no more; what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
