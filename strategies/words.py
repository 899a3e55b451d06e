"""Counts, durations and names as a person reads them."""

import re
import unicodedata
from datetime import timedelta

_SHORT = (("days", 86400.0, 2.0), ("h", 3600.0, 1.0), ("min", 60.0, 1.0))
_LONG = (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0))


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 pair", "3 pairs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def capital(clause: str) -> str:
    """A clause with its first letter in upper case, as a sentence begins."""
    return clause[:1].upper() + clause[1:]


def in_digits(number: float, digits: int) -> str:
    """A number rounded to so many digits, without an exponent where it is neither huge nor tiny: 100, not 1e+02."""
    return f"{float(f'{number:.{digits}g}'):.10g}"


def duration(seconds: float | None) -> str:
    """How long something takes, in three digits: "0.456 s", "12 min", "5.2 h", "3 days"; None is not known."""
    if seconds is None:
        return "unknown time"
    for unit, length, least in _SHORT:
        if seconds >= least * length:
            return f"{in_digits(seconds / length, 3)} {unit}"
    return f"{in_digits(seconds, 3)} s"


def age(span: timedelta) -> str:
    """How long ago something was, in whole units of which there are two or more: "35 hours"; "0 seconds" if not yet."""
    seconds = max(0.0, span.total_seconds())
    for unit, length in _LONG:
        if seconds >= 2 * length:
            return counted(round(seconds / length), unit)
    return counted(round(seconds), "second")


def readable(text: str, keep: str = "") -> str:
    r"""A text on its way to a person, in which nothing acts on a terminal and nothing is hidden.

    Control characters, marks that turn the direction of writing, and characters of no width become visible escapes, as
    in \x1b[31m; so does what is not UTF-8 in a name, as in caf\xe9.csv. Line ends too, unless `keep` names them.
    """
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    is_name = not _NO_BYTE.search(text)
    return "".join(
        character if character in keep or _is_shown(character) else _escape_of(character, is_name) for character in text
    )


_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0]")
"""Letters and marks that are printable by their class, and show nothing."""

_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Surrogates that stand for no byte of a name."""


def _is_shown(character: str) -> bool:
    if _UNSEEN.match(character):
        return False
    return character.isprintable() or unicodedata.category(character) == "Zs"


def _escape_of(character: str, is_name: bool) -> str:
    code = ord(character)
    if is_name and 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as Python keeps it in names
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
