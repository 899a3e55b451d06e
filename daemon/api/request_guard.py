"""Checks on every request before it is answered: its Host header, its origin, its size and how long it takes."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from ...strategies.errors import InputError, RetunedError, StateError
from ..config.api_table import ApiTable
from .wire import PROBLEM, dump_problem

LARGEST_BODY_BYTES = 1 << 20
PASS_OVER_S = 1.0  # for the body of a request that is refused
BODY_TIMEOUT_S = 10.0
MOST_READ, MOST_ANSWERED, MOST_WATCHING = 256, 64, 256  # at once, those of the command line's own socket not counted
RETRY_AFTER_S = 1
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Room:
    """How many are in it, and how many may be."""

    def __init__(self, most: int) -> None:
        """Nobody is in it."""
        self._most, self._count = most, 0

    def __enter__(self) -> None:
        """One more."""
        self._count += 1

    def __exit__(self, *_: object) -> None:
        """One less."""
        self._count -= 1

    @property
    def is_full(self) -> bool:
        """Whether it holds as many as it may."""
        return self._count >= self._most


class Guard:
    """Refuses a request with a one-line error, or passes it on with its whole body read."""

    def __init__(self, app: App, table: ApiTable | None = None) -> None:
        """`app` gets the requests that pass; `table`: the proxies that requests may come from, and their names."""
        table = table or ApiTable()
        self._app = app
        self._proxies = tuple(map(ipaddress.ip_network, table.trusted))
        self._read, self._answered, self._watching = Room(MOST_READ), Room(MOST_ANSWERED), Room(MOST_WATCHING)
        self._names = {"localhost", socket.gethostname().lower(), socket.getfqdn().lower(), *table.names}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Handle one request, as ASGI requires."""
        if scope["type"] != "http":
            return
        await self._pass(scope, receive, send)

    async def _pass(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._stranger(scope) or self._refusal(scope["method"], scope["path"], headers)
        if refusal is not None:
            await _pass_over_body(receive)
            await refuse(send, *refusal)
            return
        if self._is_full(scope):
            busy = StateError("too many requests are being answered already", "", "send it again in a moment")
            await refuse(send, 503, busy, {"retry-after": str(RETRY_AFTER_S)})
            return
        try:
            with self._read:
                body = await asyncio.wait_for(_whole_body(receive), BODY_TIMEOUT_S)
        except TimeoutError:
            error = InputError(f"the request did not arrive within {BODY_TIMEOUT_S:g} s", remedy="send it again")
            await refuse(send, 408, error)
            return
        if body is None:
            await refuse(send, 413, _too_large())
            return
        with self._room(scope):
            await self._app(self._as_asked(scope, headers), _replay(body, receive), send)

    def _as_asked(self, scope: Message, headers: Mapping[bytes, str]) -> Message:
        """The request with the scheme that its sender used, which a proxy of ours alone is believed to know."""
        is_encrypted = headers.get(b"x-forwarded-proto", "").strip().lower() == "https"
        return {**scope, "scheme": "https"} if is_encrypted and self._is_proxy(scope) else scope

    def _is_proxy(self, scope: Message) -> bool:
        if not self._proxies or is_local(scope):
            return False
        address = ipaddress.ip_address(scope["client"][0])
        return any(address in network for network in self._proxies)

    def _stranger(self, scope: Message) -> tuple[int, RetunedError] | None:
        """The refusal of who comes past the proxy; this machine may."""
        if not self._proxies or is_local(scope) or self._is_proxy(scope):
            return None
        address = ipaddress.ip_address(scope["client"][0])
        if address.is_loopback:
            return None
        allowed = "allowed: the proxies that [api] trusted names"
        return 403, InputError(f"the request comes from {address}, which is no proxy of ours", allowed, "use the proxy")

    def _is_full(self, scope: Message) -> bool:
        return not is_local(scope) and (self._read.is_full or self._room(scope).is_full)

    def _room(self, scope: Message) -> Room:
        """Streams of events last long, and must not keep out those who ask for a page."""
        return self._watching if scope["path"].endswith("/events") else self._answered

    def _refusal(self, method: str, path: str, headers: dict[bytes, str]) -> tuple[int, RetunedError] | None:
        host = headers.get(b"host", "")
        if not self._is_own(host):
            # A web page can have its own host name resolved to this machine (DNS rebinding); the Host header shows it.
            allowed = f"allowed: an IP address or {', '.join(sorted(self._names))}"
            return 421, InputError(f"the Host header is '{host[:100]}'", allowed, "use the address in api.json")
        if method != "GET" and b"origin" in headers and not self._is_own_page(path, host, headers[b"origin"]):
            return 403, InputError("the request comes from a web page", "allowed: programs and the command line")
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length) > LARGEST_BODY_BYTES:
            return 413, _too_large()
        return None

    def _is_own_page(self, path: str, host: str, origin: str) -> bool:
        """Whether a form of ours sends it to a page of ours; programs' addresses take nothing from a browser."""
        return not path.startswith("/api/") and urlsplit(origin).netloc.lower() == host.lower()

    def _is_own(self, host: str) -> bool:
        name, _, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        name = (name if port.isdecimal() and name else host).lower().strip("[]")
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def is_local(scope: Message) -> bool:
    """Whether a request came through a socket in the file system."""
    return scope.get("client") is None


async def refuse(send: Send, status: int, error: RetunedError, more: Mapping[str, str] | None = None) -> None:
    """Answer with the error as a problem in JSON, with `more` headers."""
    body = dump_problem(error, status)
    named = HEADERS | {"content-type": PROBLEM, "content-length": str(len(body)), "connection": "close"}
    named |= more or {}
    headers = [(name.encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _pass_over_body(receive: Receive) -> None:
    """Take in what was sent along, within bounds: a connection that is closed over unread bytes is reset, and who sent
    them might not get to read why."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PASS_OVER_S):
            size = 0
            while size <= LARGEST_BODY_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


async def _whole_body(receive: Receive) -> bytes | None:
    """The body; None when it is too large, whatever its header claims."""
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        size += len(part)
        if size > LARGEST_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


def _too_large() -> InputError:
    return InputError("the body is too large", f"allowed: {LARGEST_BODY_BYTES} bytes", "send less")
