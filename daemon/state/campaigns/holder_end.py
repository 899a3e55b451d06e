"""Ends the process that works on a cancelled campaign where no service does: a stopped one never sees the cancel."""

import signal
from pathlib import Path

from ...clock import Clock
from ...processes import is_stopped, send
from .lease_file import holder_of

LOOK_S = 0.1
LEAVES_WITHIN_S = 12.0  # it looks every second, and then gives its workers ten to end
SIGNALLED = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


def end_holder(state: Path, campaign_id: int, clock: Clock) -> bool:
    """Whether no process works on a cancelled campaign any more. One that moves leaves by itself; it is signalled only
    when it does not."""
    holder = holder_of(state, campaign_id)
    is_asleep = holder is not None and holder.process is not None and is_stopped(holder.process)
    if _is_gone(state, campaign_id, 0.0 if is_asleep else LEAVES_WITHIN_S, clock):
        return True
    for number, seconds in SIGNALLED:
        holder = holder_of(state, campaign_id)
        if holder is not None and holder.process is not None:
            send(holder.process, number)
        if _is_gone(state, campaign_id, seconds, clock):
            return True
    return False


def _is_gone(state: Path, campaign_id: int, within_s: float, clock: Clock) -> bool:
    until = clock.monotonic() + within_s
    while holder_of(state, campaign_id) is not None:
        if clock.monotonic() >= until:
            return False
        clock.sleep(LOOK_S)
    return True
