"""How far a check is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """The run at work, how many are planned so far, and the seconds of training up to now."""

    run: int
    planned: int
    seconds: float


Show = Callable[[Progress], None]
