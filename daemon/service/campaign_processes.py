"""The processes that run campaigns: started, found again after a restart of the service, watched and ended.

A campaign process has its own session and outlives the service. The process that holds a campaign's lease runs it,
whether this service started it, an earlier one, or a person in the foreground.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ...strategies.words import duration
from ..clock import Clock
from ..durable_files import read_json, replace_json
from ..processes import Identity, identify, identity_from, is_alive, send
from ..state.campaigns.lease import as_only_one, progress_of_holder
from ..state.campaigns.lease_file import Holder, folder_of, holder_of
from ..training.supervisor import end_workers
from .standstill import KILL_GRACE_S, Sign, Standstill

STARTED = "started.json"  # in a campaign's folder: the process that was last started for it
STOP_GRACE_S = 30.0
STOP_LOOK_S = 0.05
CLEAN_GRACE_S = 2.0  # for workers whose work is no longer needed
LOOK_S, ENDING_LOOK_S = 5.0, 1.0  # between two looks at running processes, and at those that are being ended
_OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")

Start = Callable[[int], "subprocess.Popen[bytes]"]


def command_of(config_arguments: tuple[str, ...], *words: str) -> tuple[str, ...]:
    """A command of retuned with this interpreter and this service's configuration."""
    return (sys.executable, "-m", "retuned.daemon", *config_arguments, *words)


def starter(config_arguments: tuple[str, ...], environ: Mapping[str, str]) -> Start:
    """A function that starts a campaign's process with this interpreter, in its own session."""
    environment = {name: value for name, value in environ.items() if name not in _OURS_ALONE}

    def start(campaign_id: int) -> "subprocess.Popen[bytes]":
        command = command_of(config_arguments, "campaign", str(campaign_id))
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)

    return start


@dataclass(slots=True)
class _Watched:
    """A campaign process; `child` None: not ours. `handle` becomes readable when it ends; None: it has ended.

    `why`: why it was ended; empty where it was not.
    """

    child: "subprocess.Popen[bytes] | None"
    process: Identity | None
    is_of_service: bool
    handle: int | None
    standstill: Standstill
    why: str = ""

    @property
    def pid(self) -> int | None:
        """Its number; None while its holder has not said it."""
        return None if self.process is None else self.process.pid


@dataclass(frozen=True, slots=True)
class Ended:
    """A campaign process that has ended; the exit code is known of our own children only.

    `why`: why the service ended it, as a clause about the process; empty where it did not.
    """

    campaign_id: int
    exit_code: int | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is new about a campaign process, `still_s` being how long it was seen not to get on."""

    campaign_id: int
    pid: int | None
    sign: Sign
    still_s: float


class CampaignProcesses:
    """The campaign processes known to be running, by campaign."""

    def __init__(self, state: Path, start: Start, clock: Clock, longest_step_s: float = 600.0) -> None:
        """`longest_step_s`: how long a process may show no progress until it counts as standing still."""
        self._state = state
        self._start = start
        self._clock = clock
        self._longest_step_s = longest_step_s
        self._watched: dict[int, _Watched] = {}
        self._undying: set[Identity] = set()

    def running(self) -> frozenset[int]:
        """The campaigns that had a process at the last check."""
        return frozenset(self._watched)

    def handles(self) -> tuple[int, ...]:
        """File descriptors, each of which becomes readable when a campaign process ends."""
        return tuple(process.handle for process in self._watched.values() if process.handle is not None)

    def start(self, campaign_id: int) -> int:
        """Start a campaign's process; its pid."""
        child = self._start(campaign_id)
        process = identify(child.pid)
        self._watched[campaign_id] = _Watched(child, process, True, _handle(child.pid), self._new_standstill())
        self._note_start(campaign_id, process)
        return child.pid

    def adopt(self, campaign_ids: Iterable[int]) -> dict[int, Holder]:
        """The holders of those campaigns that another process runs; from now on they are watched too."""
        holders = {}
        for campaign_id in campaign_ids:
            holder = None if campaign_id in self._watched else self._runner_of(campaign_id)
            if holder is not None and holder.process not in self._undying:
                holders[campaign_id] = holder
                handle = None if holder.process is None else _handle(holder.process.pid)
                standstill = self._new_standstill()
                self._watched[campaign_id] = _Watched(None, holder.process, holder.is_of_service, handle, standstill)
        return holders

    def oversee(self, cancelled: Collection[int], *, counts: bool = True) -> tuple[Seen, ...]:
        """Signal the processes that stand still and those of cancelled campaigns, first politely; what is new.

        One that not even SIGKILL ends, since it hangs in the kernel, is watched no longer. Unless it `counts`, nobody
        stands still: on a full disk all wait.
        """
        now_s, seen = self._clock.monotonic(), []
        for campaign_id, watched in tuple(self._watched.items()):
            progress = progress_of_holder(self._state, campaign_id) if counts else now_s
            still_s = watched.standstill.still_s
            sign = watched.standstill.look(progress, now_s, must_end=campaign_id in cancelled)
            if sign is None:
                continue
            seen.append(Seen(campaign_id, watched.pid, sign, max(still_s, watched.standstill.still_s)))
            if sign is Sign.ASKED:
                is_cancelled = campaign_id in cancelled
                watched.why = "ended: it was cancelled" if is_cancelled else _stood_still(watched.standstill.still_s)
                _signal(watched, signal.SIGTERM)
            elif sign is Sign.KILLED:
                _signal(watched, signal.SIGKILL)
            elif sign is Sign.UNDYING:
                self._abandon(campaign_id, watched)
        return tuple(seen)

    def wait_s(self) -> float | None:
        """Seconds until the processes must be looked at again; None while there are none."""
        if any(watched.standstill.is_ending for watched in self._watched.values()):
            return ENDING_LOOK_S
        return LOOK_S if self._watched else None

    def reap(self) -> tuple[Ended, ...]:
        """The processes that ended since the last call."""
        ended = []
        for campaign_id, watched in tuple(self._watched.items()):
            if self._is_running(campaign_id, watched):
                continue
            code = None if watched.child is None else watched.child.returncode
            ended.append(Ended(campaign_id, code, watched.why))
            self._forget(campaign_id, watched)
        return tuple(ended)

    def clean(self, campaign_id: int, *, is_over: bool = True) -> int:
        """End the workers that a campaign left, unless a process runs it; how many there were.

        Of one that is over, what its workers had taken or had yet to do is withdrawn, too.
        """
        folder = folder_of(self._state, campaign_id)
        with as_only_one(self._state, campaign_id) as is_mine:
            return end_workers(folder, self._clock, CLEAN_GRACE_S, is_over=is_over) if is_mine else 0

    def stop(self, grace_s: float = STOP_GRACE_S) -> tuple[int, ...]:
        """End the processes that a service started, and the workers that they leave; their campaigns."""
        mine = {campaign_id: watched for campaign_id, watched in self._watched.items() if watched.is_of_service}
        for watched in mine.values():
            _signal(watched, signal.SIGTERM)
        until = self._clock.monotonic() + grace_s
        while self._clock.monotonic() < until and any(self._is_running(*entry) for entry in mine.items()):
            self._clock.sleep(STOP_LOOK_S)
        for campaign_id, watched in mine.items():
            if self._is_running(campaign_id, watched):
                _signal(watched, signal.SIGKILL)
                self._wait(campaign_id, watched)
            self.clean(campaign_id, is_over=False)  # the next service resumes it
        self.reap()
        return tuple(mine)

    def _wait(self, campaign_id: int, watched: _Watched) -> None:
        """Wait for a killed process to end, but not for one that hangs in the kernel."""
        if watched.child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                watched.child.wait(KILL_GRACE_S)
            return
        until = self._clock.monotonic() + KILL_GRACE_S
        while self._clock.monotonic() < until and self._is_running(campaign_id, watched):
            self._clock.sleep(STOP_LOOK_S)

    def _note_start(self, campaign_id: int, process: Identity | None) -> None:
        """Leave word of a process that holds no lease yet, for a service that succeeds this one before it does."""
        folder = folder_of(self._state, campaign_id)
        if process is not None:
            with contextlib.suppress(OSError):  # a full disk
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                replace_json(folder / STARTED, asdict(process))

    def _runner_of(self, campaign_id: int) -> Holder | None:
        """Who runs a campaign: the holder of its lease, or a process that was started for it."""
        holder = holder_of(self._state, campaign_id)
        if holder is not None:
            return holder
        process = identity_from(read_json(folder_of(self._state, campaign_id) / STARTED) or {})
        return Holder(process, True) if process is not None and is_alive(process) else None

    def _new_standstill(self) -> Standstill:
        return Standstill(self._longest_step_s, self._clock.monotonic())

    def _abandon(self, campaign_id: int, watched: _Watched) -> None:
        if watched.process is not None:
            self._undying.add(watched.process)
        self._forget(campaign_id, watched)

    def _forget(self, campaign_id: int, watched: _Watched) -> None:
        if watched.handle is not None:
            os.close(watched.handle)
        del self._watched[campaign_id]

    def _is_running(self, campaign_id: int, watched: _Watched) -> bool:
        if watched.child is not None:
            return watched.child.poll() is None
        holder = self._runner_of(campaign_id)
        if holder is not None and (
            holder.process != watched.process or watched.process is None or not is_alive(watched.process)
        ):
            self._follow(watched, holder)
        return holder is not None

    def _follow(self, watched: _Watched, holder: Holder) -> None:
        """Watch the process that now runs the campaign."""
        if watched.handle is not None:
            os.close(watched.handle)
        watched.process, watched.is_of_service = holder.process, holder.is_of_service
        watched.standstill, watched.why = self._new_standstill(), ""
        watched.handle = None if holder.process is None or not is_alive(holder.process) else _handle(holder.process.pid)


def _handle(pid: int) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        return os.pidfd_open(pid)
    return None


def _stood_still(seconds: float) -> str:
    return f"stood still for {duration(seconds)} and was ended"


def _signal(watched: _Watched, number: signal.Signals) -> None:
    if watched.child is not None:
        watched.child.send_signal(number)
    elif watched.process is not None:
        send(watched.process, number)
