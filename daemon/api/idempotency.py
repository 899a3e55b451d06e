"""Requests that act and are sent again: with the same key they are carried out once, and answered alike.

Source: draft-ietf-httpapi-idempotency-key-header. Answers are kept in memory, as long as the service runs.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from ...strategies.errors import ConflictError, InputError
from .answers import Refused
from .routes import Route

HEADER = "idempotency-key"
MOST_KEPT = 1000
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_SECRET = frozenset({"token_create"})
"""Verbs whose answer is told once."""


class Answered:
    """The answers to requests that had a key, the newest ones."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[str, bytes | None]] = OrderedDict()

    def once(
        self, headers: Mapping[str, str], caller: str, route: Route, arguments: Mapping[str, Any],
        act: Callable[[], bytes],
    ) -> tuple[bytes, bool]:  # fmt: skip
        """What `act` returns, and whether it is from before: an equal request with the caller's key was answered.

        Without a key it always acts. Raises InputError for a key that is none, Refused for one that another request
        had, ConflictError while the first is still carried out, and what `act` raises, after which the key is free.
        """
        key = headers.get(HEADER)
        if key is None:
            return act(), False
        _check(key, route)
        place, asked = (caller, key), repr((route.verb, sorted(arguments.items(), key=str)))
        known = self._claim(place, asked)
        if known is not None:
            return known, True
        try:
            content = act()
        except BaseException:
            with self._lock:
                self._kept.pop(place, None)
            raise
        with self._lock:
            self._kept[place] = (asked, content)
        return content, False

    def _claim(self, place: tuple[str, str], asked: str) -> bytes | None:
        """The answer from before; None: there is none, and whoever asks now has the key."""
        with self._lock:
            if place not in self._kept:
                self._kept[place] = (asked, None)
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
                return None
            before, content = self._kept[place]
        if before != asked:
            raise Refused(422, f"the key '{place[1][:60]}' was sent with another request", "", "use a new key for it")
        if content is None:
            raise ConflictError("the first request with this key is still carried out", "", "ask again in a moment")
        return content


def _check(key: str, route: Route) -> None:
    if not _KEY.fullmatch(key):
        raise InputError("the Idempotency-Key is no key", "allowed: 1 to 255 visible characters", "send a UUID")
    if route.is_heavy or route.verb in _SECRET:
        raise InputError(f"{route.verb} takes no Idempotency-Key", "allowed: requests without one", "leave it out")
