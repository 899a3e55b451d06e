"""Who is signed in at a browser: sessions in memory, begun by a token or by a link of the command line, used once."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from ..api.callers import note_use_if_possible
from ..state.store import Store
from ..state.tokens import Caller, Role, caller_of_digest, digest_of
from .languages import Say, say_in
from .page_error import PageError

IDLE_ENDS_AFTER = timedelta(hours=12)
LINK_HOLDS = timedelta(minutes=2)
MOST_SESSIONS, MOST_LINKS = 1000, 20
MOST_FAILURES, FAILURES_COUNT_FOR = 10, timedelta(minutes=1)


@dataclass(slots=True)
class Session:
    """A signed-in browser. `number` names it on pages, where its cookie must not stand. `digest`: of the token that it
    was begun with, looked up at every request, so that revoking the token ends the session; None: a link of the
    service's own command line. `csrf` stands in every form; `news` is what the last action did, shown once;
    `language`: of the last request."""

    number: str
    caller: Caller
    digest: str | None
    csrf: str
    began_at: datetime
    seen_at: datetime
    news: str = ""
    language: str = "en"

    @property
    def say(self) -> Say:
        """What gives sentences in that language."""
        return say_in(self.language)


class Sessions:
    """The sessions of one service; they end with it."""

    def __init__(self) -> None:
        """Nobody is signed in."""
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}
        self._links: dict[str, tuple[Caller, datetime]] = {}
        self._failures: list[datetime] = []

    def may_try(self, now: datetime) -> bool:
        """Whether one more attempt to sign in is looked at: after many failures in a minute none is."""
        with self._lock:
            self._failures = [at for at in self._failures if timedelta(0) <= now - at < FAILURES_COUNT_FOR]
            return len(self._failures) < MOST_FAILURES

    def begin_with_token(self, store: Store, token: str, now: datetime) -> str | None:
        """The cookie of a new session; None for a token that is unknown or revoked, which counts as a failure."""
        digest = digest_of(token)
        caller = caller_of_digest(store, digest)
        if caller is None:
            with self._lock:
                self._failures.append(now)
            return None
        return self._begin(caller, digest, now)

    def link(self, caller: Caller, now: datetime) -> str:
        """The secret of a link that signs in as `caller`, once and soon."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            fresh = {key: value for key, value in self._links.items() if now - value[1] < LINK_HOLDS}
            self._links = dict(list(fresh.items())[-MOST_LINKS + 1 :]) | {secret: (caller, now)}
        return secret

    def begin_with_link(self, secret: str, now: datetime) -> str | None:
        """The cookie of a new session; None for a link that was used, is too old or never was, a failure."""
        with self._lock:
            found = next((key for key in self._links if hmac.compare_digest(key.encode(), secret.encode())), None)
            caller, at = (None, now) if found is None else self._links.pop(found)
            if caller is None or not timedelta(0) <= now - at < LINK_HOLDS:
                self._failures.append(now)
                return None
        return self._begin(caller, None, now)

    def session_of(self, store: Store, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie, unless it has ended or its token was revoked; the token is used with it."""
        with self._lock:
            session = self._sessions.get(cookie)
            if session is None:
                return None
            if now - session.seen_at > IDLE_ENDS_AFTER:
                del self._sessions[cookie]
                return None
            session.seen_at = now
        if session.digest is not None:
            caller = caller_of_digest(store, session.digest)
            if caller is None:
                self.end(cookie)
                return None
            session.caller = caller
            note_use_if_possible(store, caller, now)
        return session

    def end(self, cookie: str) -> None:
        """Sign out."""
        with self._lock:
            self._sessions.pop(cookie, None)

    def seen_by(self, visitor: Session, now: datetime) -> tuple[Session, ...]:
        """The sessions that a visitor may end, the last one seen first: an administrator every one, others those of
        their own name."""
        with self._lock:
            alive = [known for known in self._sessions.values() if now - known.seen_at <= IDLE_ENDS_AFTER]
        is_admin = visitor.caller.role >= Role.ADMIN
        own = [known for known in alive if is_admin or known.caller.name == visitor.caller.name]
        return tuple(sorted(own, key=lambda known: known.seen_at, reverse=True))

    def end_numbered(self, visitor: Session, number: str, now: datetime) -> None:
        """End a session that the visitor may end. Raises PageError."""
        if not any(known.number == number for known in self.seen_by(visitor, now)):
            say = visitor.say
            found = say.gettext("no session of yours has the number %(number)s") % {"number": repr(number[:20])}
            raise PageError(404, found, "", say.gettext("see the page Settings"))
        with self._lock:
            self._sessions = {key: known for key, known in self._sessions.items() if known.number != number}

    def _begin(self, caller: Caller, digest: str | None, now: datetime) -> str:
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            while len(self._sessions) >= MOST_SESSIONS:
                del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen_at)]
            self._sessions[cookie] = Session(secrets.token_hex(4), caller, digest, secrets.token_urlsafe(24), now, now)
        return cookie
