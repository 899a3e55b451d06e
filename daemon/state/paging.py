"""Pages of a list: how long one is, and the cursor that says where the next one begins.

A cursor holds the key of a page's last row, not its place, so that rows that come or go meanwhile shift nothing.
"""

import base64
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from ...strategies.errors import InputError

USUAL, MOST = 100, 1000
"""Rows of a page where nobody says how many, and the most."""
LAST = 2**63 - 1
"""A number above every row's."""

Key = tuple[Any, ...]
"""The key of a row: texts, whole numbers and None."""


class Order(StrEnum):
    """Which rows come first."""

    OLDEST = "oldest"
    NEWEST = "newest"

    @property
    def sql(self) -> tuple[str, str]:
        """How a key compares with that of the row before, and the direction, in SQL."""
        return (">", "ASC") if self is Order.OLDEST else ("<", "DESC")


def checked_limit(limit: int) -> int:
    """The length of a page; raises InputError outside 1 to MOST."""
    if not 1 <= limit <= MOST:
        raise InputError(f"limit is {limit}", f"allowed: 1 to {MOST}", "ask for the rest by the cursor of each page")
    return limit


def cursor_after(listing: str, *key: str | int | None) -> str:
    """The cursor of the rows of a listing that come after the row with that key."""
    return base64.urlsafe_b64encode(json.dumps([listing, *key], separators=(",", ":")).encode()).decode().rstrip("=")


def key_in(cursor: str | None, listing: str, kinds: Sequence[type]) -> Key | None:
    """The key in a cursor that `cursor_after` made for this listing, its parts of these types or None; None: without a
    cursor. Raises InputError for any other text."""
    if cursor is None:
        return None
    try:
        content = json.loads(base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), b"-_", validate=True))
    except (ValueError, RecursionError):
        raise refusal(cursor) from None
    if not isinstance(content, list) or content[:1] != [listing] or len(content) != len(kinds) + 1:
        raise refusal(cursor)
    key = tuple(content[1:])
    if not all(part is None or _is_part(part, kind) for part, kind in zip(key, kinds, strict=True)):
        raise refusal(cursor)
    return key


def _is_part(part: object, kind: type) -> bool:
    """Whether it is of the type, and something that the database can compare."""
    if type(part) is not kind:
        return False
    return part.isprintable() if isinstance(part, str) else isinstance(part, int) and abs(part) < 2**63


def refusal(cursor: str) -> InputError:
    """The error over a text that is no cursor of the listing."""
    found = f"cursor is {ascii(cursor)[:60]}"
    return InputError(found, "allowed: the `next` of an earlier answer to the same question", "leave it out to begin")
