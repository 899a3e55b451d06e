"""Processes by identity: pid, start time and boot. A pid alone may have been reused.

Workers use it too, so it needs only the standard library.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_STATE, _START_TIME = 0, 19  # of the fields after the command name: numbers 3 and 22 in proc(5)


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, uniquely: its pid, its start in clock ticks since the boot, and the boot's identifier."""

    pid: int
    start_time: int
    boot_id: str


def boot_id() -> str:
    """The current boot's identifier."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def stat_fields(text: str) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the command name before it may contain spaces and parentheses."""
    return text[text.rindex(")") + 2 :].split()


def stat_of(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; None when it is gone."""
    try:
        return stat_fields(Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None


def identify(pid: int) -> Identity | None:
    """The process with this pid; None if there is none. A zombie still has its pid."""
    fields = stat_of(pid)
    return None if fields is None else Identity(pid, int(fields[_START_TIME]), boot_id())


def is_running(pid: int) -> bool:
    """Whether a process with this pid runs. A zombie does not."""
    fields = stat_of(pid)
    return fields is not None and fields[_STATE] not in "ZX"


def identity_from(stored: Mapping[str, object]) -> Identity | None:
    """The identity in a worker.json or trial.json; None when it holds none."""
    pid, start_time, boot = stored.get("pid"), stored.get("start_time"), stored.get("boot_id")
    if isinstance(pid, int) and isinstance(start_time, int) and isinstance(boot, str):
        return Identity(pid, start_time, boot)
    return None


def is_alive(process: Identity) -> bool:
    """Whether this very process still runs. A zombie does not."""
    fields = stat_of(process.pid)
    return (
        fields is not None
        and int(fields[_START_TIME]) == process.start_time
        and fields[_STATE] not in "ZX"
        and boot_id() == process.boot_id
    )


def is_stopped(process: Identity) -> bool:
    """Whether this very process was stopped, by SIGSTOP or a debugger."""
    fields = stat_of(process.pid)
    return fields is not None and fields[_STATE] in "Tt" and is_alive(process)


def send(process: Identity, number: signal.Signals) -> bool:
    """Signal this very process; False when it is gone. Never reaches another process with the same pid."""
    try:
        handle = os.pidfd_open(process.pid)
    except (ProcessLookupError, ValueError):
        return False
    try:
        # The handle pins the process that has the pid now; the comparison holds only once it is open.
        if identify(process.pid) != process:
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)
    return True


WORKER, HOOK = "RETUNED_WORKER", "RETUNED_HOOK"
"""Variables that mark the processes of a worker, and of one run of a hook, with all that they start."""


def marked(nonce: str, variable: str = WORKER) -> tuple[Identity, ...]:
    """The living processes with the nonce in that variable of their environment, without this one."""
    wanted = os.fsencode(f"{variable}={nonce}")
    processes = []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        # identified first: if the pid is reused between the two reads, the signal is refused later
        process = identify(int(entry))
        if process is not None and wanted in _environment(process.pid).split(b"\0") and is_alive(process):
            processes.append(process)
    return tuple(processes)


def kill_marked(
    nonce: str, also: Iterable[Identity], sleep: Callable[[float], None], rounds: int = 500, variable: str = WORKER
) -> bool:
    """Kill every process with the nonce, and those named, until none is left; False when some would not die.

    Lists them again after every round, because a process may fork between the listing and the signal.
    """
    named = tuple(also)
    for _ in range(rounds):
        left = (*marked(nonce, variable), *(process for process in named if is_alive(process)))
        if not left:
            return True
        for process in left:
            send(process, signal.SIGKILL)
        sleep(0.02)
    return False


def _environment(pid: int) -> bytes:
    # another user's process, or one that is gone
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""
