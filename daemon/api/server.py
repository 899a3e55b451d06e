"""The service's HTTP API: every verb of the table in routes.py, for the command line and for programs."""

import asyncio
import json
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ...strategies.errors import RetunedError, StateError, UnknownName
from ..clock import Clock
from ..config.config import Config
from ..logs import log
from ..state.running_service import UNIX, Place, remove_place, write_place
from ..state.store import Store
from ..state.tokens import Role, new_secret
from ..upkeep.metrics import CONTENT_TYPE, metrics_text
from .answers import as_done, as_error, as_json, as_read, refuse_other_content
from .callers import Callers, id_of, person_of
from .compute_process import ask
from .compute_queue import ComputeQueue
from .description import components, described, summary
from .idempotency import Answered
from .inside import Computation, Inside
from .redaction import redacted, redacted_error
from .request_guard import HEADERS, Guard, is_local
from .routes import PREFIX, ROUTES, Route
from .sockets import address_of, listen
from .user_paths import own_user
from .uvicorn_settings import Server, run, server_of
from .verbs import Verbs
from .wire import dump_result, load_arguments, load_object

THREADS = 4
LOCAL_THREADS = 2  # for the command line of the service's own user, which has a socket of its own
LOCAL_SOCKETS = "api.*.sock"  # each start has one of its own: an address from before never meets another secret
LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107
BUSY_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 180.0
START_TIMEOUT_S, STOP_TIMEOUT_S = 20.0, 10.0
T = TypeVar("T")


class Api:
    """The server: answers on [api] listen in a separate thread, between `start` and `stop`.

    The service's own user reaches it through a socket in the state folder as well, which has threads of its own.
    """

    def __init__(
        self,
        state: Path,
        config: Config,
        clock: Clock,
        wake: Callable[[], None],
        add_pages: Callable[[FastAPI, Inside], None] | None = None,
    ) -> None:
        """`wake` is called after each verb that changes something, so that the next round starts at once; `add_pages`
        adds the pages for a browser."""
        self._add_pages = add_pages
        self._state = state
        self._config = config
        self._clock = clock
        self._wake = wake
        self._user = own_user()
        self._secret = new_secret()
        self._callers = Callers(self._secret, clock)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")
        self._local_threads = ThreadPoolExecutor(LOCAL_THREADS, thread_name_prefix="local")
        self._computing = ComputeQueue()
        self._answered = Answered()
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        self._paths: list[Path] = []

    def start(self) -> str | None:
        """Listen, write STATE/api.json for callers, before any answer, and return the address; None where it is "off".

        Raises StateError when it cannot listen there, InputError for a certificate that cannot be used.
        """
        if self._config.api.listen == "off":
            return None
        self._server = server_of(Guard(self.app(), self._config.api), self._config.api)
        listening = listen(self._config.api.listen)
        url = address_of(listening, is_encrypted=self._server.certificate is not None)
        self._paths = [Path(url.removeprefix(UNIX))] if url.startswith(UNIX) else []
        local = None if self._paths else self._listen_locally()
        sockets = [listening] if local is None else [listening, local]
        write_place(self._state, Place(url, self._secret, "" if local is None else address_of(local)))
        self._thread = threading.Thread(target=run, args=(self._server, sockets), name="api", daemon=True)
        self._thread.start()
        self._wait_until_started()
        log.info("api_started", url=url)
        return url

    def stop(self) -> None:
        """Finish the requests in progress and take no more."""
        if self._server is None or self._thread is None:
            return
        remove_place(self._state)
        self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)
        for threads in (self._threads, self._local_threads):
            threads.shutdown(wait=False, cancel_futures=True)
        self._computing.stop()
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._server = None

    def _is_stopping(self) -> bool:
        return self._server is None or self._server.should_exit

    def _listen_locally(self) -> socket.socket | None:
        """The command line's own socket; None where the state folder's path is too long for one."""
        for left in self._state.glob(LOCAL_SOCKETS):  # by services that were killed: one alone may run
            left.unlink(missing_ok=True)
        path = self._state / LOCAL_SOCKETS.replace("*", str(os.getpid()))
        if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
            return None
        listening = listen(f"{UNIX}{path}", mode=0o600)
        self._paths.append(path)
        return listening

    def app(self) -> FastAPI:
        """The application: its addresses come from the table of routes."""
        app = FastAPI(title="retuned", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
        for route in ROUTES:
            app.add_api_route(
                route.path, self._endpoint(route), methods=[route.method], name=route.verb, summary=summary(route),
                openapi_extra=described(route), description=f"For {route.role.word}s and above.",
            )  # fmt: skip
        app.add_api_route("/healthz", _healthz, methods=["GET"], include_in_schema=False)
        app.add_api_route("/metrics", self._metrics, methods=["GET"], include_in_schema=False)
        app.add_api_route(f"{PREFIX}/openapi.json", self._openapi, methods=["GET"], include_in_schema=False)
        app.add_exception_handler(HTTPException, _no_such_address)
        if self._add_pages is not None:
            inside = Inside(self._config, self._clock, self._user, self._callers, self._store, self._run_in_thread,
                            self._answer_of, self._note_act, self._is_stopping)  # fmt: skip
            self._add_pages(app, inside)
        return app

    def _endpoint(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            arguments = dict(request.query_params) | request.path_params
            answer = await self._in_thread(request, lambda: self._answer(route, request.headers, arguments, body))
            return await self._computed(answer) if isinstance(answer, Computation) else answer

        return endpoint

    async def _metrics(self, request: Request) -> Response:
        """Metrics for Prometheus, which sends a viewer's token (authorization in its scrape configuration)."""

        def answer() -> Response:
            with self._store() as store:
                self._callers.enter(store, request.headers, Role.VIEWER)
                text = metrics_text(store, self._config, self._clock.now())
            return Response(text, headers=HEADERS, media_type=CONTENT_TYPE)

        return _response(await self._in_thread(request, answer))

    async def _openapi(self, request: Request) -> Response:
        """The description of the addresses; it says nothing of this service, so it needs no token."""
        description = request.app.openapi()
        description.setdefault("components", {})["schemas"] = dict(components())
        return as_json(200, json.dumps(description).encode())

    async def _computed(self, wanted: Computation) -> Response:
        """The answer of a verb that computes, which waits for its turn."""
        try:
            content = await self._answer_of(wanted)
        except RetunedError as error:
            return as_error(redacted_error(error) if wanted.is_for_viewer else error)
        if wanted.route.is_acting:
            self._note_act(wanted.route, wanted.caller)
        return as_json(200, content)

    async def _answer_of(self, wanted: Computation) -> bytes:
        """The content that a verb computes; raises RetunedError."""
        key = json.dumps([wanted.route.verb, wanted.arguments, wanted.is_for_viewer], sort_keys=True, default=str)

        def compute() -> bytes:
            return ask(self._config, wanted.route.verb, wanted.arguments, is_for_viewer=wanted.is_for_viewer)

        work = self._computing.answer(wanted.caller, key, compute)
        try:
            return await asyncio.wait_for(work, ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise StateError(f"no answer within {ANSWER_TIMEOUT_S:g} s", remedy="ask again later") from None

    def _note_act(self, route: Route, caller: str) -> None:
        """Log who changed something, and let the service see to it at once."""
        log.info("api_verb", verb=route.verb, by=caller)
        self._wake()

    async def _in_thread(
        self, request: Request, answer: Callable[[], Response | Computation]
    ) -> Response | Computation:
        """Answer in one thread, because database connections belong to threads; a failure becomes a one-line error."""

        def guarded() -> Response | Computation:
            try:
                return answer()
            except RetunedError as error:
                return as_error(error if self._is_operator(request) else redacted_error(error))
            except Exception:
                log.exception("api_failed")
                return as_error(RetunedError("the service failed to answer", remedy="see the service's log"), 500)

        try:
            return await self._run_in_thread(request, guarded)
        except StateError as error:
            return as_error(error)

    async def _run_in_thread(self, request: Request, work: Callable[[], T]) -> T:
        """What `work` returns in a thread of the caller's; raises StateError after a time."""
        threads = self._local_threads if is_local(request.scope) else self._threads
        running = asyncio.get_running_loop().run_in_executor(threads, work)
        try:
            return await asyncio.wait_for(running, ANSWER_TIMEOUT_S)
        except TimeoutError:
            raise StateError(f"no answer within {ANSWER_TIMEOUT_S:g} s", remedy="see the service's log") from None

    def _answer(
        self, route: Route, headers: Mapping[str, str], sent: dict[str, Any], body: bytes
    ) -> Response | Computation:
        with self._store() as store:
            caller = self._callers.enter(store, headers, route.role)
            if route.is_acting:
                refuse_other_content(headers, body)
                sent = load_object(body) | sent
            arguments = load_arguments(route.verb, sent)
            is_viewer = caller.role is Role.VIEWER
            if route.is_heavy:
                return Computation(caller.name, route, arguments, is_viewer)
            request_id = id_of(headers)
            verbs = Verbs(
                store, self._config, self._clock, self._user,
                caller=caller.name, person=person_of(caller, headers), request_id=request_id,
            )  # fmt: skip

            def carry_out() -> bytes:
                result = getattr(verbs, route.verb)(**arguments)
                result = redacted(result, store) if is_viewer else result
                return dump_result(route.verb, result, is_masked=caller.role < Role.ADMIN)

            if not route.is_acting:
                return as_read(carry_out(), headers, request_id)
            content, is_from_before = self._answered.once(headers, caller.name, route, arguments, carry_out)
        if not is_from_before:
            self._note_act(route, caller.name)
        return as_done(content, request_id, is_from_before=is_from_before)

    def _is_operator(self, request: Request) -> bool:
        """Whether the caller of a request that failed may see paths of this machine."""
        try:
            with self._store() as store:
                return self._callers.is_operator(store, request.headers)
        except RetunedError:
            return False

    def _store(self) -> closing[Store]:
        """A short-lived store for this thread."""
        return closing(Store(self._state, BUSY_TIMEOUT_S, self._config.backup.folder))

    def _wait_until_started(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        waited = threading.Event()
        for _ in range(int(START_TIMEOUT_S / 0.01)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            waited.wait(0.01)
        raise StateError("the API does not start", remedy="see the service's log")


def _response(answer: Response | Computation) -> Response:
    assert isinstance(answer, Response)
    return answer


async def _healthz() -> Response:
    return Response(b"ok\n", headers=HEADERS, media_type="text/plain")


async def _no_such_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = "no such address" if status == 404 else "not possible at this address"
    found = f"{request.method} {request.url.path[:200]}: {what}"
    return as_error(UnknownName(found, remedy=f"for the addresses: GET {PREFIX}/openapi.json"), status)
