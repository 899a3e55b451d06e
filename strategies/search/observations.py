"""Scores that a search learns from beside its own at the full budget."""

from dataclasses import dataclass
from enum import StrEnum

from ..records import Configuration


class Source(StrEnum):
    """Where scores come from. Each but FULL is worth as much as its landscape is seen to be like that of FULL."""

    FULL = "full"  # this search, at the full budget
    RUNG = "rung"  # this search, at a lower rung
    EARLIER = "earlier"  # an earlier campaign, on a level of its own


@dataclass(frozen=True, slots=True)
class Seen:
    """Scores of one group by configuration."""

    scores: tuple[tuple[Configuration, float], ...]
    source: Source = Source.FULL
