"""Drawings of a search as it goes on: its rungs, its trials in parallel coordinates, and a panda's days."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...strategies.hyperparameter import Hyperparameter
from ...strategies.panda.diary import DayEnd
from ...strategies.records import LegResult, Purpose
from ...strategies.space import Space
from ...strategies.verdict.notice import render
from ..reports.trials import Trial
from ..state.campaigns.phase_records import PandaDiary
from .curves import EDGE, HEIGHT, LOW_SHARE, WIDTH, Curve, Drawing, drawn
from .languages import ENGLISH, Say

MOST_AXES, MOST_LINES, MOST_NUDGES = 12, 200, 30
TOP = 30  # above the axes: their names
_TICKS = (0.0, 0.5, 1.0)
_CHOICE_SPREAD = 0.6  # the share of a choice's place over which lines through it are spread


@dataclass(frozen=True, slots=True)
class Rung:
    """A budget at which trials were compared: how many came to it, how many went on from it, and the best score there;
    None: none has one."""

    step: float
    trials: int
    went_on: int
    best: float | None


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of the drawing at `x`; `ticks`: heights and the values there."""

    name: str
    x: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class TrialLine:
    """A trial across all axes; `shade` from 0, the worst score, to 4; None: it has none. `words` say what it is."""

    points: str
    shade: int | None
    is_incumbent: bool
    words: str


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The search in parallel coordinates; the last axis is the score. `left_out`: trials that are not drawn."""

    axes: tuple[Axis, ...]
    lines: tuple[TrialLine, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class PandaPath:
    """A panda's days: a line for each life, and what happened, newest first."""

    drawing: Drawing | None
    days: int
    returns: int
    nudges: tuple[str, ...]


def rungs_of(results: Sequence[LegResult]) -> tuple[Rung, ...]:
    """The rungs of the search so far, from the lowest."""
    legs = [leg for leg in results if leg.request.purpose is Purpose.SEARCH]
    steps = sorted({leg.request.to_step for leg in legs})
    at = [{leg.request.trial: leg.score for leg in legs if leg.request.to_step == step} for step in steps]
    return tuple(
        Rung(
            step,
            len(here),
            sum(trial in above for trial in here for above in at[place + 1 : place + 2]),
            max((score for score in here.values() if score is not None), default=None),
        )
        for place, (step, here) in enumerate(zip(steps, at, strict=True))
    )


def coordinates(
    space: Space, trials: Sequence[Trial], sign: float, incumbent: str, say: Say = ENGLISH
) -> Coordinates | None:
    """Each trial as a line across its hyperparameters and its score; None with fewer than two trials that have one.

    The best ones are kept where there are too many; of many hyperparameters the first ones are shown.
    """
    axes = (space.movable or space.hyperparameters)[:MOST_AXES]
    scores = sorted(trial.score for trial in trials if trial.score is not None)
    if len(scores) < 2 or not axes:
        return None
    low, high = scores[int(LOW_SHARE * (len(scores) - 1))], scores[-1]
    ordered = sorted(trials, key=lambda trial: trial.rank)
    kept = [trial for trial in ordered if trial.name == incumbent or trial in ordered[-MOST_LINES:]]
    lines = [
        _line(trial, place / max(1, len(kept) - 1), space, axes, (low, high), sign, trial.name == incumbent, say)
        for place, trial in enumerate(kept)
    ]
    ends = tuple((_height(at), f"{sign * (low + at * (high - low)) + 0.0:.3g}") for at in _TICKS)
    score_axis = Axis("score", _across(len(axes), len(axes)), ends if high > low else ends[:1])
    drawn_axes = tuple(_axis(axis, place, len(axes)) for place, axis in enumerate(axes))
    return Coordinates((*drawn_axes, score_axis), tuple(sorted(lines, key=_over)), len(trials) - len(kept))


def path_of(diary: PandaDiary, sign: float, say: Say = ENGLISH) -> PandaPath:
    """The days of a panda; a life that goes back to an earlier day goes on as a line of its own from there."""
    by_trial: dict[str, list[DayEnd]] = {}
    for day_end in diary.day_ends:
        by_trial.setdefault(day_end.trial, []).append(day_end)
    lived = say.gettext("%(trial)s, days %(first)d to %(last)d")
    curves = [
        Curve(lived % {"trial": trial, "first": ends[0].day, "last": ends[-1].day},
              "incumbent" if trial == diary.best_trial else "alive",
              tuple((float(end.day), sign * end.score) for end in ends if end.score is not None))
        for trial, ends in by_trial.items()
    ]  # fmt: skip
    steps = [end.step for end in diary.day_ends]
    returns = sum(later < earlier for earlier, later in pairwise(steps))
    told = tuple(nudge.sentence for nudge in diary.nudges[::-1][:MOST_NUDGES])
    return PandaPath(drawn(curves, sign), diary.days, returns, told)


def _line(
    trial: Trial, spread: float, space: Space, axes: Sequence[Hyperparameter], ends: tuple[float, float], sign: float,
    is_incumbent: bool, say: Say,
) -> TrialLine:  # fmt: skip
    configuration = trial.last.request.configuration
    unit = dict(zip(space.names, space.to_unit(configuration), strict=True))
    places = [
        (place, _at(axis, unit[axis.name], spread)) for place, axis in enumerate(axes) if axis.name in configuration
    ]
    low, high = ends
    share = None if trial.score is None else 0.5 if high == low else max(0.0, (trial.score - low) / (high - low))
    if share is not None:
        places.append((len(axes), share))
    points = " ".join(f"{_across(place, len(axes)):.1f},{_height(height):.1f}" for place, height in places)
    values = ", ".join(f"{name} {render(value)}" for name, value in configuration.items())
    said = say.gettext("no score") if trial.score is None else f"{sign * trial.score:.4g}"
    shade = None if share is None else min(4, int(share * 5))
    return TrialLine(points, shade, is_incumbent, f"{trial.name}: {said}; {values}")


def _over(line: TrialLine) -> tuple[bool, int]:
    """Sorts lines so that the better ones lie above."""
    return line.is_incumbent, -1 if line.shade is None else line.shade


def _at(axis: Hyperparameter, unit: float, spread: float) -> float:
    """A value's place on its axis; lines through one choice lie side by side."""
    inside = min(1.0, max(0.0, unit))
    return inside if axis.low is not None else inside + (spread - 0.5) * _CHOICE_SPREAD / max(1, len(axis.options))


def _axis(axis: Hyperparameter, place: int, last: int) -> Axis:
    if axis.low is None:
        count = len(axis.options)
        ticks = [((number + 0.5) / count, render(option)) for number, option in enumerate(axis.options)]
    else:
        ticks = [(at, render(axis.from_unit(at))) for at in _TICKS]
    return Axis(axis.name, _across(place, last), tuple((_height(at), text[:16]) for at, text in ticks))


def _across(place: int, last: int) -> float:
    """The last axis leaves room for its labels."""
    return EDGE + (WIDTH - 2 * EDGE - 70) * place / max(1, last)


def _height(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - EDGE - TOP)
