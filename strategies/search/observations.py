"""Scores that a search learns from: its own, at the full budget and below, and those of earlier campaigns."""

from dataclasses import dataclass
from enum import StrEnum

from ..records import Configuration


class Source(StrEnum):
    """Where scores come from. RUNG and EARLIER are weighted by how well they correlate with FULL."""

    FULL = "full"  # this search, at the full budget
    PAIRED = "paired"  # the pairs of this campaign's first challenger, at their own level
    RUNG = "rung"  # this search, at a lower rung
    EARLIER = "earlier"  # an earlier campaign, at its own level


@dataclass(frozen=True, slots=True)
class Observations:
    """Scores of one group by configuration."""

    scores: tuple[tuple[Configuration, float], ...]
    source: Source = Source.FULL
