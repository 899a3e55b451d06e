"""Server-sent events about a campaign: one whenever there is something new to see, until it has ended.

Each event holds the whole progress and, as its id, what it is of. Who comes back with the id of the last one
(Last-Event-ID) gets the next when something has changed since, and nothing twice. A stream ends after a while, and
browsers ask again: so a revoked token ends it too.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass

from fastapi import Request, Response
from fastapi.sse import EventSourceResponse

from ...strategies.errors import RetunedError
from ..api.answers import as_error
from ..reports.progress import progress_of
from ..state.campaigns.campaigns import find_campaign
from ..state.store import Store
from ..state.tokens import Role
from .answering import Answering
from .live import mark_of
from .render import HEADERS
from .views import number_in
from .visit import Visit

LOOK_EVERY_S = 1.0
STREAM_S, QUIET_S = 60.0, 15.0
RETRY_MS = 2000


@dataclass(frozen=True, slots=True)
class Moment:
    """What there is to see of a campaign: `mark` changes with it; `data`: its progress as JSON."""

    mark: str
    data: str
    is_over: bool


class Events:
    """The streams of one service. However many watch a campaign, it is looked at once a second."""

    def __init__(self, answering: Answering) -> None:
        """`answering`: those who are signed in."""
        self._answering = answering
        self._looks: dict[int, tuple[float, asyncio.Future[Moment]]] = {}

    async def of_page(self, request: Request) -> Response:
        """The stream for a browser that is signed in."""
        allowed: list[bool] = []

        def answer(visit: Visit) -> Response:
            find_campaign(visit.store, number_in(visit.path["campaign"]))
            allowed.append(True)
            return Response()

        refused = await self._answering.visited(request, Role.VIEWER, answer)
        return self._stream(request) if allowed else refused

    async def of_program(self, request: Request) -> Response:
        """The stream for a program with a token."""
        inside = self._answering.inside

        def answer() -> Response | None:
            with inside.store() as store:
                try:
                    inside.callers.enter(store, request.headers, Role.VIEWER)
                    find_campaign(store, number_in(request.path_params["campaign"]))
                except RetunedError as error:
                    return as_error(error)
            return None

        return await inside.in_thread(request, answer) or self._stream(request)

    def _stream(self, request: Request) -> Response:
        number, last = number_in(request.path_params["campaign"]), request.headers.get("last-event-id", "")
        lines = self._lines(number, last, lambda: self._look(request, number))
        return EventSourceResponse(lines, headers={**HEADERS, "x-accel-buffering": "no"})

    async def _lines(self, number: int, last: str, look: Callable[[], Awaitable[Moment]]) -> AsyncIterator[bytes]:
        ends = time.monotonic() + STREAM_S
        said_at = time.monotonic()
        yield f"retry: {RETRY_MS}\n\n".encode()
        while time.monotonic() < ends and not self._answering.inside.is_stopping():
            try:
                moment = await look()
            except RetunedError:  # it was removed, or the database cannot be read now: whoever asks again is told
                return
            if moment.mark != last:
                last, said_at = moment.mark, time.monotonic()
                yield f"id: {moment.mark}\nevent: progress\ndata: {moment.data}\n\n".encode()
            if moment.is_over:
                yield f"event: ended\ndata: {number}\n\n".encode()
                return
            if time.monotonic() - said_at > QUIET_S:
                said_at = time.monotonic()
                yield b": nothing new\n\n"
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, request: Request, number: int) -> Moment:
        """The campaign as it is now, or was less than a look ago."""
        now = time.monotonic()
        self._looks = {key: known for key, known in self._looks.items() if now - known[0] < LOOK_EVERY_S}
        if number not in self._looks:
            future = asyncio.ensure_future(self._read(request, number))
            self._looks[number] = (now, future)
        return await asyncio.shield(self._looks[number][1])

    async def _read(self, request: Request, number: int) -> Moment:
        def read() -> Moment:
            with self._answering.inside.store() as store:
                return moment_of(store, number)

        return await self._answering.inside.in_thread(request, read)


def moment_of(store: Store, number: int) -> Moment:
    """What there is to see of a campaign now."""
    campaign = find_campaign(store, number)
    progress = asdict(progress_of(store, campaign))
    data = json.dumps({"campaign": number} | progress, default=str, separators=(",", ":"))
    return Moment(mark_of(store, campaign), data, not campaign.is_open)
