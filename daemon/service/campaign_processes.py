"""The processes that run campaigns: started, found again after a restart of the service, watched and ended.

A campaign process has its own session and outlives the service. The process that holds a campaign's lease runs it,
whether this service started it, an earlier one, or a person in the foreground.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..clock import Clock
from ..processes import Identity, identify, is_alive, send
from ..state.campaigns.lease import Holder, as_only_one, folder_of, holder_of
from ..training.supervisor import end_workers

STOP_GRACE_S = 30.0
STOP_LOOK_S = 0.05
CLEAN_GRACE_S = 2.0  # for workers whose work is no longer needed
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
    """A campaign process; `child` None: not ours. `handle` becomes readable when it ends; None: it has ended."""

    child: "subprocess.Popen[bytes] | None"
    process: Identity | None
    is_of_service: bool
    handle: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A campaign process that has ended; the exit code is known of our own children only."""

    campaign_id: int
    exit_code: int | None


class CampaignProcesses:
    """The campaign processes known to be running, by campaign."""

    def __init__(self, state: Path, start: Start, clock: Clock) -> None:
        self._state = state
        self._start = start
        self._clock = clock
        self._watched: dict[int, _Watched] = {}

    def running(self) -> frozenset[int]:
        """The campaigns that had a process at the last check."""
        return frozenset(self._watched)

    def handles(self) -> tuple[int, ...]:
        """File descriptors, each of which becomes readable when a campaign process ends."""
        return tuple(process.handle for process in self._watched.values() if process.handle is not None)

    def start(self, campaign_id: int) -> int:
        """Start a campaign's process; its pid."""
        child = self._start(campaign_id)
        self._watched[campaign_id] = _Watched(child, identify(child.pid), True, _handle(child.pid))
        return child.pid

    def adopt(self, campaign_ids: Iterable[int]) -> dict[int, Holder]:
        """The holders of those campaigns that another process runs; from now on they are watched too."""
        holders = {}
        for campaign_id in campaign_ids:
            holder = None if campaign_id in self._watched else holder_of(self._state, campaign_id)
            if holder is not None:
                holders[campaign_id] = holder
                handle = None if holder.process is None else _handle(holder.process.pid)
                self._watched[campaign_id] = _Watched(None, holder.process, holder.is_of_service, handle)
        return holders

    def reap(self) -> tuple[Ended, ...]:
        """The processes that ended since the last call."""
        ended = []
        for campaign_id, watched in tuple(self._watched.items()):
            if self._is_running(campaign_id, watched):
                continue
            ended.append(Ended(campaign_id, None if watched.child is None else watched.child.returncode))
            if watched.handle is not None:
                os.close(watched.handle)
            del self._watched[campaign_id]
        return tuple(ended)

    def clean(self, campaign_id: int) -> int:
        """End the workers that an ended campaign left, unless a process runs it; how many there were."""
        with as_only_one(self._state, campaign_id) as is_mine:
            return end_workers(folder_of(self._state, campaign_id), self._clock, CLEAN_GRACE_S) if is_mine else 0

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
                self._wait(watched)
            self.clean(campaign_id)
        self.reap()
        return tuple(mine)

    def _wait(self, watched: _Watched) -> None:
        """Wait for a killed process to end."""
        if watched.child is not None:
            watched.child.wait()
        while watched.child is None and watched.process is not None and is_alive(watched.process):
            self._clock.sleep(STOP_LOOK_S)

    def _is_running(self, campaign_id: int, watched: _Watched) -> bool:
        if watched.child is not None:
            return watched.child.poll() is None
        holder = holder_of(self._state, campaign_id)
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
        watched.handle = None if holder.process is None or not is_alive(holder.process) else _handle(holder.process.pid)


def _handle(pid: int) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        return os.pidfd_open(pid)
    return None


def _signal(watched: _Watched, number: signal.Signals) -> None:
    if watched.child is not None:
        watched.child.send_signal(number)
    elif watched.process is not None:
        send(watched.process, number)
