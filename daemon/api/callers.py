"""Who makes a request, and what they may: by the token in its header."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime

from ...strategies.errors import StateError
from ...strategies.words import readable
from ..clock import Clock
from ..logs import log
from ..state.store import Store
from ..state.tokens import Caller, Role, caller_of, digest_of, is_same, note_use
from .answers import Refused

OF_THE_SERVICE = "the service's own command line"
HOW_TO_GET_ONE = "create one where the service runs: retuned token create NAME --role viewer"


PERSON = "x-retuned-user"
"""The header in which the service's own command line says who uses it."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def id_of(headers: Mapping[str, str]) -> str:
    """The id of a request: the caller's own x-request-id, or a new one."""
    given = headers.get("x-request-id", "")
    return given if _ID.fullmatch(given) else secrets.token_hex(8)


def person_of(caller: Caller, headers: Mapping[str, str]) -> str | None:
    """Who uses the service's own command line, which alone is believed; None for every other caller."""
    named = readable(headers.get(PERSON, ""))[:100]
    return named if caller.name == OF_THE_SERVICE and named else None


def note_use_if_possible(store: Store, caller: Caller, now: datetime) -> None:
    """Record that a token was used; a database that cannot be written keeps nobody out."""
    try:
        note_use(store, caller, now)
    except StateError:
        log.warning("token_use_not_noted", token=caller.name)


class Callers:
    """The callers of one service, which knows its own command line by a secret."""

    def __init__(self, secret: str, clock: Clock) -> None:
        """`secret`: that of the service's own command line."""
        self._digest = digest_of(secret)
        self._clock = clock

    def enter(self, store: Store, headers: Mapping[str, str], least: Role) -> Caller:
        """The caller; raises Refused for one without a valid token or without the role."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise Refused(401, "no token was sent", "allowed: the header 'Authorization: Bearer TOKEN'", HOW_TO_GET_ONE)
        caller = self._caller(store, secret.strip())
        if caller is None:
            raise Refused(401, "the token is unknown or was revoked", "", HOW_TO_GET_ONE)
        if caller.role < least:
            words = " or ".join(role.word for role in Role if role >= least)
            raise Refused(403, f"the token '{caller.name}' has the role {caller.role.word}", f"allowed: {words}")
        if caller.name != OF_THE_SERVICE:
            note_use_if_possible(store, caller, self._clock.now())
        return caller

    def is_operator(self, store: Store, headers: Mapping[str, str]) -> bool:
        """Whether the caller is an operator or above."""
        _, _, secret = headers.get("authorization", "").partition(" ")
        caller = self._caller(store, secret.strip())
        return caller is not None and caller.role >= Role.OPERATOR

    def _caller(self, store: Store, secret: str) -> Caller | None:
        if is_same(digest_of(secret), self._digest):
            return Caller(OF_THE_SERVICE, Role.ADMIN)
        return caller_of(store, secret)
