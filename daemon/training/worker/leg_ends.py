"""What exit.json says: how the process that trained a leg ended, or what the trainer answered."""

import contextlib
import json
import subprocess
import time
from typing import Any

from ...masking import Mask
from ...start_errors import NotStarted
from .legs import Group, Leg, utc_now

End = dict[str, Any]
"""The content of exit.json, or a part of it."""
Answer = dict[str, Any]
"""One answer of the trainer: its leg, end and detail; of a group also seconds and cpu_s."""

START_ERRORS = (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError)
NOT_STARTED: End = {"process": "exited", "exit_code": 127}


def end_not_started(error: BaseException) -> End:
    """What to record about a leg that could not be started."""
    what = str(error) if isinstance(error, NotStarted) else f"{type(error).__name__}: {error}"
    return {**NOT_STARTED, "detail": f"it could not be started: {what}"}


def end_of_leg(leg: Leg | None, end: End) -> End:
    """The content of exit.json. Without a word on its cost, a leg took the time since it began."""
    started = time.monotonic() if leg is None else leg.started
    return {
        "exit_code": None,
        "signal": None,
        "seconds": round(time.monotonic() - started, 6),
        "started_at": utc_now() if leg is None else leg.started_at,
        "ended_at": utc_now(),
        "detail": "",
        "node": "" if leg is None else leg.node,
        **end,
    }


def end_of_process(leg: Leg | Group, stopped: str | None, code: int) -> End:
    """What to record about a process that was stopped, or that ended with this code (negative: by a signal)."""
    if stopped == "report_limit":
        return {"process": stopped, "detail": leg.report_fault() or "its report file could not be read"}
    if stopped == "checkpoint_limit":
        return {"process": stopped, "detail": leg.checkpoint_fault() or "its checkpoint is too large"}
    if stopped:
        return {"process": stopped, "detail": leg.last_line()}
    detail = leg.last_line() if code else ""
    if code < 0:
        return {"process": "signalled", "signal": -code, "detail": detail}
    return {"process": "exited", "exit_code": code, "detail": detail}


def end_of_answer(answer: Answer, mask: Mask) -> End:
    """What to record about a leg that the trainer answered for."""
    detail = mask(str(answer.get("detail") or "")[:4000])[:1000]
    if answer.get("end") == "completed":
        return {"process": "exited", "exit_code": 0, "detail": detail}
    if answer.get("end") == "diverged":
        return {"process": "diverged", "detail": detail}
    return {"process": "recipe_error", "detail": detail or "the recipe failed"}


def parse_answer(line: bytes) -> Answer:
    """What the trainer said on one line; a failure of the recipe when that cannot be read."""
    with contextlib.suppress(ValueError):
        answer = json.loads(line)
        if isinstance(answer, dict):
            return answer
    return {"end": "crashed", "detail": f"the trainer sent an answer that cannot be read: {line[:200]!r}"}
