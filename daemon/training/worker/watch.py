"""Watching what trains a leg: its output is passed on; its deadline, its reports' size and a stop are looked after."""

import math
import os
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path

from .children import Children
from .legs import Group, Leg

CHUNK_BYTES = 64 << 10
HEARTBEAT_S = 5.0
LOOK_S = 0.1  # how often the reports' size and the deadline are looked at while a leg runs
PAUSE_S = 2.0  # so long between two looks: the machine slept, or all of the service was stopped
MOST_PAUSES = 20  # of one leg: a training that stops its worker again and again must end, too

Streams = dict[int, Callable[[bytes], None]]
"""Pipes to read from, each with what takes its data."""


class Stopped(Exception):
    """The worker was told to end while a leg ran."""


class StopSignal:
    """Whether the worker was told to end."""

    is_set = False

    def note(self, number: int, frame: object) -> None:
        """Handle SIGTERM or SIGINT."""
        self.set()

    def set(self) -> None:
        """Tell it to end."""
        self.is_set = True


class Heartbeat:
    """Shows by the time of a file that the worker moves, and keeps a leg's log on the disk up to date."""

    def __init__(self, path: Path, on_gone: Callable[[], None] = lambda: None) -> None:
        """`on_gone` is called where the file was taken away."""
        self._path = path
        self._on_gone = on_gone
        self._last = 0.0

    def beat(self, leg: Leg | Group | None = None) -> None:
        """Do so, unless that was a moment ago."""
        now = time.monotonic()
        if now - self._last < HEARTBEAT_S:
            return
        self._last = now
        try:
            os.utime(self._path)
        except FileNotFoundError:
            self._on_gone()
        if leg is not None:
            leg.flush()


class Watch:
    """Watches over one process after another, each of which trains a leg or a group."""

    def __init__(
        self, children: Children, heartbeat: Heartbeat, stop: StopSignal, timeout_s: float, grace_s: float
    ) -> None:
        self._children = children
        self._heartbeat = heartbeat
        self._stop = stop
        self._timeout_s = timeout_s
        self._grace_s = grace_s

    def until_over(
        self,
        leg: Leg | Group,
        pid: int,
        streams: Streams,
        is_over: Callable[[], bool],
        look: Callable[[], None] = lambda: None,
    ) -> str | None:
        """Pass output on until the leg is over. Why it was stopped, or None if it ended by itself.

        `look`: called again and again, to take in what the leg writes elsewhere.

        A leg past its deadline, or one that the campaign wants to end, gets SIGTERM and a grace; the caller kills what
        is then left. A pause between two looks, in which nothing ran, counts for no deadline. Raises Stopped when the
        worker is told to end.
        """
        stopped, killed_at, looked_at, pauses = None, math.inf, time.monotonic(), 0
        poll = select.poll()
        alive = os.pidfd_open(pid)
        try:
            for handle in (alive, *streams):
                poll.register(handle, select.POLLIN)
            while not is_over():
                for handle, _ in poll.poll(LOOK_S * 1000):
                    if handle != alive and not _pass_on(handle, streams):
                        poll.unregister(handle)
                passed_s, looked_at = time.monotonic() - looked_at, time.monotonic()
                if passed_s > PAUSE_S and pauses < MOST_PAUSES:
                    leg.forgive(passed_s)
                    killed_at, pauses = killed_at + passed_s, pauses + 1
                look()
                self._children.reap()
                self._heartbeat.beat(leg)
                if self._stop.is_set:
                    raise Stopped
                limit = _limit(leg)
                if limit is not None:
                    return limit
                if time.monotonic() > killed_at and not is_over():
                    return stopped
                reason = None if stopped or is_over() else self._why_to_end(leg)
                if reason is not None:
                    stopped, killed_at = reason, time.monotonic() + self._grace_s
                    os.killpg(pid, signal.SIGTERM)
        finally:
            os.close(alive)
        return stopped or _limit(leg, is_over=True)

    def _why_to_end(self, leg: Leg | Group) -> str | None:
        if time.monotonic() > leg.started + leg.count * self._timeout_s:
            return "timed_out"
        return "stopped" if leg.is_to_stop() else None


def _limit(leg: Leg | Group, *, is_over: bool = False) -> str | None:
    """Which limit its files exceed; None: none."""
    if leg.report_fault() is not None:
        return "report_limit"
    return "checkpoint_limit" if leg.checkpoint_fault(is_over=is_over) is not None else None


def drain(streams: Streams) -> None:
    """Hand on what is still in the pipes, without waiting for more."""
    for handle in streams:
        while select.select([handle], [], [], 0)[0] and _pass_on(handle, streams):
            pass


def _pass_on(handle: int, streams: Streams) -> bool:
    """Hand one chunk to its reader; False at the end of the stream."""
    data = os.read(handle, CHUNK_BYTES)
    if data:
        streams[handle](data)
    return bool(data)
