"""Scores that a search learns from beside its own at the full budget."""

from dataclasses import dataclass

from .records import Configuration


@dataclass(frozen=True, slots=True)
class Seen:
    """Scores of one group by configuration. `likeness`: the correlation of its landscape with the one that is asked
    about; 1 for that one itself, None for an earlier campaign's, which is estimated."""

    scores: tuple[tuple[Configuration, float], ...]
    likeness: float | None = 1.0
