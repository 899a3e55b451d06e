"""The drift of a model as a drawing: how much better than the stored settings the challenger of each re-evaluation did,
with the interval of the test, and where what changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from ...strategies.drift.drift import DriftPoint
from ...strategies.drift.segments import segments
from ...strategies.verdict.verdict_words import figure
from .curves import EDGE, HEIGHT, WIDTH
from .languages import ENGLISH, Say
from .terms import interval_of

TOP, BOTTOM = 44, 16  # room for the numbers of the notes above, and below for half a mark
MOST_NOTES = 20
REACH = 3.0  # times the largest improvement: an interval that goes further is cut, so that it flattens no other


@dataclass(frozen=True, slots=True)
class DriftMark:
    """A re-evaluation in the drawing: its verdict at (`x`, `y`), its interval from `low_y` up to `high_y`, both None
    where no pairs were run, and what it says in words."""

    outcome: str
    x: float
    y: float
    low_y: float | None
    high_y: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that explains a step of the curve, numbered from the left. `is_break`: an owner changed something, and
    what follows is not to be compared with what came before; else a cause that the campaign found."""

    number: int
    x: float
    at: datetime
    campaign: int
    words: str
    is_break: bool


@dataclass(frozen=True, slots=True)
class DriftCurve:
    """The marks from the oldest to the newest, the height of no improvement, the ends of the frame, and the notes."""

    marks: tuple[DriftMark, ...]
    zero_y: float
    low: float
    high: float
    notes: tuple[Note, ...]
    metric: str


def drift_curve(points: Sequence[DriftPoint], say: Say = ENGLISH) -> DriftCurve | None:
    """The curve of these campaigns, oldest first; None where none of them ran pairs."""
    judged = [point for point in points if point.outcome is not None]
    means = [point.mean for point in judged if point.mean is not None]
    if not means:
        return None
    reach = REACH * max(abs(mean) for mean in means)
    ends = [bound for point in judged for bound in (point.lower, point.upper) if bound is not None]
    seen = [0.0, *means, *(max(-reach, min(reach, bound)) for bound in ends)]
    low, high = min(seen), max(seen)

    def height(value: float) -> float:
        share = 0.5 if high == low else (min(high, max(low, value)) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def mark(place: int, point: DriftPoint) -> DriftMark:
        lower, upper = (None, None) if point.mean is None else (
            height(low if point.lower is None else point.lower), height(high if point.upper is None else point.upper)
        )  # fmt: skip
        outcome = "" if point.outcome is None else point.outcome.value
        return DriftMark(
            outcome, _across(place, len(judged)), height(point.mean or 0.0), lower, upper, _said(point, say)
        )

    marks = tuple(mark(place, point) for place, point in enumerate(judged))
    notes = tuple(Note(number, *found) for number, found in enumerate(list(_notes(judged))[-MOST_NOTES:], start=1))
    return DriftCurve(marks, height(0.0), low, high, notes, judged[-1].metric)


def _notes(judged: Sequence[DriftPoint]) -> Iterator[tuple[float, datetime, int, str, bool]]:
    """What explains the curve, from the left: before a campaign what its owner changed, at it the causes it found, once
    while they stay the same."""
    starts = {segment.start: segment.why for segment in segments(judged) if segment.why}
    told = ""
    for place, point in enumerate(judged):
        if place in starts:
            told = ""
            yield _across(place - 0.5, len(judged)), point.at, point.campaign_id, starts[place], True
        if point.cause and point.cause != told:
            yield _across(place, len(judged)), point.at, point.campaign_id, point.cause, False
        told = point.cause


def _said(point: DriftPoint, say: Say) -> str:
    """A re-evaluation in words."""
    day, verdict = f"{point.at:%Y-%m-%d}", point.label or str(point.outcome)
    head = say.gettext("%(day)s, campaign %(number)d: %(verdict)s")
    parts = [head % {"day": day, "number": point.campaign_id, "verdict": verdict}]
    if point.mean is None:
        return "; ".join([*parts, say.gettext("no challenger was worth pairs")])
    better = say.gettext("the challenger did better by %(mean)s (%(interval)s)")
    parts.append(better % {"mean": figure(point.mean), "interval": interval_of(point.lower, point.upper, say)})
    return "; ".join([*parts, point.cause] if point.cause else parts)


def _across(place: float, count: int) -> float:
    return EDGE + (place + 0.5) / count * (WIDTH - 2 * EDGE)
