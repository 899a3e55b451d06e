"""A program's own help, asked for as little as can be: no shell, an empty folder, few variables, a time and a size."""

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from ...strategies.words import readable

TIMEOUT_S = 30.0
MOST_BYTES = 256 << 10
_PASSED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Help:
    """What the program said, or in one clause why there is nothing to read."""

    text: str = ""
    failure: str = ""


def ask_for_help(
    words: Sequence[str], environ: Mapping[str, str], timeout_s: float = TIMEOUT_S, most_bytes: int = MOST_BYTES
) -> Help:
    """The output of the program with `--help`. Whatever the program does, it and its group are ended afterwards."""
    with tempfile.TemporaryDirectory(prefix="retuned-help-", ignore_cleanup_errors=True) as folder:
        environment = {name: environ[name] for name in _PASSED if name in environ}
        environment |= {"HOME": folder, "TMPDIR": folder, "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "PAGER": "cat", "CUDA_VISIBLE_DEVICES": ""}
        try:
            process = subprocess.Popen(
                [*words, "--help"], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            return Help(failure=f"{words[0]} cannot be started: {getattr(error, 'strerror', None) or error}")
        assert process.stdout is not None
        try:
            content, has_ended = _read(process.stdout, time.monotonic() + timeout_s, most_bytes)
            if has_ended:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1.0)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()
            code = process.wait()
    return _answer(content.decode(errors="replace"), code, has_ended, timeout_s)


def _read(stream: IO[bytes], end: float, most_bytes: int) -> tuple[bytes, bool]:
    """What comes until the stream's end, or the bound of time or size; whether it ended by itself."""
    content = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while len(content) < most_bytes:
            if not selector.select(max(0.0, end - time.monotonic())):
                return content, False
            piece = os.read(stream.fileno(), 1 << 16)
            if not piece:
                return content, True
            content += piece
    return content[:most_bytes], False


def _answer(text: str, code: int, has_ended: bool, timeout_s: float) -> Help:
    if "--" in text and (code == 0 or "usage" in text.lower()) and "Traceback (most recent" not in text:
        return Help(text)
    if not has_ended:
        return Help(failure=f"it did not answer within {timeout_s:g} s, and was ended")
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
    return Help(failure=f"it ended with exit code {code}{f': {readable(last)[:200]}' if last else ''}")
