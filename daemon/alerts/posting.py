"""One try to post a message: in a thread of its own, over after a fixed time whatever the receiver does."""

import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import RemoteDisconnected

import requests

from ...strategies.errors import RetunedError
from ..state.outbox import Outcome
from .answers import outcome_of
from .connections import Connections

STEP_S = 10.0  # to connect, and between two bytes of an answer
TRY_S = 20.0  # for all of it


class Try:
    """A post in progress. `cut` ends it from outside: what the receiver sends may keep a thread busy for ever."""

    def __init__(
        self,
        url: str,
        body: bytes,
        headers: Callable[[], Mapping[str, str]],
        now: datetime,
        on_end: Callable[[], None] = lambda: None,
        authorities: str | None = None,
    ) -> None:
        """Begin. `headers` is called in the thread and may raise RetunedError; `on_end` when the outcome is there;
        `authorities`: a file or folder of certificates to trust instead of the well-known ones."""
        self._connections = Connections()
        self._authorities = authorities
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
        self._connections.cut()
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
        finally:
            self._connections.close()
        if not self._is_cut:
            self._outcome = outcome
            self._on_end()

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], now: datetime) -> Outcome:
        with self._connections.session(self._authorities) as session:
            # streamed: the answer's body does not matter and may be endless
            answer = session.post(url, data=body, headers=headers, timeout=STEP_S, allow_redirects=False, stream=True)
            answer.close()
        location, retry_after = (answer.headers.get(name, "") for name in ("location", "retry-after"))
        return outcome_of(answer.status_code, location, retry_after, url, now)


def why(error: BaseException) -> str:
    """The cause of a failed post; the errors' own texts repeat the address, whose path may contain a token."""
    if isinstance(error, requests.Timeout):
        return f"no answer within {STEP_S:g} s"
    cause: BaseException | None = error
    while cause is not None:
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
