"""Figures of one campaign as plain plotly JSON.

A colour is a role such as "@challenger": the page gives it a value for light, dark and paper. Scores are drawn in
the metric's own direction, improvements so that higher is better for the challenger.
"""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from ...strategies.verdict.evidence import EvidencePath, floor_of
from ...strategies.verdict.runs import clipped
from ...strategies.verdict.verdict_records import BROKEN_AT, Verdict
from ...strategies.verdict.verdict_words import odds
from .self_contained import plot_text
from .trials import Trial

Figure = dict[str, Any]
"""Data and layout for Plotly.newPlot."""
Trace = dict[str, Any]

SYMBOLS = {"@incumbent": "circle", "@challenger": "diamond", "@muted": "circle-open"}
_MOST_MARKED = 10  # longer curves are drawn without points
_LOOK_OFFSET = 0.25  # of a pair: how far right of its last pair a look is drawn


def improvement_figure(path: EvidencePath, verdict: Verdict) -> Figure:
    """Differences of the pairs and the interval after each look above, the evidence below, on one axis of pairs."""
    last = max(look.n_pairs for look in path.looks)
    ends = [0.5, last + 0.75]
    low, high = _improvement_frame(path, verdict)
    bar = verdict.stale_at
    data = [_line("no improvement", ends, 0.0, "@muted", "solid")]
    if verdict.delta is not None:
        data.append(_line("delta, the smallest improvement that matters", ends, verdict.delta, "@good", "dash"))
    data += [*_differences(path), _interval(path, low, high)]
    evidence = [1.0 if look.bounds is None else look.bounds.e_value for look in path.looks]
    shown = [*evidence, bar, 1.0]
    data.append(_line(f"STALE at {bar:.0f}:1", ends, bar, "@bad", "dash", yaxis="y2"))
    data.append(_evidence("evidence for an improvement", path, evidence, "@challenger", "circle"))
    if verdict.incumbent_failed:
        failures = [look.divergence_e for look in path.looks]
        shown += [*failures, BROKEN_AT]
        data.append(_evidence("evidence that the stored settings fail more often", path, failures, "@bad", "square"))
        if not math.isclose(bar, BROKEN_AT):
            data.append(_line(f"BROKEN at {BROKEN_AT:.0f}:1", ends, BROKEN_AT, "@bad", "dot", yaxis="y2"))
    return {
        "data": data,
        "layout": {
            "height": 580,
            "xaxis": {"title": {"text": "pairs run"}, "range": ends, "anchor": "y2", "dtick": 1 if last <= 16 else 2},
            "yaxis": {"title": {"text": "improvement"}, "range": [low, high], "domain": [0.43, 1.0]},
            "yaxis2": {"title": {"text": "evidence (to 1)"}, "domain": [0.0, 0.35], **_evidence_axis(shown)},
        },
    }


def curves_figure(
    metric: str, sign: float, unit: str, groups: Sequence[tuple[str, str, Sequence[Trial]]], floor: float | None
) -> Figure | None:
    """Learning curves: one trace for each (name, role, trials), drawn in their order; None without any report.

    Scores below `floor`, or below what `floor_of` makes of those drawn, lie outside the frame.
    """
    drawn = [(name, role, trials) for name, role, trials in groups if any(trial.curve for trial in trials)]
    if not drawn:
        return None
    reached = [score for _, _, trials in drawn for trial in trials for _, score in trial.curve]
    least = floor if floor is not None else floor_of(reached)
    shown = [sign * clipped(score, least) for score in reached]
    margin = 0.05 * (max(shown) - min(shown)) or 1.0
    return {
        "data": [trace for name, role, trials in drawn for trace in _curves(name, role, trials, sign)],
        "layout": {
            "height": 460,
            "legend": {"y": -0.22},
            "xaxis": {"title": {"text": unit}, "rangemode": "tozero"},
            "yaxis": {"title": {"text": plot_text(metric)}, "range": [min(shown) - margin, max(shown) + margin]},
        },
    }


def replicates_figure(metric: str, sign: float, trials: Sequence[Trial]) -> Figure | None:
    """The score of each replicate, their mean, and one standard deviation around it; None without a score."""
    scored = [(number, sign * trial.score) for number, trial in enumerate(trials, 1) if trial.score is not None]
    if not scored:
        return None
    x, y = (list(column) for column in zip(*scored, strict=True))
    ends, mean = [0.5, len(trials) + 0.5], fmean(y)
    data = [_line("mean", ends, mean, "@incumbent", "solid")]
    if len(y) > 1:
        data += [_line("one standard deviation", ends, mean + side * stdev(y), "@muted", "dash") for side in (1, -1)]
        data[-1]["showlegend"] = False
    data.append({"type": "scatter", "mode": "markers", "name": "one run", "x": x, "y": y,
                 "marker": {"color": "@incumbent", "size": 10}})  # fmt: skip
    return {
        "data": data,
        "layout": {
            "height": 400,
            "legend": {"y": -0.26},
            "xaxis": {"title": {"text": "replicate"}, "range": ends, "dtick": 1},
            "yaxis": {"title": {"text": plot_text(metric)}},
        },
    }


def effects_figure(effects: Sequence[tuple[str, float, float | None, float | None]]) -> Figure:
    """What each cause does to the score: rows of (cause, mean, low, high); None is a bound that does not exist."""
    rows = list(reversed(effects))  # the first on top
    arms = [(0.0 if high is None else high - mean, 0.0 if low is None else mean - low) for _, mean, low, high in rows]
    return {
        "data": [{
            "type": "scatter", "mode": "markers", "showlegend": False, "x": [mean for _, mean, _, _ in rows],
            "y": [plot_text(cause) for cause, _, _, _ in rows],
            "marker": {"color": "@challenger", "symbol": "diamond", "size": 11},
            "error_x": {"type": "data", "symmetric": False, "array": [up for up, _ in arms],
                        "arrayminus": [down for _, down in arms], "color": "@challenger", "thickness": 2.5, "width": 6},
            "hovertemplate": "%{y}: %{x:.4g}<extra></extra>",
        }],
        "layout": {
            "height": 120 + 44 * len(rows),
            "xaxis": {"title": {"text": "change in score (higher is better)"}, "zeroline": True,
                      "zerolinecolor": "@muted", "zerolinewidth": 2},
            "yaxis": {"type": "category"},
        },
    }  # fmt: skip


def _line(name: str, ends: Sequence[float], at: float, role: str, dash: str, yaxis: str = "y") -> Trace:
    return {"type": "scatter", "mode": "lines", "name": name, "x": list(ends), "y": [at, at], "yaxis": yaxis,
            "hoverinfo": "name+y", "line": {"color": role, "dash": dash, "width": 1.5}}  # fmt: skip


def _improvement_frame(path: EvidencePath, verdict: Verdict) -> tuple[float, float]:
    """The range of the improvement axis: all pairs and the last interval; early intervals may extend beyond it."""
    held = [pair.difference for pair in path.pairs if pair.difference is not None]
    held += [value for value in (0.0, verdict.delta, verdict.lower, verdict.upper) if value is not None]
    margin = 0.08 * (max(held) - min(held)) or 1.0
    return min(held) - margin, max(held) + margin


def _differences(path: EvidencePath) -> list[Trace]:
    kinds = ((False, "one pair", "circle-open"), (True, "a pair with a failed run, at the floor", "x"))
    usable = [pair for pair in path.pairs if not pair.is_lost]
    traces: list[Trace] = []
    for has_failure, name, symbol in kinds:
        marked = [
            (place, pair.difference)
            for place, pair in enumerate(usable, 1)
            if pair.has_failure == has_failure and pair.difference is not None
        ]
        if marked:
            traces.append({
                "type": "scatter", "mode": "markers", "name": name, "x": [place for place, _ in marked],
                "y": [difference for _, difference in marked],
                "marker": {"color": "@ink", "symbol": symbol, "size": 8},
                "hovertemplate": "pair %{x}: improvement %{y:.4g}<extra></extra>",
            })  # fmt: skip
    return traces


def _interval(path: EvidencePath, low: float, high: float) -> Trace:
    """Mean and bounds after each look; a bound outside the frame, or a missing one, is drawn beyond its edge."""
    bounded = [(look.n_pairs, look.bounds) for look in path.looks if look.bounds is not None]
    beyond = high - low
    up = [max(0.0, min(bounds.upper, high + beyond) - bounds.mean) for _, bounds in bounded]
    down = [max(0.0, bounds.mean - max(bounds.lower, low - beyond)) for _, bounds in bounded]
    return {
        "type": "scatter", "mode": "lines+markers", "name": "mean and interval L to U after each look",
        "x": [n + _LOOK_OFFSET for n, _ in bounded], "y": [bounds.mean for _, bounds in bounded],
        "line": {"color": "@challenger", "width": 1, "dash": "dot"},
        "marker": {"color": "@challenger", "symbol": "diamond", "size": 9},
        "error_y": {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": "@challenger",
                    "thickness": 2.5, "width": 5},
        "customdata": [[n, _bound(bounds.lower), _bound(bounds.upper)] for n, bounds in bounded],
        "hovertemplate": "after %{customdata[0]} pairs: mean %{y:.4g}, "
                         "from %{customdata[1]} to %{customdata[2]}<extra></extra>",
    }  # fmt: skip


def _bound(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "no bound"


def _evidence(name: str, path: EvidencePath, values: Sequence[float], role: str, symbol: str) -> Trace:
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "yaxis": "y2",
        "x": [look.n_pairs + _LOOK_OFFSET for look in path.looks], "y": list(values),
        "text": [f"after {look.n_pairs} pairs: {odds(value)}" for look, value in zip(path.looks, values, strict=True)],
        "line": {"color": role, "width": 2}, "marker": {"color": role, "symbol": symbol, "size": 8},
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _evidence_axis(values: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis over all of the values, with at most about five labels."""
    low, high = math.log10(min(values)), math.log10(max(values))
    return {"type": "log", "range": [low - 0.2, high + 0.2], "dtick": max(1, math.ceil((high - low) / 5))}


def _curves(name: str, role: str, trials: Sequence[Trial], sign: float) -> list[Trace]:
    """The curves of one group in one trace, with gaps; the last reports of failed trials in another."""
    points = [(trial.name, step, sign * score) for trial in trials for step, score in (*trial.curve, (None, math.nan))]
    x = [step for _, step, _ in points]
    y = [None if step is None else value for _, step, value in points]
    is_thin = role == "@muted"
    longest = max(len(trial.curve) for trial in trials)
    mode = "markers" if longest == 1 else "lines+markers" if longest <= _MOST_MARKED else "lines"
    dash = "dash" if role == "@incumbent" else "solid"
    shared = {"type": "scatter", "hovertemplate": "%{text}, step %{x}: %{y:.4g}<extra></extra>", "legendgroup": name}
    traces: list[Trace] = [shared | {
        "name": name, "mode": mode, "x": x, "y": y,
        "text": [text for text, _, _ in points], "opacity": 0.55 if is_thin else 0.9,
        "line": {"color": role, "width": 1 if is_thin else 2, "dash": dash},
        "marker": {"color": role, "size": 4 if is_thin else 7, "symbol": SYMBOLS.get(role, "circle")},
    }]  # fmt: skip
    ends = [(trial.name, *trial.curve[-1]) for trial in trials if trial.has_failed and trial.curve]
    if ends:
        traces.append(shared | {
            "name": f"{name}: diverged or crashed here", "mode": "markers", "x": [step for _, step, _ in ends],
            "y": [sign * score for _, _, score in ends], "text": [text for text, _, _ in ends],
            "marker": {"color": "@bad", "symbol": "x", "size": 10},
        })  # fmt: skip
    return traces
