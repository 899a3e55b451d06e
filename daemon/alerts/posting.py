"""One try to post a message: in a thread of its own, over after a fixed time whatever the receiver does."""

import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.client import RemoteDisconnected

import requests
from urllib3.exceptions import HTTPError

from ...strategies.errors import RetunedError
from ..addresses import Vetting
from ..state.outbox import Outcome
from .answers import outcome_of
from .connections import ANYWHERE, Connections

STEP_S = 10.0  # to connect, and between two bytes of an answer
TRY_S = 20.0  # for all of it


class Attempt:
    """An attempt in progress. `cut` ends it from outside: what the receiver sends may keep a thread busy for ever."""

    def __init__(
        self,
        send: Callable[[Connections], Outcome],
        on_end: Callable[[], None] = lambda: None,
        vetting: Vetting = ANYWHERE,
    ) -> None:
        """Begin. `send` is called in the thread, opens its connections through what it is given, and may raise
        RetunedError; `on_end` is called when the outcome is there."""
        self._connections = Connections(vetting)
        self._outcome: Outcome | None = None
        self._is_cut = False
        self._on_end = on_end
        self._thread = threading.Thread(target=self._run, args=(send,), name="post", daemon=True)
        self._thread.start()

    @property
    def outcome(self) -> Outcome | None:
        """The outcome; None while it lasts."""
        return self._outcome

    def wait(self, seconds: float = TRY_S) -> Outcome:
        """The outcome after at most so long; an attempt that lasts longer is cut."""
        self._thread.join(seconds)
        return self._outcome or self.cut()

    def cut(self) -> Outcome:
        """End it now; the outcome, which is a failure unless it had just ended."""
        outcome = self._outcome or Outcome(f"no answer within {TRY_S:g} s")
        self._outcome, self._is_cut = outcome, True
        self._connections.cut()
        return outcome

    def _run(self, send: Callable[[Connections], Outcome]) -> None:
        try:
            outcome = send(self._connections)
        except RetunedError as error:
            outcome = Outcome(str(error))
        except (requests.RequestException, ValueError, OSError) as error:
            outcome = Outcome(why(error))
        except Exception as error:  # whatever a library makes of an answer
            outcome = Outcome(f"it could not be sent ({type(error).__name__})")
        finally:
            self._connections.close()
        if not self._is_cut:
            self._outcome = outcome
            self._on_end()


class Try(Attempt):
    """A post whose answer means what `outcome_of` says."""

    def __init__(
        self,
        url: str,
        body: bytes,
        headers: Callable[[], Mapping[str, str]],
        now: datetime,
        on_end: Callable[[], None] = lambda: None,
        authorities: str | None = None,
        vetting: Vetting = ANYWHERE,
    ) -> None:
        """Begin. `headers` is called in the thread and may raise RetunedError; `authorities`: a file or folder of
        certificates to trust instead of the well-known ones."""

        def send(connections: Connections) -> Outcome:
            answer = post(connections, url, body, headers(), authorities)
            return outcome_of(answer.status, answer.location, answer.retry_after, url, now)

        super().__init__(send, on_end, vetting)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: status, two headers, and the beginning of the body, where it was asked for."""

    status: int
    location: str = ""
    retry_after: str = ""
    text: str = ""


def post(
    connections: Connections,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    authorities: str | None,
    read_bytes: Callable[[int], int] = lambda _: 0,
) -> Answer:
    """Post a body; the answer. Of its own body, which may be endless, so many bytes are read at most as `read_bytes`
    says for its status."""
    with connections.session(authorities, _target_of(url)) as session:
        answer = session.post(url, data=body, headers=headers, timeout=STEP_S, allow_redirects=False, stream=True)
        try:
            most = read_bytes(answer.status_code)
            content = answer.raw.read(most, decode_content=False) if most else b""
        except (HTTPError, OSError):  # its status says enough
            content = b""
        finally:
            answer.close()
    location, retry_after = (answer.headers.get(name, "") for name in ("location", "retry-after"))
    return Answer(answer.status_code, location, retry_after, content.decode(errors="replace"))


def _target_of(url: str) -> str:
    """The path and query as they are written: the signature in an address holds for these bytes alone."""
    target = re.sub(r"^https?://[^/?#]*", "", url, count=1, flags=re.IGNORECASE).partition("#")[0]
    return target if target.startswith("/") else f"/{target}"


def why(error: BaseException) -> str:
    """The cause of a failed post; the errors' own texts repeat the address, whose path may contain a token."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {STEP_S:g} s"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RetunedError):
            return str(cause)
        if isinstance(cause, RemoteDisconnected):
            return "no answer: the receiver hung up"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"no connection: its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return f"no connection: no TLS with it ({cause.reason or type(cause).__name__})"
        if isinstance(cause, OSError) and cause.strerror:
            return f"no connection: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    return f"it could not be sent ({type(error).__name__})"
