"""Drawings of a running campaign: learning curves and paired differences, as points that SVG takes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from threading import Lock

from ..state.campaigns.legs import Reports, reports_in
from ..state.campaigns.phase_records import Look

WIDTH, HEIGHT, EDGE, DASH = 720, 260, 8, 12
MOST_POINTS = 200
"""Of one curve; more of them are no wider than a pixel."""
FEWER_POINTS = ((100, MOST_POINTS), (250, 80))
FEWEST_POINTS = 40
"""Where there are more curves than so many, each has fewer points: what is seen stays, and the page stays small."""
MOST_KEPT = 1000
LOW_SHARE = 0.05  # of all points may lie below the frame: one absurd score must not flatten all others

Point = tuple[float, float]
_VALUE = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Curve:
    """The reports of one trial as (step, metric). `fate`: alive, dead or incumbent, which is how it is drawn."""

    name: str
    fate: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A curve in the drawing: `points` as SVG wants them, a single one as a dash."""

    name: str
    fate: str
    points: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The lines, and what stands at the ends of the axes."""

    lines: tuple[Line, ...]
    low: float
    high: float
    last_step: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A pair in the drawing of differences; `x` and `y` of its mark, `value` in the metric's units, better upwards."""

    number: int
    value: float
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Bar:
    """What so many pairs said: the test's interval, from `low_y` up to `high_y` in the drawing, around the mean.

    `lower`, `upper` None: there is no such bound yet, and the bar ends at the frame.
    """

    pairs: int
    lower: float | None
    upper: float | None
    x: float
    low_y: float
    high_y: float
    mean_y: float


@dataclass(frozen=True, slots=True)
class Differences:
    """The marks of pairs, the bars of the looks, the height of no difference and that of the marks' mean. `failed`: how
    many pairs have no mark, because a run of theirs has no score."""

    marks: tuple[Difference, ...]
    failed: int
    bars: tuple[Bar, ...]
    zero_y: float
    mean: float
    mean_y: float


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> tuple[Point, ...]:
    """At most `most` of the points: the first, the last, and of each stretch between them the lowest and the highest,
    so that no spike is lost. `most` is 4 or more."""
    if len(points) <= most:
        return tuple(points)
    inner, stretches = points[1:-1], (most - 2) // 2
    kept = [points[0]]
    for number in range(stretches):
        part = inner[len(inner) * number // stretches : len(inner) * (number + 1) // stretches]
        ends = {min(part, key=_VALUE), max(part, key=_VALUE)}
        kept += sorted(ends, key=part.index)
    return (*kept, points[-1])


def points_for(count: int) -> int:
    """How many points each of so many curves has."""
    return next((points for most, points in FEWER_POINTS if count <= most), FEWEST_POINTS)


class Thinned:
    """The reports of legs that have ended, which do not change any more, thinned once for all who look."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._kept: dict[tuple[int, str, int, int], Reports] = {}
        self._lock = Lock()

    def reader(self, campaign: int, most: int) -> Callable[[str, bytes], Reports]:
        """What reads the reports of the campaign's legs, with at most so many points."""

        def read(leg: str, stored: bytes) -> Reports:
            key = (campaign, leg, most, len(stored))
            with self._lock:
                known = self._kept.get(key)
            if known is not None:
                return known
            points = thinned([point for point in reports_in(leg, stored) if math.isfinite(point[1])], most)
            with self._lock:
                self._kept[key] = points
                while len(self._kept) > MOST_KEPT:
                    del self._kept[next(iter(self._kept))]
            return points

        return read


def drawn(curves: Sequence[Curve], sign: float) -> Drawing | None:
    """The curves in one frame, those that ended badly first, so that they lie below; None without a point.

    `sign`: 1 where higher is better, else -1; the worst points may lie outside the frame.
    """
    most = points_for(len(curves))
    thin = [(curve, thinned(curve.points, most)) for curve in curves if curve.points]
    values = sorted(sign * value for _, points in thin for _, value in points)
    if not values:
        return None
    worst, best = values[int(LOW_SHARE * (len(values) - 1))], values[-1]
    last_step = max(points[-1][0] for _, points in thin) or 1.0

    def at(step: float, value: float) -> tuple[float, float]:
        share = 0.5 if best == worst else max(0.0, (sign * value - worst) / (best - worst))
        height = share if sign > 0 else 1 - share  # the metric itself grows upwards
        return _across(step / last_step), _up(height)

    order = {"dead": 0, "alive": 1, "incumbent": 2}
    lines = tuple(
        Line(curve.name, curve.fate, _as_text([at(*point) for point in points]))
        for curve, points in sorted(thin, key=lambda both: order[both[0].fate])
    )
    low, high = sorted((sign * worst, sign * best))
    return Drawing(lines, low, high, last_step)


def differences(pairs: Sequence[tuple[int, float | None]], looks: Sequence[Look] = ()) -> Differences | None:
    """The differences of pairs by number, positive where the challenger is better, and what the looks at them said;
    None without one. Bars are cut at the frame, which is that of the differences and of the looks' means."""
    values = [value for _, value in pairs if value is not None]
    if not values:
        return None
    reach = max(*(abs(value) for value in values), *(abs(look.mean) for look in looks), 1e-12)
    mean = sum(values) / len(values)

    def height(value: float) -> float:
        return _up(0.5 + 0.5 * value / reach)

    marks = tuple(
        Difference(number, value, _across((place + 0.5) / len(pairs)), height(value))
        for place, (number, value) in enumerate(pairs)
        if value is not None
    )

    def within(value: float | None, beyond: float) -> float:
        return height(max(-reach, min(reach, beyond if value is None else value)))

    bars = tuple(
        Bar(look.pairs, look.lower, look.upper, _across(look.pairs / len(pairs)),
            within(look.lower, -reach), within(look.upper, reach), within(look.mean, 0.0))
        for look in looks if look.pairs <= len(pairs)
    )  # fmt: skip
    return Differences(marks, len(pairs) - len(marks), bars, height(0.0), mean, height(mean))


def _as_text(places: list[tuple[float, float]]) -> str:
    if len(places) == 1:
        ((x, y),) = places
        places = [(max(x - DASH, 0.0), y), (x, y)]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _across(share: float) -> float:
    return EDGE + share * (WIDTH - 2 * EDGE)


def _up(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)
