"""What the parts of the server that answer requests share."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from fastapi import Request

from ..clock import Clock
from ..config.config import Config
from ..state.store import Store
from .callers import Callers
from .routes import Route

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Computation:
    """A request whose answer has to be computed."""

    caller: str
    route: Route
    arguments: dict[str, Any]
    is_for_viewer: bool


class InThread(Protocol):
    """Runs work in a thread for requests: database connections belong to threads."""

    def __call__(self, request: Request, work: Callable[[], T], /) -> Awaitable[T]:
        """What the work returns; raises what it raises, and StateError where it takes too long."""


@dataclass(frozen=True, slots=True)
class Inside:
    """The inside of the server, for the pages: what verbs need, and how they are run.

    `user`: that of the service. `compute` gives the JSON of a verb that computes; `note_act` logs who changed
    something and wakes the service. `is_stopping`: the server is about to end, and nothing may go on for long.
    """

    config: Config
    clock: Clock
    user: str | None
    callers: Callers
    store: Callable[[], closing[Store]]
    in_thread: InThread
    compute: Callable[[Computation], Awaitable[bytes]]
    note_act: Callable[[Route, str], None]
    is_stopping: Callable[[], bool]
