"""The service's HTTP API: every verb of the table in routes.py, for the command line and for programs."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from ...strategies.errors import (
    CampaignFailed,
    ConflictError,
    InputError,
    RetunedError,
    StateError,
    UnknownName,
)
from ..clock import Clock
from ..config.config import Config
from ..state.running_service import UNIX, Place, remove_place, write_place
from ..state.store import Store
from ..state.tokens import Caller, Role, caller_of, digest_of, is_same, new_secret, note_use
from ..upkeep.metrics import CONTENT_TYPE, metrics_text
from .compute_process import ask
from .request_guard import HEADERS, Guard
from .routes import PREFIX, ROUTES, Route
from .sockets import address_of, listen
from .verbs import Verbs, own_user
from .wire import arguments_of, dump_error, dump_result, load_arguments, load_object

THREADS = 4
BUSY_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 180.0
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
OF_THE_SERVICE = "the service's own command line"
STATUS = {UnknownName: 404, InputError: 400, ConflictError: 409, StateError: 503, CampaignFailed: 422}
log = structlog.get_logger("retuned")
HOW_TO_GET_ONE = "create one where the service runs: retuned token create NAME --role viewer"


class Refused(InputError):
    """A request whose caller lacks the right to make it."""

    def __init__(self, status: int, found: str, allowed: str, remedy: str = "") -> None:
        super().__init__(found, allowed, remedy)
        self.status = status


class Api:
    """The server: answers on [api] listen in a separate thread, between `start` and `stop`."""

    def __init__(self, state: Path, config: Config, clock: Clock, wake: Callable[[], None]) -> None:
        """`wake` is called after each verb that changes something, so that the next round starts at once."""
        self._state = state
        self._config = config
        self._clock = clock
        self._wake = wake
        self._user = own_user()
        self._secret = new_secret()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._path: Path | None = None

    def start(self) -> str | None:
        """Listen, write STATE/api.json and return the address; None where the configuration says "off".

        Raises StateError when it cannot listen there.
        """
        if self._config.api.listen == "off":
            return None
        listening = listen(self._config.api.listen)
        url = address_of(listening)
        self._path = Path(url.removeprefix(UNIX)) if url.startswith(UNIX) else None
        self._server = uvicorn.Server(_server_config(Guard(self.app())))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, name="api", daemon=True
        )
        self._thread.start()
        self._wait_until_started()
        write_place(self._state, Place(url, self._secret))
        log.info("api_started", url=url)
        return url

    def stop(self) -> None:
        """Finish the requests in progress and take no more."""
        if self._server is None or self._thread is None:
            return
        remove_place(self._state)
        self._server.should_exit = True
        self._thread.join(STOP_TIMEOUT_S)
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._server = None

    def app(self) -> FastAPI:
        """The application: its addresses come from the table of routes."""
        app = FastAPI(title="retuned", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
        for route in ROUTES:
            app.add_api_route(
                route.path, self._endpoint(route), methods=[route.method], name=route.verb, summary=_summary(route),
                openapi_extra=_described(route), description=f"For {route.role.word}s and above.",
            )  # fmt: skip
        app.add_api_route("/healthz", _healthz, methods=["GET"], include_in_schema=False)
        app.add_api_route("/metrics", self._metrics, methods=["GET"], include_in_schema=False)
        app.add_api_route(f"{PREFIX}/openapi.json", self._openapi, methods=["GET"], include_in_schema=False)
        app.add_exception_handler(HTTPException, _no_such_address)
        return app

    def _endpoint(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            arguments = dict(request.query_params) | request.path_params
            return await self._in_thread(lambda: self._answer(route, request.headers, arguments, body))

        return endpoint

    async def _metrics(self, request: Request) -> Response:
        """Metrics for Prometheus, which sends a viewer's token (authorization in its scrape configuration)."""

        def answer() -> Response:
            with self._store() as store:
                self._enter(store, request.headers, Role.VIEWER)
                text = metrics_text(store, self._config, self._clock.now())
            return Response(text, headers=HEADERS, media_type=CONTENT_TYPE)

        return await self._in_thread(answer)

    async def _openapi(self, request: Request) -> Response:
        def answer() -> Response:
            with self._store() as store:
                self._enter(store, request.headers, Role.VIEWER)
            return _json(200, json.dumps(request.app.openapi()).encode())

        return await self._in_thread(answer)

    async def _in_thread(self, answer: Callable[[], Response]) -> Response:
        """Answer in one thread, because database connections belong to threads; a failure becomes a one-line error."""

        def guarded() -> Response:
            try:
                return answer()
            except RetunedError as error:
                return _error(error)
            except Exception:
                log.exception("api_failed")
                return _error(RetunedError("the service failed to answer", remedy="see the service's log"), 500)

        work = asyncio.get_running_loop().run_in_executor(self._threads, guarded)
        try:
            return await asyncio.wait_for(work, ANSWER_TIMEOUT_S)
        except TimeoutError:
            return _error(StateError(f"no answer within {ANSWER_TIMEOUT_S:g} s", remedy="see the service's log"))

    def _answer(self, route: Route, headers: Mapping[str, str], sent: dict[str, Any], body: bytes) -> Response:
        with self._store() as store:
            caller = self._enter(store, headers, route.role)
            if route.is_acting:
                _refuse_other_content(headers, body)
                sent = load_object(body) | sent
            arguments = load_arguments(route.verb, sent)
            if route.is_heavy:
                return self._computed(route, arguments, caller.name)
            verbs = Verbs(store, self._config, self._clock, self._user)
            result = getattr(verbs, route.verb)(**arguments)
            content = dump_result(route.verb, result, is_masked=caller.role < Role.ADMIN)
        if route.is_acting:
            log.info("api_verb", verb=route.verb, by=caller.name)
            self._wake()
        return _json(200, content)

    def _computed(self, route: Route, arguments: Mapping[str, object], caller: str) -> Response:
        """The answer of a process of its own."""
        content = ask(self._config, route.verb, arguments)
        if route.is_acting:
            log.info("api_verb", verb=route.verb, by=caller)
            self._wake()
        return _json(200, content)

    def _enter(self, store: Store, headers: Mapping[str, str], least: Role) -> Caller:
        """The caller; raises Refused for one without a valid token or without the role."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Refused(401, "no token was sent", "allowed: the header 'Authorization: Bearer TOKEN'", HOW_TO_GET_ONE)
        secret = secret.strip()
        if is_same(digest_of(secret), digest_of(self._secret)):
            return Caller(OF_THE_SERVICE, Role.ADMIN)
        caller = caller_of(store, secret)
        if caller is None:
            raise Refused(401, "the token is unknown or was revoked", "", HOW_TO_GET_ONE)
        if caller.role < least:
            words = " or ".join(role.word for role in Role if role >= least)
            raise Refused(403, f"the token '{caller.name}' has the role {caller.role.word}", f"allowed: {words}")
        try:
            note_use(store, caller, self._clock.now())
        except StateError:
            log.warning("token_use_not_noted", token=caller.name)
        return caller

    def _store(self) -> closing[Store]:
        """A short-lived store for this thread."""
        return closing(Store(self._state, BUSY_TIMEOUT_S))

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


def _server_config(app: Guard) -> uvicorn.Config:
    """Few connections, short timeouts and no log of uvicorn's own: what matters is logged as an event."""
    return uvicorn.Config(
        app, loop="asyncio", http="h11", ws="none", lifespan="off", log_config=None, log_level="critical",
        access_log=False, server_header=False, date_header=False, proxy_headers=False, limit_concurrency=64,
        timeout_keep_alive=5, timeout_graceful_shutdown=5,
    )  # fmt: skip


async def _healthz() -> Response:
    return Response(b"ok\n", headers=HEADERS, media_type="text/plain")


async def _no_such_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = "no such address" if status == 404 else "not possible at this address"
    found = f"{request.method} {request.url.path[:200]}: {what}"
    return _error(UnknownName(found, remedy=f"for the addresses: GET {PREFIX}/openapi.json"), status)


def _refuse_other_content(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse what a web page can send without a preflight request: forms and plain text."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if body.strip() and kind != "application/json":
        raise Refused(415, f"the body is of type '{kind[:60]}'", "allowed: application/json")


def _json(status: int, content: bytes) -> Response:
    return Response(content, status, HEADERS, media_type="application/json")


def _error(error: RetunedError, status: int | None = None) -> Response:
    if status is None:
        own = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
        status = error.status if isinstance(error, Refused) else own
    answer = _json(status, dump_error(error))
    if status == 401:
        answer.headers["www-authenticate"] = "Bearer"
    return answer


def _summary(route: Route) -> str:
    return (getattr(Verbs, route.verb).__doc__ or "").partition("\n")[0]


def _described(route: Route) -> dict[str, Any]:
    """The arguments of a route for openapi.json."""
    schema = arguments_of(route.verb).model_json_schema()
    required = schema.get("required", [])
    rest = {name: value for name, value in schema.get("properties", {}).items() if name not in route.in_path}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.in_path
    ]
    if not route.is_acting:
        queries = [
            {"name": name, "in": "query", "required": name in required, "schema": value} for name, value in rest.items()
        ]
        return {"parameters": parameters + queries}
    body = {"type": "object", "properties": rest, "required": [name for name in required if name in rest]}
    content = {"application/json": {"schema": body}}
    return {"parameters": parameters} | ({"requestBody": {"content": content}} if rest else {})
