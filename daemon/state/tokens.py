"""Bearer tokens: random, shown once, kept as a digest, each with a role."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from ...strategies.errors import ConflictError, InputError, UnknownName
from .database_errors import of_row
from .store import Row, Store, from_text, moment_or_none, to_text

PREFIX = "rtn_"
USE_NOTED_EVERY = timedelta(minutes=1)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Role(IntEnum):
    """What a caller may do; a higher one may do all that a lower one may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """The role's name in lower case."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Token:
    """A token as listed, without its secret."""

    name: str
    role: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A new token with its secret, which is shown only this once."""

    token: Token
    secret: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the token's name and role."""

    name: str
    role: Role


def token_snapshot(store: Store, name: str) -> dict[str, str]:
    """What the audit keeps of a token: its role, or that it was revoked; empty without one."""
    row = store.row("SELECT role, revoked_at FROM tokens WHERE name = ?", (name,))
    return {} if row is None else {"role": row["role"], "state": "valid" if row["revoked_at"] is None else "revoked"}


def role_named(word: str) -> Role:
    """The role of that name; raises InputError."""
    roles = {role.word: role for role in Role}
    if word not in roles:
        raise InputError(f"there is no role '{word[:60]}'", f"allowed: {', '.join(roles)}", "see the roles in README")
    return roles[word]


def new_secret() -> str:
    """A fresh token: 32 random bytes after a prefix that secret scanners can look for."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """The digest that is stored for a token. A plain hash is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def create_token(store: Store, name: str, role: str, now: datetime) -> NewToken:
    """Create a token; raises InputError for a bad name or role, ConflictError for a name that is in use.

    The name of a revoked token may be used again.
    """
    if not _NAME.fullmatch(name):
        allowed = "allowed: up to 64 letters, digits, '-', '_' and '.', starting with a letter or digit"
        raise InputError(f"'{name[:60]}' cannot name a token", allowed, "for instance 'grafana'")
    word, secret = role_named(role).word, new_secret()
    with store.transaction():
        store.change(  # a revoked one keeps its record, under a name that no other can have
            "UPDATE tokens SET name = name || ' (revoked ' || revoked_at || ')' "
            "WHERE name = ? AND revoked_at IS NOT NULL",
            (name,),
        )
        if store.row("SELECT 1 FROM tokens WHERE name = ?", (name,)) is not None:
            raise ConflictError(
                f"there is a token named '{name}' already", "token names are unique", "choose another name"
            )
        store.insert(
            "tokens", {"name": name, "role": word, "digest": digest_of(secret), "created_at": to_text(now)}
        )  # fmt: skip
    return NewToken(_find(store, name), secret)


def list_tokens(store: Store) -> tuple[Token, ...]:
    """Every token ever created, revoked ones included, oldest first."""
    return tuple(_token(row) for row in store.rows("SELECT * FROM tokens ORDER BY id"))


def revoke_token(store: Store, name: str, now: datetime) -> Token:
    """Revoke a token permanently; raises UnknownName."""
    with store.transaction():
        _find(store, name)
        store.change("UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE name = ?", (to_text(now), name))
    return _find(store, name)


def caller_of(store: Store, secret: str) -> Caller | None:
    """The caller with this token; None for one that is unknown or revoked."""
    return caller_of_digest(store, digest_of(secret))


def caller_of_digest(store: Store, digest: str) -> Caller | None:
    """The caller whose token has this digest; None for one that is unknown or revoked."""
    row = store.row("SELECT * FROM tokens WHERE digest = ? AND revoked_at IS NULL", (digest,))
    if row is None or not is_same(row["digest"], digest):
        return None
    return Caller(row["name"], role_named(row["role"]))


def note_use(store: Store, caller: Caller, now: datetime) -> None:
    """Record that a token was used, at most once a minute."""
    row = store.row("SELECT last_used_at FROM tokens WHERE name = ?", (caller.name,))
    if row is None or (row["last_used_at"] and abs(now - from_text(row["last_used_at"])) < USE_NOTED_EVERY):
        return
    with store.transaction():
        store.change("UPDATE tokens SET last_used_at = ? WHERE name = ?", (to_text(now), caller.name))


def is_same(left: str, right: str) -> bool:
    """Whether two digests are equal, compared in constant time."""
    return hmac.compare_digest(left, right)


def _find(store: Store, name: str) -> Token:
    row = store.row("SELECT * FROM tokens WHERE name = ?", (name,))
    if row is None:
        names = ", ".join(token.name for token in list_tokens(store)) or "none yet"
        raise UnknownName(f"there is no token named '{name[:60]}'", f"tokens: {names}", "see: retuned token list")
    return _token(row)


@of_row("a token")
def _token(row: Row) -> Token:
    used, revoked = row["last_used_at"], row["revoked_at"]
    return Token(
        name=row["name"],
        role=row["role"],
        created_at=from_text(row["created_at"]),
        last_used_at=moment_or_none(used),
        revoked_at=moment_or_none(revoked),
    )
