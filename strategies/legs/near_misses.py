"""Lines of output that look like a report and are none: what is wrong with them, in words."""

import json
import re
from collections.abc import Mapping
from typing import Any

LONGEST_CHARACTERS = 4096  # of a line that is looked into
_METRICS = re.compile(r"""["']metrics\\?["']""")
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MOST_BRACES = 8
_REMEDY = 'print {"step": 4, "metrics": {"loss": 0.31}} on a line of its own, or append it to RETUNED_REPORT'


def near_miss(line: str, metric: str) -> str | None:
    """Why a line that is no report looks like one, as a clause with what to do; None for ordinary output."""
    text = line.strip()[:LONGEST_CHARACTERS]
    plain = text.replace("\0", "")
    if not names_metrics(plain) and not (metric and "{" in plain and re.search(rf"[\"']{re.escape(metric)}", plain)):
        return None
    why = _why(text, plain, metric)
    return None if why is None else f"{why}; {_REMEDY}"


def names_metrics(line: str) -> bool:
    """Whether it speaks of "metrics" as a report does."""
    return _METRICS.search(line) is not None


def _why(text: str, plain: str, metric: str) -> str | None:
    if "\0" in text:
        return "it is UTF-16, where a report is UTF-8"
    colourless = _COLOUR.sub("", text)
    before, report, behind = _object_with("metrics" if names_metrics(plain) else metric, colourless)
    if report is None:
        return _why_no_object(plain) if names_metrics(plain) else None
    if "metrics" not in report:
        return f'it has {_quoted(metric)} but no "metrics"'
    if colourless != text:
        return "codes for colours stand around it"
    if before:
        return f"{_quoted(before[-30:])} stands before it on its line"
    if behind:
        return f"{_quoted(behind[:30])} stands behind it on its line"
    if "step" not in report:
        return 'it has "epoch" where "step" belongs' if "epoch" in report else 'it has no "step"'
    return None


def _why_no_object(text: str) -> str:
    if '\\"metrics' in text:
        return "it is a text inside another object"
    if "'metrics'" in text:
        return "it has single quotes, as Python prints a dict, where JSON has double ones (json.dumps)"
    return "it is no JSON object that begins and ends on one line"


def _object_with(key: str, text: str) -> tuple[str, Mapping[str, Any] | None, str]:
    """The first object with this key in a text, with what stands before and behind it."""
    decoder = json.JSONDecoder()
    for brace in [match.start() for match in re.finditer(r"\{", text)][:_MOST_BRACES]:
        try:
            found, end = decoder.raw_decode(text, brace)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and key in found:
            return text[:brace].strip(), found, text[end:].strip()
    return "", None, ""


def _quoted(text: str) -> str:
    return ascii(text)
