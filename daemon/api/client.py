"""The verbs of a running service over HTTP, with the same records and the same errors."""

import contextlib
import inspect
import json
import socket
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode, urlsplit

from ...strategies.errors import StateError, UnknownName
from ..state.acting_user import login_user
from ..state.running_service import UNIX, Place
from .routes import BY_VERB, Route
from .verb_methods import method_of
from .wire import dump_arguments, load_error, load_result

if TYPE_CHECKING:
    from .verbs import Verbs

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 200.0
TRIES = 4  # of a request that the service was too busy to begin
LONGEST_WAIT_S = 5.0


class Gone(StateError):
    """The service does not answer."""


def remote(place: Place) -> "Verbs":
    """The verbs as the service at that place runs them. They raise their own errors, or Gone."""
    return cast("Verbs", _Remote(place))


def connect(place: Place) -> HTTPConnection:
    """A connection through the user's own socket, where there is one that answers, else at the address; raises Gone."""
    if place.local:
        with contextlib.suppress(Gone):
            return _connect(place.local)
    return _connect(place.url)


class _Remote:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._url = place.url
        self._is_recorded = place.is_recorded
        self._prefix = "" if place.url.startswith(UNIX) else urlsplit(place.url).path.rstrip("/")
        self._headers = {"authorization": f"Bearer {place.token}", "content-type": "application/json"}
        self._headers["x-retuned-user"] = login_user().encode("ascii", "backslashreplace").decode()

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401 - each verb gives another type
        if verb not in BY_VERB:
            raise AttributeError(verb)
        route, signature = BY_VERB[verb], inspect.signature(method_of(verb))

        def call(*words: object, **named: object) -> Any:  # noqa: ANN401
            bound = signature.bind(None, *words, **named).arguments
            del bound["self"]
            return self._ask(route, dump_arguments(verb, bound))

        return call

    def _ask(self, route: Route, arguments: dict[str, Any]) -> Any:  # noqa: ANN401
        path = route.path.format(**{name: _segment(arguments.pop(name)) for name in route.in_path})
        body = json.dumps(arguments).encode() if route.is_acting else None
        query = "" if route.is_acting or not arguments else "?" + _query(arguments)
        for _ in range(TRIES):
            answer, content = self._send(route, f"{self._prefix}{path}{query}", body)
            wait_s = answer.headers.get("retry-after", "")
            if answer.status not in (429, 503) or not wait_s.isdecimal():
                break
            time.sleep(min(float(wait_s), LONGEST_WAIT_S))  # it was not begun
        if answer.status == 200:
            return self._read(route, content)
        if answer.status == 401 and self._is_recorded:
            raise Gone(f"the service at {self._url} was started anew meanwhile", "", "give the command again")
        raise load_error(content) or StateError(
            f"the service at {self._url} answered {answer.status} {answer.reason}",
            remedy="is it a retuned service? see: retuned doctor",
        )

    def _send(self, route: Route, target: str, body: bytes | None) -> tuple[HTTPResponse, bytes]:
        """One request: the answer and its content."""
        connection = connect(self._place)
        try:
            connection.request(route.method, target, body, self._headers)
            answer = connection.getresponse()
            return answer, answer.read()
        except (OSError, HTTPException):
            unknown = "it is not known whether it carried out the request" if route.is_acting else ""
            raise Gone(
                f"the service at {self._url} ended or was cut off while answering", unknown, "see: retuned models"
            ) from None
        finally:
            connection.close()

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
    if text in ("", ".", "..") or "/" in text:
        raise UnknownName(f"nothing is registered as '{text[:60]}'", remedy="see: retuned models")
    try:
        return quote(text, safe="", errors="surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        raise UnknownName(f"nothing is registered as {ascii(text)[:60]}", remedy="see: retuned models") from None


def _query(arguments: Mapping[str, Any]) -> str:
    """The arguments as an address holds them; a surrogate that stands for no byte as its escape."""
    try:
        return urlencode(arguments, errors="surrogateescape")
    except UnicodeEncodeError:
        return urlencode(arguments, errors="backslashreplace")


def _connect(url: str) -> HTTPConnection:
    """An open connection to the service; raises Gone where nobody answers."""
    connection = _connection(url)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        connection.close()
        allowed = "allowed: one for the name in the address, by an authority that this machine trusts"
        remedy = "use that name, or name its authority: SSL_CERT_FILE=FILE"
        raise Gone(f"the certificate of {url}: {error.verify_message}", allowed, remedy) from None
    except (OSError, HTTPException):
        connection.close()
        raise Gone(f"the service at {url} does not answer", "a running service", "start it, or see its log") from None
    connection.sock.settimeout(ANSWER_TIMEOUT_S)
    return connection


def _connection(url: str) -> HTTPConnection:
    if url.startswith(UNIX):
        return _UnixConnection(url.removeprefix(UNIX))
    address = urlsplit(url)
    host = address.hostname or ""
    if address.scheme == "https":
        return HTTPSConnection(host, address.port, timeout=CONNECT_TIMEOUT_S, context=_trusted())
    return HTTPConnection(host, address.port, timeout=CONNECT_TIMEOUT_S)


def _trusted() -> ssl.SSLContext:
    """The authorities that this machine trusts, and those that the other requests of retuned trust."""
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


class _UnixConnection(HTTPConnection):
    """A connection through a socket in the file system."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CONNECT_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Open the socket; raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(CONNECT_TIMEOUT_S)
        self.sock.connect(self._path)
