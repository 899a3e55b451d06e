"""What two groups of runs are compared by: their scores, and how many of them failed."""

from collections.abc import Sequence
from math import comb

from .runs import Run, clipped

_RARE = 0.05


def scores(runs: Sequence[Run], floor: float | None) -> list[float]:
    """The scores of the runs; a failed run scores the floor, and is left out where there is none."""
    return [score for run in runs if (score := _score(run, floor)) is not None]


def both_scored(before: Sequence[Run], now: Sequence[Run], floor: float | None) -> tuple[list[float], list[float]]:
    """The scores of runs made twice, without those that lack one of the two."""
    both = [(_score(a, floor), _score(b, floor)) for a, b in zip(before, now, strict=True)]
    pairs = [(a, b) for a, b in both if a is not None and b is not None]
    return [a for a, _ in pairs], [b for _, b in pairs]


def failed_of(runs: Sequence[Run]) -> str:
    """How many failed, as '6 of 8'; runs lost to their machines are left out."""
    counted = [run for run in runs if not run.is_void]
    return f"{sum(run.has_failed for run in counted)} of {len(counted)}"


def fails_more(before: Sequence[Run], now: Sequence[Run]) -> bool:
    """Whether more runs fail now than chance would explain. Source: Fisher's exact test, one-sided, at 0.05."""
    was, is_now = ([run.has_failed for run in side if not run.is_void] for side in (before, now))
    failed = sum(was) + sum(is_now)
    ways = (comb(len(is_now), k) * comb(len(was), failed - k) for k in range(sum(is_now), failed + 1))
    return sum(ways) / comb(len(was) + len(is_now), failed) <= _RARE


def _score(run: Run, floor: float | None) -> float | None:
    if run.finite_score is not None:
        return clipped(run.finite_score, floor)
    return floor if run.has_failed else None
