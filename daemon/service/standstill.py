"""When a campaign process must be ended: it stands still, or its campaign was cancelled.

Only time that the service itself has seen pass is counted, a short stretch for each look: a machine that slept, or a
service that was stopped together with its campaigns, finds none of them guilty when it wakes.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

LEAST_LOOKS = 4  # before a process counts as standing still, however far apart they are
NOTICE_SHARE = 0.25  # of the longest step: from the notice to the first signal
TERM_GRACE_S, KILL_GRACE_S = 5.0, 5.0


class Sign(StrEnum):
    """What is new about a process."""

    STILL = "stands still"
    MOVES = "moves again"
    ASKED = "is asked to end"
    KILLED = "is killed"
    UNDYING = "cannot be killed"


@dataclass(slots=True)
class Standstill:
    """What was seen of one process. `still_s`: the seconds that it was seen not to get on."""

    longest_step_s: float
    looked_at_s: float
    still_s: float = 0.0
    _progress: Hashable = None
    _is_noticed: bool = False
    _asked_at_s: float | None = None
    _killed_at_s: float | None = None

    @property
    def is_ending(self) -> bool:
        """Whether the process was asked to end."""
        return self._asked_at_s is not None

    def look(self, progress: Hashable, now_s: float, *, must_end: bool) -> Sign | None:
        """What to do about it now; None: nothing new. `progress` changes whenever the process gets on; `must_end`: its
        campaign was cancelled."""
        self._count(progress, now_s)
        if self._asked_at_s is not None:
            return self._insist(self._asked_at_s, now_s)
        if must_end or self.still_s >= self.longest_step_s * (1 + NOTICE_SHARE):
            self._asked_at_s = now_s
            return Sign.ASKED
        is_still = self.still_s >= self.longest_step_s
        if is_still == self._is_noticed or (self._is_noticed and self.still_s > 0):
            return None
        self._is_noticed = is_still
        return Sign.STILL if is_still else Sign.MOVES

    def _count(self, progress: Hashable, now_s: float) -> None:
        passed_s = min(max(0.0, now_s - self.looked_at_s), self.longest_step_s / LEAST_LOOKS)
        self.still_s = self.still_s + passed_s if progress == self._progress else 0.0
        self.looked_at_s, self._progress = now_s, progress

    def _insist(self, asked_at_s: float, now_s: float) -> Sign | None:
        if self._killed_at_s is not None:
            return Sign.UNDYING if now_s - self._killed_at_s >= KILL_GRACE_S else None
        if now_s - asked_at_s < TERM_GRACE_S:
            return None
        self._killed_at_s = now_s
        return Sign.KILLED
