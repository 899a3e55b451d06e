"""One try to post a message: in a thread of its own, over after a fixed time whatever the receiver does."""

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ...strategies.errors import RetunedError

STEP_S = 10.0  # to connect, and between two bytes of an answer
TRY_S = 20.0  # for all of it
LONGEST_WAIT_S = 86_400.0  # that a receiver may ask for
GONE = frozenset({410})
"""Answers after which a receiver is never tried again with the message: it asks for that (Standard Webhooks)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a try ended; `error` None: accepted. `wait_s`: for how long the receiver asks to be left alone."""

    error: str | None
    wait_s: float = 0.0
    is_final: bool = False


class Try:
    """A post in progress. `cut` ends it from outside: what the receiver sends may keep a thread busy for ever."""

    def __init__(
        self,
        url: str,
        body: bytes,
        headers: Callable[[], Mapping[str, str]],
        now: datetime,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin. `headers` is called in the thread and may raise RetunedError; `on_end` when the outcome is there."""
        self._sockets: list[socket.socket] = []
        self._outcome: Outcome | None = None
        self._is_cut = False
        self._on_end = on_end
        self._thread = threading.Thread(target=self._run, args=(url, body, headers, now), name="post", daemon=True)
        self._thread.start()

    @property
    def outcome(self) -> Outcome | None:
        """The outcome; None while it lasts."""
        return self._outcome

    def wait(self, seconds: float = TRY_S) -> Outcome:
        """The outcome after at most so long; a try that lasts longer is cut."""
        self._thread.join(seconds)
        return self._outcome or self.cut()

    def cut(self) -> Outcome:
        """End it now; the outcome, which is a failure unless it had just ended."""
        outcome = self._outcome or Outcome(f"no answer within {TRY_S:g} s")
        self._outcome, self._is_cut = outcome, True
        for opened in tuple(self._sockets):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        return outcome

    def _run(self, url: str, body: bytes, headers: Callable[[], Mapping[str, str]], now: datetime) -> None:
        try:
            outcome = self._post(url, body, headers(), now)
        except RetunedError as error:
            outcome = Outcome(str(error))
        except (requests.RequestException, ValueError, OSError) as error:
            outcome = Outcome(why(error))
        except Exception as error:  # whatever a library makes of an answer
            outcome = Outcome(f"it could not be sent ({type(error).__name__})")
        if not self._is_cut:
            self._outcome = outcome
            self._on_end()

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], now: datetime) -> Outcome:
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no .netrc password from the environment
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter(self._opened))
            # streamed: the answer's body does not matter and may be endless
            answer = session.post(url, data=body, headers=headers, timeout=STEP_S, allow_redirects=False, stream=True)
            answer.close()
        if 200 <= answer.status_code < 300:
            return Outcome(None)
        wait_s = _asked_wait_s(answer.headers.get("retry-after", ""), now)
        error = f"HTTP status {answer.status_code}, expected 200 to 299"
        return Outcome(error, wait_s, is_final=answer.status_code in GONE)

    def _opened(self, opened: socket.socket) -> None:
        self._sockets.append(opened)
        if self._is_cut:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)


def why(error: BaseException) -> str:
    """The cause of a failed post; the errors' own texts repeat the address, whose path may contain a token."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {STEP_S:g} s"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return f"no connection: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    return f"it could not be sent ({type(error).__name__})"


def _asked_wait_s(text: str, now: datetime) -> float:
    """The seconds of a Retry-After header, a number or a date, at most a day; 0 for none and for nonsense."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max((at - now).total_seconds(), 0.0), LONGEST_WAIT_S)


class _Adapter(HTTPAdapter):
    """Connections that report their sockets, so that they can be ended from another thread."""

    def __init__(self, opened: Callable[[socket.socket], None]) -> None:
        self._opened = opened
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *words: Any, **named: Any) -> None:  # noqa: ANN401 - urllib3's own
        super().init_poolmanager(*words, **named)
        opened = self._opened

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                opened(self.sock)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                made = super()._new_conn()
                opened(made)  # before the handshake, which may last for ever, too
                return made

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
