"""Verbs that compute, each run in a separate process: the service itself loads no numerical library."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ...strategies.errors import RetunedError, StateError
from ..clock import Clock
from ..config.config import Config
from ..state.store import Store
from .around import unredacted
from .redaction import redacted
from .verbs import Verbs
from .wire import dump_error, dump_result, load_arguments, load_error

TIMEOUT_S = 120.0
FAILED = 3


def ask(config: Config, verb: str, arguments: Mapping[str, object], *, is_for_viewer: bool = False) -> bytes:
    """The verb's result as JSON, from a process started for it; what viewers may see of it, where it is for one.

    Raises the verb's own errors.
    """
    question = {
        "config": config.model_dump(mode="json", by_alias=True, exclude_none=True),
        "verb": verb,
        "is_for_viewer": is_for_viewer,
        "arguments": {name: value for name, value in arguments.items() if value is not None},
    }
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(config.state), "answer"]
    try:
        done = subprocess.run(command, input=json.dumps(question).encode(), capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise StateError(f"{verb} took longer than {TIMEOUT_S:g} s", remedy="check the load of the machine") from None
    if done.returncode == 0:
        return done.stdout
    error = load_error(done.stdout) if done.returncode == FAILED else None
    raise error or StateError(
        f"the process that computes {verb} ended with exit code {done.returncode}", remedy="see the service's log"
    )


def answer(question: bytes, clock: Clock) -> tuple[bytes, int]:
    """The other side of `ask`: what to write to standard output, and the exit code."""
    request = json.loads(question)
    config = Config.model_validate(request["config"])
    store = Store(config.state, backups=config.backup.folder)
    try:
        verb = request["verb"]
        redact: Callable[[Any], Any] = partial(redacted, store=store) if request["is_for_viewer"] else unredacted
        verbs = Verbs(store, config, clock, redact=redact)
        result = redact(getattr(verbs, verb)(**load_arguments(verb, request["arguments"])))
        return dump_result(verb, result), 0
    except RetunedError as error:
        return dump_error(error), FAILED
    finally:
        store.close()
