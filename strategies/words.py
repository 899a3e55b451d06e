"""Counts, durations and names as a person reads them."""

from datetime import timedelta

_SHORT = (("days", 86400.0, 2.0), ("h", 3600.0, 1.0), ("min", 60.0, 1.0))
_LONG = (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0))


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 pair", "3 pairs"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(seconds: float | None) -> str:
    """How long something takes, in three digits: "0.456 s", "12 min", "5.2 h", "3 days"; None is not known."""
    if seconds is None:
        return "unknown time"
    for unit, length, least in _SHORT:
        if seconds >= least * length:
            return f"{_three_digits(seconds / length)} {unit}"
    return f"{_three_digits(seconds)} s"


def age(span: timedelta) -> str:
    """How long ago something was, in whole units of which there are two or more: "35 hours"; "0 seconds" if not yet."""
    seconds = max(0.0, span.total_seconds())
    for unit, length in _LONG:
        if seconds >= 2 * length:
            return counted(round(seconds / length), unit)
    return counted(round(seconds), "second")


def readable(text: str) -> str:
    r"""A text as it may be written anywhere: what is not UTF-8 in a name becomes an escape, as in caf\xe9.csv."""
    try:
        return text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode(errors="backslashreplace").decode()


def _three_digits(number: float) -> str:
    """The number without an exponent, where it is neither huge nor tiny."""
    return f"{float(f'{number:.3g}'):g}"
