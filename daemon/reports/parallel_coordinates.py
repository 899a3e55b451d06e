"""The search in parallel coordinates, as plain plotly JSON (see figures.py).

Drawn from plain lines: plotly.js' own parallel coordinates need WebGL, which does not print and compiles code that the
page's content policy forbids, and they cannot highlight a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...strategies.hyperparameter import Hyperparameter
from ...strategies.space import Space
from ...strategies.verdict.evidence import floor_of
from ...strategies.verdict.notice import render
from ...strategies.verdict.runs import clipped
from .figures import SYMBOLS, Figure, Trace
from .self_contained import plot_text
from .trials import Trial

SHADES = 9  # roles @score0 (lowest) to @score8
_CHOICE_SPREAD = 0.6  # the share of a choice's place over which lines through it are spread
_NO_SCORE_AT = -0.16  # where lines without a score end, below the axis
_FRAME = (-0.24, 1.06)
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_LONGEST_LABEL = 16


@dataclass(frozen=True, slots=True)
class _ScoreAxis:
    """The axis of development scores: `low` is drawn at 0, `high` at 1; `is_cut`: some scores are below `low`."""

    low: float
    high: float
    is_cut: bool

    def place(self, score: float | None) -> float | None:
        """The score's place on the axis; None without a score."""
        if score is None:
            return None
        return 0.5 if self.high == self.low else max(0.0, (score - self.low) / (self.high - self.low))

    def ticks(self, sign: float) -> list[tuple[float, str]]:
        """Places and their metric values."""
        if self.high == self.low:
            return [(0.5, f"{sign * self.high + 0.0:.4g}")]
        values = [(at, f"{sign * (self.low + at * (self.high - self.low)) + 0.0:.3g}") for at in _TICKS]
        return [(0.0, f"{values[0][1]} or worse"), *values[1:]] if self.is_cut else values


def coordinates_figure(
    space: Space, metric: str, sign: float, trials: Sequence[Trial], incumbent: str, challenger: str | None
) -> Figure:
    """One axis per hyperparameter, scaled as the search scales it, and one for the score; one line per trial.

    `incumbent` and `challenger` are the names of the highlighted trials.
    """
    axes = space.movable or space.hyperparameters
    scores = _score_axis(trials)
    ordered = sorted(trials, key=lambda trial: trial.rank)
    lit = {incumbent: "incumbent", challenger: "challenger"}
    behind: list[Trace] = []
    front: list[Trace] = []
    for index, trial in enumerate(ordered):
        line = _line(trial, index / max(1, len(ordered) - 1), space, axes, scores)
        if trial.name in lit:
            front.append(_lit(line, lit[trial.name]))
        else:
            behind.append(line)
    return {
        "data": [*([] if scores is None else [_scale()]), *behind, *front, *_legend(ordered)],
        "layout": {
            "height": 480,
            "margin": {"t": 40},
            "annotations": _labels(axes, scores, sign, any(trial.score is None for trial in trials)),
            "xaxis": {
                "tickvals": list(range(len(axes) + 1)),
                "ticktext": [*(plot_text(axis.name) for axis in axes), f"<b>{plot_text(metric)}</b>"],
                "range": [-0.15, 1.15 * len(axes)], "side": "top", "gridcolor": "@muted",
            },
            "yaxis": {"visible": False, "range": list(_FRAME)},
            "legend": {"y": -0.02},
        },
    }  # fmt: skip


def _score_axis(trials: Sequence[Trial]) -> _ScoreAxis | None:
    """The score axis, which one absurd score does not flatten; None where no trial has a score."""
    scores = [trial.score for trial in trials if trial.score is not None]
    if not scores:
        return None
    least = floor_of(scores)
    low = min(clipped(score, least) for score in scores)
    return _ScoreAxis(low, max(scores), min(scores) < low)


def _line(
    trial: Trial, spread: float, space: Space, axes: Sequence[Hyperparameter], scores: _ScoreAxis | None
) -> Trace:
    """One trial; `spread`, from 0 to 1, separates the lines through one choice."""
    configuration = trial.last.request.configuration
    unit = dict(zip(space.names, space.to_unit(configuration), strict=True))
    choices = [axis for axis in axes if axis.low is None]
    offsets = {axis.name: (spread - 0.5) * _CHOICE_SPREAD / max(1, len(axis.options)) for axis in choices}
    y = [unit[axis.name] + offsets.get(axis.name, 0.0) if axis.name in configuration else None for axis in axes]
    place = None if scores is None else scores.place(trial.score)
    role = "@muted" if place is None else f"@score{min(SHADES - 1, int(place * SHADES))}"
    is_early = trial.was_stopped or not trial.is_full
    symbol = "x" if place is None and not trial.was_stopped else "circle-open" if is_early else "circle"
    values = ", ".join(f"{name} {render(value)}" for name, value in configuration.items())
    return {
        "type": "scatter", "mode": "lines+markers", "showlegend": False, "name": trial.name,
        "x": list(range(len(axes) + 1)), "y": [*y, _NO_SCORE_AT if place is None else place],
        "hovertemplate": f"{trial.name}: {plot_text(values)}<br>{_fate(trial)}<extra></extra>",
        "line": {"color": role, "width": 1.5, "dash": "dot" if place is None else "solid"},
        "opacity": 0.95 if trial.is_full or place is None else 0.6,
        "marker": {"color": role, "size": [0] * len(axes) + [9], "symbol": [symbol] * (len(axes) + 1),
                   "opacity": 1},
    }  # fmt: skip


def _fate(trial: Trial) -> str:
    if trial.score is None:
        return trial.last.detail if trial.was_stopped else trial.last.end.value
    reached = "" if trial.is_full else f", stopped at {trial.last.request.to_step:g}"
    return f"score {trial.score:.4g} (higher is better){reached}"


def _lit(line: Trace, who: str) -> Trace:
    """The line, highlighted; its last symbol still shows how the trial ended."""
    count = len(line["x"])
    symbol = SYMBOLS[f"@{who}"]
    last = "x" if line["marker"]["symbol"][-1] == "x" else symbol
    marker = {"color": f"@{who}", "size": [10] * (count - 1) + [13], "symbol": [symbol] * (count - 1) + [last],
              "opacity": 1}  # fmt: skip
    style = {"color": f"@{who}", "width": 4, "dash": "dash" if who == "incumbent" else "solid"}
    name = {"incumbent": "stored settings", "challenger": "challenger"}[who]
    return line | {"line": style, "marker": marker, "opacity": 1.0, "showlegend": True, "name": name}


def _legend(trials: Sequence[Trial]) -> list[Trace]:
    """Legend entries for the ends of lines that occur."""
    entries = (
        ("trained in full", "circle", any(trial.is_full and trial.score is not None for trial in trials)),
        (
            "stopped early",
            "circle-open",
            any(trial.was_stopped or (not trial.is_full and trial.score is not None) for trial in trials),
        ),
        ("diverged or crashed", "x", any(trial.score is None and not trial.was_stopped for trial in trials)),
    )
    return [
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": name, "hoverinfo": "skip",
         "marker": {"color": "@ink", "symbol": symbol, "size": 9}}
        for name, symbol, is_there in entries if is_there
    ]  # fmt: skip


def _scale() -> Trace:
    """The strip of colours next to the score axis, whose labels it shares."""
    low, high = ((at - _FRAME[0]) / (_FRAME[1] - _FRAME[0]) for at in (0.0, 1.0))
    edges = [index / SHADES for index in range(SHADES + 1)]
    colours = [(edge, f"@score{index}") for index in range(SHADES) for edge in edges[index : index + 2]]
    bar = {"thickness": 12, "len": high - low, "y": low, "yanchor": "bottom", "ypad": 0, "x": 1.0, "outlinewidth": 0,
           "showticklabels": False, "ticks": ""}  # fmt: skip
    return {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "showlegend": False, "hoverinfo": "skip",
            "marker": {"color": [0], "cmin": 0, "cmax": 1, "showscale": True, "colorscale": colours,
                       "colorbar": bar}}  # fmt: skip


def _labels(axes: Sequence[Hyperparameter], scores: _ScoreAxis | None, sign: float, has_unscored: bool) -> list[Trace]:
    labels = [_label(position, at, text) for position, axis in enumerate(axes) for at, text in _places(axis)]
    labels += [_label(len(axes), at, text) for at, text in ([] if scores is None else scores.ticks(sign))]
    return [*labels, _label(len(axes), _NO_SCORE_AT, "no score")] if has_unscored else labels


def _places(parameter: Hyperparameter) -> list[tuple[float, str]]:
    """Places on an axis and the values there, without repeated values."""
    if parameter.is_fixed:
        return []
    if parameter.low is None:
        count = len(parameter.options)
        return [((index + 0.5) / count, render(option)) for index, option in enumerate(parameter.options)]
    texts = {render(parameter.from_unit(at)): at for at in _TICKS}
    return [(parameter.to_unit(parameter.from_unit(at)), text) for text, at in texts.items()]


def _label(position: int, at: float, text: str) -> Trace:
    short = text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
    return {"x": position, "y": at, "text": plot_text(short), "showarrow": False, "xanchor": "left", "xshift": 6,
            "font": {"size": 11, "color": "@ink"}, "bgcolor": "@veil"}  # fmt: skip
