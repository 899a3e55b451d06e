"""One run of a hook: an argument list without a shell, in a process group of its own, within a time and a length."""

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ...strategies.words import readable
from ..masking import Mask, masked

MOST_OUTPUT = 4096
"""Characters of its output that are kept: the last ones. It is masked before it is cut to them."""
_AFTER_END_S = 0.5
"""What a process that it left behind may still write, it is not waited for."""


@dataclass(frozen=True, slots=True)
class HookEnd:
    """How a hook ended; `detail`: its exit and the last lines that it wrote, in one line."""

    is_done: bool
    detail: str


def run_hook(
    argv: Sequence[str],
    given: bytes,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    mask: Mask = masked,
) -> HookEnd:
    """Run a hook to its end, or to its time limit, at which its whole process group is killed.

    `given`: what it reads on standard input; `mask` hides secrets in what it writes. Never raises because of the hook.
    """
    with tempfile.TemporaryFile() as standard_input:  # a pipe would wait for a hook that does not read
        standard_input.write(given)
        standard_input.seek(0)
        try:
            process = subprocess.Popen(
                list(argv), stdin=standard_input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
                env=dict(environment), start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            return HookEnd(False, f"{readable(mask(argv[0]))} cannot be started: {why}")
    assert process.stdout is not None
    with process.stdout:
        try:
            output, is_late = _output(process, process.stdout, time.monotonic() + timeout_s)
        except BaseException:
            _kill(process)
            raise
    said = readable(" ".join(mask(output.decode(errors="replace")).split()))[-MOST_OUTPUT:]
    if is_late:
        return HookEnd(False, _joined(f"it did not end within {timeout_s:g} s and was killed", said))
    code = process.returncode
    if code == 0:
        return HookEnd(True, said)
    ended = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
    return HookEnd(False, _joined(ended, said))


def _output(process: "subprocess.Popen[bytes]", stream: IO[bytes], deadline: float) -> tuple[bytes, bool]:
    """The last bytes of the process's output, once it has ended, and whether it was killed at the deadline."""
    kept = b""
    os.set_blocking(stream.fileno(), False)
    is_open = True
    with selectors.DefaultSelector() as waiting:
        waiting.register(stream, selectors.EVENT_READ)
        while process.poll() is None and time.monotonic() < deadline:
            if is_open:
                waiting.select(min(0.1, max(0.0, deadline - time.monotonic())))
                kept, is_open = _read(stream, kept)
            else:
                time.sleep(0.05)
        is_late = process.poll() is None
        if is_late:
            _kill(process)
        until = time.monotonic() + _AFTER_END_S
        while is_open and not is_late and time.monotonic() < until and waiting.select(0.0):
            kept, is_open = _read(stream, kept)
    return kept, is_late


def _read(stream: IO[bytes], kept: bytes) -> tuple[bytes, bool]:
    """What was kept with what can be read now, cut; and whether more may come."""
    with contextlib.suppress(BlockingIOError):
        piece = os.read(stream.fileno(), 65536)
        return (kept + piece)[-2 * MOST_OUTPUT :], bool(piece)
    return kept, True


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _joined(first: str, said: str) -> str:
    return f"{first}: {said}" if said else first
