"""The verbs of a running service over HTTP, with the same records and the same errors."""

import inspect
import socket
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from ...strategies.errors import StateError, UnknownName
from ...strategies.words import readable
from ..state.running_service import UNIX, Place
from .routes import BY_VERB, Route
from .verbs import Verbs
from .wire import dump_arguments, load_error, load_result

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 200.0


class Gone(StateError):
    """The service does not answer."""


def remote(place: Place) -> Verbs:
    """The verbs as the service at that place runs them. They raise their own errors, or Gone."""
    return cast("Verbs", _Remote(place))


class _Remote:
    def __init__(self, place: Place) -> None:
        self._url = place.url
        self._session = requests.Session()
        self._session.trust_env = (
            False  # this machine has no proxy in front of it, and ~/.netrc would replace the token
        )
        self._session.headers["authorization"] = f"Bearer {place.token}"
        if place.url.startswith(UNIX):
            self._session.mount("http://localhost/", _UnixAdapter(place.url.removeprefix(UNIX)))
        self._base = "http://localhost" if place.url.startswith(UNIX) else place.url.rstrip("/")

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401 - each verb gives another type
        if verb not in BY_VERB:
            raise AttributeError(verb)
        route, signature = BY_VERB[verb], inspect.signature(getattr(Verbs, verb))

        def call(*words: object, **named: object) -> Any:  # noqa: ANN401
            bound = signature.bind(None, *words, **named).arguments
            del bound["self"]
            return self._ask(route, dump_arguments(verb, bound))

        return call

    def _ask(self, route: Route, arguments: dict[str, Any]) -> Any:  # noqa: ANN401
        path = route.path.format(**{name: quote(_segment(arguments.pop(name)), safe="") for name in route.in_path})
        sent: Mapping[str, Any] = {"json": arguments} if route.is_acting else {"params": _readable(arguments)}
        try:
            answer = self._session.request(
                route.method, self._base + path, timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S), allow_redirects=False,
                **sent,
            )  # fmt: skip
        except requests.RequestException as error:
            raise _gone(self._url, route, error) from None
        if answer.status_code == 200:
            return self._read(route, answer.content)
        raise load_error(answer.content) or StateError(
            f"the service at {self._url} answered {answer.status_code} {answer.reason}",
            remedy="is it a retuned service? see: retuned doctor",
        )

    def _read(self, route: Route, content: bytes) -> Any:  # noqa: ANN401
        try:
            return load_result(route.verb, content)
        except (ValueError, KeyError, TypeError):
            raise StateError(
                f"the answer of the service at {self._url} to {route.verb} cannot be read",
                "allowed: a command line and a service of the same version",
                "restart the service after an upgrade",
            ) from None


def _segment(value: object) -> str:
    """A name as one segment of a path; raises UnknownName for text that cannot be one and so names nothing."""
    text = str(value)
    if text in ("", ".", "..") or "/" in text or not _is_utf_8(text):
        raise UnknownName(f"nothing is registered as '{text[:60]}'", remedy="see: retuned models")
    return text


def _readable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as an address can hold them."""
    return {name: readable(value) if isinstance(value, str) else value for name, value in arguments.items()}


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # such as a name from a command line
        return False
    return True


def _gone(url: str, route: Route, error: requests.RequestException) -> Gone:
    if isinstance(error, requests.ConnectTimeout) or _is_refused(error):
        return Gone(f"the service at {url} does not answer", "a running service", "start it, or see its log")
    unknown = "it is not known whether it carried out the request" if route.is_acting else ""
    return Gone(f"the service at {url} ended or was cut off while answering", unknown, "see: retuned models")


def _is_refused(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError | FileNotFoundError):
            return True
        inner = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
    return False


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(CONNECT_TIMEOUT_S)
        connection.connect(self._path)
        return connection


class _UnixPool(HTTPConnectionPool):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def _new_conn(self) -> Any:  # noqa: ANN401 - urllib3's own protocol of a connection
        return _UnixConnection(self._path)


class _UnixAdapter(HTTPAdapter):
    """Requests to http://localhost/ go through a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._pool = _UnixPool(path)

    def get_connection_with_tls_context(self, *_words: object, **_named: object) -> HTTPConnectionPool:
        return self._pool
