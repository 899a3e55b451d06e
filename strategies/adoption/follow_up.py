"""The follow-up of an adoption: the new settings against those before, as pairs on the data of a later campaign.

The later campaign runs the new settings anyway, on fresh seeds and rows. The settings before run once more on the same
ones, so a pair costs one run. How many pairs there are was decided by the campaign's own test, which looks at another
difference; the interval takes the number as given.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

from ..records import LegRequest, LegResult, Role
from ..verdict.confidence_intervals import paired
from .gain import Gain

MOST_PAIRS = 8
LEAST_PAIRS = 4
"""With fewer the interval says nothing."""


def runs_to_repeat(results: Sequence[LegResult]) -> tuple[LegRequest, ...]:
    """The first runs of the new settings to pair, in order of their numbers; empty where there are too few."""
    completed = {
        result.request.number: result.request
        for result in results
        if result.request.is_of_confirm and result.request.role is Role.INCUMBENT and result.score is not None
    }
    wanted = sorted(completed)[:MOST_PAIRS]
    return tuple(completed[number] for number in wanted) if len(wanted) >= LEAST_PAIRS else ()


def gain_of(new: Mapping[int, float | None], before: Mapping[int, float | None]) -> Gain | None:
    """The gain from scores by the number of the pair, None for a run that failed; None with fewer than two pairs."""
    numbers = [number for number in sorted(new) if new[number] is not None and before.get(number) is not None]
    ours, theirs = ([score for n in numbers if (score := side[n]) is not None] for side in (new, before))
    interval = paired(theirs, ours)
    if interval is None:
        return None
    failed = sum(score is None for score in before.values())
    return Gain(len(numbers), interval.mean, interval.low, interval.high, fmean(theirs), failed)
