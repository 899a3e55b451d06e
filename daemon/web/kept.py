"""What was read and drawn for everybody alike, kept until something is written to the database."""

from collections.abc import Callable, Hashable
from pathlib import Path
from threading import RLock
from typing import TypeVar, cast

from ..state.change_mark import ChangeMark
from .curves import Thinned

T = TypeVar("T")
MOST = 32


class Kept:
    """The newest answers. While one is made, others who ask for it wait instead of making it once more."""

    def __init__(self, state: Path) -> None:
        """Nothing is kept yet."""
        self.curves = Thinned()
        self._marks = ChangeMark(state)
        self._lock = RLock()
        self._answers: dict[Hashable, tuple[object, object]] = {}

    def of(self, key: Hashable, make: Callable[[], T], mark: object = None) -> T:
        """What `make` gives, or gave under this key since the last write; with a `mark` since that was another. The key
        holds everything else that it depends on, the time too, as coarsely as it matters."""
        with self._lock:
            mark = mark or self._marks.now()  # before it is made: what is written meanwhile makes it old
            known = self._answers.get(key)
            if known is not None and known[0] == mark:
                return cast("T", known[1])
            made = make()
            self._answers.pop(key, None)
            if mark is not None:
                self._answers[key] = mark, made
                while len(self._answers) > MOST:
                    del self._answers[next(iter(self._answers))]
            return made
