"""What was read and drawn for everybody alike, kept until something is written to the database."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TypeVar, cast

from ..state.change_mark import ChangeMark
from .curves import Thinned

T = TypeVar("T")
MOST = 32


@dataclass(slots=True)
class _Turn:
    """Who makes one answer, and how many others wait for it."""

    lock: Lock = field(default_factory=Lock)
    callers: int = 0


class Kept:
    """The newest answers. While one is made, others who ask for it wait instead of making it once more; those who ask
    for another answer do not."""

    def __init__(self, state: Path) -> None:
        """Nothing is kept yet."""
        self.curves = Thinned()
        self._marks = ChangeMark(state)
        self._lock = Lock()
        self._answers: dict[Hashable, tuple[object, object]] = {}
        self._turns: dict[Hashable, _Turn] = {}

    def of(self, key: Hashable, make: Callable[[], T], mark: object = None, *, or_older: bool = False) -> T:
        """What `make` gives, or gave under this key since the last write; with a `mark` since that was another. The key
        holds everything else that it depends on, the time too, as coarsely as it matters. `make` may ask for others.

        `or_older`: where somebody makes the answer at this moment, the one before it will do, and nobody waits.
        """
        if or_older:
            with self._lock:
                known = self._answers.get(key) if key in self._turns else None
            if known is not None:
                return cast("T", known[1])
        with self._turn(key):
            mark = mark or self._marks.now()  # before it is made: what is written meanwhile makes it old
            with self._lock:
                known = self._answers.get(key)
            if known is not None and known[0] == mark:
                return cast("T", known[1])
            made = make()
            with self._lock:
                self._answers.pop(key, None)
                if mark is not None:
                    self._answers[key] = mark, made
                while len(self._answers) > MOST:
                    del self._answers[next(iter(self._answers))]
            return made

    @contextmanager
    def _turn(self, key: Hashable) -> Iterator[None]:
        """One after the other, of those who ask for the same answer."""
        with self._lock:
            turn = self._turns.setdefault(key, _Turn())
            turn.callers += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.callers -= 1
                if not turn.callers:
                    del self._turns[key]
