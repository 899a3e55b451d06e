"""The processes below a worker: started, reaped, killed without exception, and what they cost."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...processes import Identity, identify, is_alive, send, stat_of
from ...start_errors import NotStarted, why_not_started

KILL_PATIENCE_S = 10.0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
OOM_SCORE = "300"  # of 1000: what a training adds to its share of the memory in the kernel's choice
LIBC = ctypes.CDLL(None, use_errno=True)
WORKER_PID = os.getpid()


class Children:
    """The processes that this worker started or inherited, and how the ones that it started ended."""

    def __init__(self) -> None:
        self.ended: dict[int, tuple[int, float, int]] = {}  # exit code (negative: signal), CPU seconds, peak bytes
        self._started: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, argv: list[str], **how: Any) -> int:  # noqa: ANN401 - Popen's own arguments
        """The pid of a new child in a session of its own. Raises NotStarted or ValueError when it cannot be started."""
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - there is one thread
                **how,
            )
        except OSError as error:
            where = Path(how.get("cwd") or ".")
            raise NotStarted(why_not_started(error, argv[0], where, how.get("env") or os.environ)) from error
        self._started[process.pid] = process
        return process.pid

    def reap(self) -> bool:
        """Collect whatever has ended; False when there is no child left, dead or alive."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return True
                process = self._started.pop(pid, None)
                if process is not None:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    cpu_s = usage.ru_utime + usage.ru_stime
                    self.ended[pid] = (process.returncode, cpu_s, usage.ru_maxrss * 1024)
        return False

    def take_end(self, pid: int) -> tuple[int, float, int]:
        """How a child that was killed or waited for ended; one that cannot be killed counts as killed."""
        return self.ended.pop(pid, (-signal.SIGKILL, 0.0, 0))

    def kill_all(self, spared: int | None = None) -> None:
        """Kill and reap everything below this process, but not the `spared` child.

        Only direct children are signalled, whose pids cannot pass on before they are reaped here; what they
        leave behind becomes a direct child in turn. Below the spared one, which reaps for itself, the identity is
        compared first.
        """
        until = time.monotonic() + KILL_PATIENCE_S
        while self.reap() and time.monotonic() < until:
            mine = [pid for pid in children_of(os.getpid()) if pid != spared]
            below = descendants_of(spared) if spared is not None else []
            for pid in mine:
                os.kill(pid, signal.SIGKILL)
            for process in below:
                kill_exactly(process)
            if spared is not None and not mine and not below:
                return
            time.sleep(0.001)


def become_subreaper() -> None:
    """Make this process the parent of all below it whose own parents have ended."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Runs in the new process: SIGKILL when the worker dies, also if that happened just now.

    Where memory runs out, the kernel shall end a training before the service, which may be spared by its unit.
    """
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != WORKER_PID:
        os._exit(1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(OOM_SCORE)


def identity_of(pid: int) -> dict[str, Any]:
    """A process for all time, as worker.json and trial.json name it. Raises FileNotFoundError when it is gone."""
    process = identify(pid)
    if process is None:
        raise FileNotFoundError(f"the process {pid} is gone")
    return asdict(process)


def cpu_seconds(pid: int) -> float:
    """What a process and its reaped children have used; 0 when it is gone."""
    with contextlib.suppress(OSError, ValueError):
        return sum(map(int, (stat_of(pid) or ())[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def peak_memory(pid: int) -> int:
    """The most memory it held since `forget_peak_memory`; 0 when it is gone."""
    return _memory_in_status(pid, "VmHWM:")


def memory_now(pid: int) -> int:
    """The memory that it holds; 0 when it is gone."""
    return _memory_in_status(pid, "VmRSS:")


def _memory_in_status(pid: int, name: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def forget_peak_memory(pid: int) -> None:
    """Let the peak be counted anew."""
    with contextlib.suppress(OSError):  # not every kernel has it; then the peak is the trainer's so far
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def children_of(pid: int) -> list[int]:
    """The direct children, dead ones included until they are reaped; not certain to be all while they change."""
    children: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            children += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
            return children_by_parent(pid)
    return children


def living(pids: list[int]) -> list[int]:
    """Those of these processes that have not ended; a process that has is kept until it is reaped."""
    states = {pid: (stat_of(pid) or ["X"])[0] for pid in pids}
    return [pid for pid, state in states.items() if state not in "ZX"]


def children_by_parent(pid: int) -> list[int]:
    """The same on a kernel that keeps no lists of children."""
    children: list[int] = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            fields = stat_of(int(entry)) if entry.isdecimal() else None
            if fields is not None and int(fields[1]) == pid:
                children.append(int(entry))
    return children


def descendants_of(pid: int) -> list[Identity]:
    """The living processes below this one."""
    below: list[Identity] = []
    for child in children_of(pid):
        with contextlib.suppress(OSError):
            process = identify(child)
            if process is not None and is_alive(process):
                below.append(process)
        below += descendants_of(child)
    return below


def kill_exactly(process: Identity) -> None:
    """SIGKILL to this very process, and to no other that got its pid."""
    with contextlib.suppress(OSError):
        send(process, signal.SIGKILL)
