"""What a re-evaluation finds, search and test together, by the size of its search.

From a table of simulated campaigns (benchmarks/detection.py): the default test, unit noise, an optimum that moved on
bowls and saturating landscapes. Real landscapes may be harder to search: the figures calibrate, they bound nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from .choose import Strategy
from .detection_table import CURVES
from .samplers import Sampler
from .search_size import ENOUGH, LEAST, TESTS_RUNS, WANTED

EIGHT_OF_TEN = 0.8
_NORMAL = NormalDist()
Curve = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Detection:
    """The share of campaigns that end STALE as a function of the gap, which is the stored settings' loss against the
    best ones in standard deviations of a paired difference: normal(at_one + slope log(gap))."""

    at_one: float
    slope: float

    def share(self, gap: float) -> float:
        """How often a loss of `gap` is found."""
        return _NORMAL.cdf(self.at_one + self.slope * math.log(gap)) if gap > 0 else 0.0

    def gap(self, share: float = EIGHT_OF_TEN) -> float:
        """The loss that is found so often."""
        return math.exp((_NORMAL.inv_cdf(share) - self.at_one) / self.slope)


def detection_by(
    strategy: Strategy, sampler: Sampler, coordinates: int, challengers: int, stages: int
) -> Detection | None:
    """What a campaign with this strategy and sampler finds; None where nothing was simulated, as for panda."""
    if strategy is not Strategy.CAVIAR or sampler is not Sampler.AUTO:
        return None
    return detection_of(coordinates, challengers, stages)


def detection_of(
    coordinates: int,
    challengers: int,
    stages: int,
    curves: Mapping[tuple[int, int, int], Curve] = CURVES,
) -> Detection | None:
    """What searches of so many challengers a stage find among so many coordinates; None beyond what was simulated.

    Between the table's sizes the curves are interpolated in the logarithm of the challengers and in the coordinates;
    more challengers than the table's most count as the most.
    """
    known = sorted({row[0] for row in curves if row[2] == stages})
    if not known or not known[0] <= coordinates <= known[-1]:
        return None
    low = max(number for number in known if number <= coordinates)
    high = min(number for number in known if number >= coordinates)
    ends = [_of_size(number, challengers, stages, curves) for number in (low, high)]
    if ends[0] is None or ends[1] is None:
        return None
    at = 0.0 if low == high else (coordinates - low) / (high - low)
    return Detection(*_between(ends[0], ends[1], at))


def _of_size(
    coordinates: int, challengers: int, stages: int, curves: Mapping[tuple[int, int, int], Curve]
) -> Curve | None:
    sizes = sorted(size for number, size, count in curves if (number, count) == (coordinates, stages))
    if challengers < sizes[0]:
        return None
    low = max(size for size in sizes if size <= challengers)
    high = min((size for size in sizes if size >= challengers), default=low)
    at = 0.0 if low == high else math.log(challengers / low) / math.log(high / low)
    return _between(curves[coordinates, low, stages], curves[coordinates, high, stages], at)


def _between(low: Curve, high: Curve, at: float) -> Curve:
    return low[0] + at * (high[0] - low[0]), low[1] + at * (high[1] - low[1])


@dataclass(frozen=True, slots=True)
class Offer:
    """A size of search, the full runs that it takes with its tests, and how often it finds a given loss."""

    challengers: int
    stages: int
    runs: int
    share: float

    @property
    def sentence(self) -> str:
        """The offer as a clause."""
        stages = "in one stage" if self.stages == 1 else f"a stage, {self.stages} stages at most"
        return f"about {self.runs} runs ({self.challengers} challengers {stages}) find it in {self.share:.0%}"


def offers(coordinates: int, gap: float, curves: Mapping[tuple[int, int, int], Curve] = CURVES) -> tuple[Offer, ...]:
    """What smaller and larger searches would find of a loss of `gap` standard deviations, the cheapest first."""
    sizes = {(LEAST, 1), (max(LEAST, ENOUGH * coordinates), 2), (max(LEAST, WANTED * coordinates), 2)}
    found = []
    for challengers, stages in sorted(sizes, key=lambda size: size[0] * size[1]):
        detection = detection_of(coordinates, challengers, stages, curves)
        if detection is not None:
            runs = stages * (challengers + TESTS_RUNS) + 1
            found.append(Offer(challengers, stages, runs, detection.share(gap)))
    return tuple(found)
