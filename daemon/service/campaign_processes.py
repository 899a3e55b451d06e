"""The processes that lead campaigns: started, found again after a restart of the service, watched and ended.

A campaign process is in a session of its own and outlives the service. Whoever holds a campaign's lease leads it,
whether this service started the process, an earlier one, or a person in the foreground.
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
CLEAN_GRACE_S = 2.0  # of workers whose work nobody wants any more
_OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")

Start = Callable[[int], "subprocess.Popen[bytes]"]


def command_of(config_arguments: tuple[str, ...], *words: str) -> tuple[str, ...]:
    """A command of retuned with this interpreter and this service's configuration."""
    return (sys.executable, "-m", "retuned.daemon", *config_arguments, *words)


def starter(config_arguments: tuple[str, ...], environ: Mapping[str, str]) -> Start:
    """Starts the process of a campaign with this interpreter, in a session of its own."""
    environment = {name: value for name, value in environ.items() if name not in _OURS_ALONE}

    def start(campaign_id: int) -> "subprocess.Popen[bytes]":
        command = command_of(config_arguments, "campaign", str(campaign_id))
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)

    return start


@dataclass(slots=True)
class _Watched:
    """A campaign process; `child` None: not ours. `handle` becomes readable when it ends, None where it has ended."""

    child: "subprocess.Popen[bytes] | None"
    process: Identity | None
    is_of_service: bool
    handle: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A campaign process that is no more; the exit code is known of our own children alone."""

    campaign_id: int
    exit_code: int | None


class CampaignProcesses:
    """Those that are known to run, by campaign."""

    def __init__(self, state: Path, start: Start, clock: Clock) -> None:
        self._state = state
        self._start = start
        self._clock = clock
        self._watched: dict[int, _Watched] = {}

    def running(self) -> frozenset[int]:
        """The campaigns that are being led, as far as the last look shows."""
        return frozenset(self._watched)

    def handles(self) -> tuple[int, ...]:
        """File descriptors, each of which becomes readable when a campaign process ends."""
        return tuple(one.handle for one in self._watched.values() if one.handle is not None)

    def start(self, campaign_id: int) -> int:
        """Start a campaign's process and give its pid."""
        child = self._start(campaign_id)
        self._watched[campaign_id] = _Watched(child, identify(child.pid), True, _handle(child.pid))
        return child.pid

    def adopt(self, campaign_ids: Iterable[int]) -> dict[int, Holder]:
        """Those of the campaigns that another process leads; from now on they are watched too."""
        found = {}
        for campaign_id in campaign_ids:
            holder = None if campaign_id in self._watched else holder_of(self._state, campaign_id)
            if holder is not None:
                found[campaign_id] = holder
                handle = None if holder.process is None else _handle(holder.process.pid)
                self._watched[campaign_id] = _Watched(None, holder.process, holder.is_of_service, handle)
        return found

    def reap(self) -> tuple[Ended, ...]:
        """The processes that ended since the last look."""
        ended = []
        for campaign_id, one in tuple(self._watched.items()):
            if self._is_running(campaign_id, one):
                continue
            ended.append(Ended(campaign_id, None if one.child is None else one.child.returncode))
            if one.handle is not None:
                os.close(one.handle)
            del self._watched[campaign_id]
        return tuple(ended)

    def clean(self, campaign_id: int) -> int:
        """End the workers that a campaign left which is over, unless somebody leads it; how many there were."""
        with as_only_one(self._state, campaign_id) as is_mine:
            return end_workers(folder_of(self._state, campaign_id), self._clock, CLEAN_GRACE_S) if is_mine else 0

    def stop(self, grace_s: float = STOP_GRACE_S) -> tuple[int, ...]:
        """End the processes that a service started, and the workers that they leave; which campaigns those were."""
        mine = {campaign_id: one for campaign_id, one in self._watched.items() if one.is_of_service}
        for one in mine.values():
            _signal(one, signal.SIGTERM)
        until = self._clock.monotonic() + grace_s
        while self._clock.monotonic() < until and any(self._is_running(*item) for item in mine.items()):
            self._clock.sleep(STOP_LOOK_S)
        for campaign_id, one in mine.items():
            if self._is_running(campaign_id, one):
                _signal(one, signal.SIGKILL)
                self._wait(one)
            self.clean(campaign_id)
        self.reap()
        return tuple(mine)

    def _wait(self, one: _Watched) -> None:
        """Wait for the end of a process that was killed."""
        if one.child is not None:
            one.child.wait()
        while one.child is None and one.process is not None and is_alive(one.process):
            self._clock.sleep(STOP_LOOK_S)

    def _is_running(self, campaign_id: int, one: _Watched) -> bool:
        if one.child is not None:
            return one.child.poll() is None
        holder = holder_of(self._state, campaign_id)
        if holder is not None and (holder.process != one.process or one.process is None or not is_alive(one.process)):
            self._follow(one, holder)
        return holder is not None

    def _follow(self, one: _Watched, holder: Holder) -> None:
        """The campaign has passed on to another process."""
        if one.handle is not None:
            os.close(one.handle)
        one.process, one.is_of_service = holder.process, holder.is_of_service
        one.handle = None if holder.process is None or not is_alive(holder.process) else _handle(holder.process.pid)


def _handle(pid: int) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        return os.pidfd_open(pid)
    return None


def _signal(one: _Watched, number: signal.Signals) -> None:
    if one.child is not None:
        one.child.send_signal(number)
    elif one.process is not None:
        send(one.process, number)
