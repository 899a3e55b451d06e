"""The drift record of a model as a picture or a self-contained page."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...strategies.drift.drift import DriftPoint
from ...strategies.drift.segments import Segment, segments
from ...strategies.errors import InputError
from ...strategies.words import readable
from ..state.models.registry import Model
from .self_contained import cannot_write, check_target, content_policy, plot_text, plotly_script, script_json

SUFFIXES = (".png", ".svg", ".html")


def write_plot(model: Model, points: Sequence[DriftPoint], path: Path) -> None:
    """Draw the drift record into a .png, .svg or self-contained .html file. Raises InputError for anything else."""
    check_target(path, "--plot", SUFFIXES, "for instance drift.png")
    if not points:
        raise InputError(f"{model.name} has no finished campaign to draw", "", f"run: retuned retune {model.name}")
    try:
        _write_html(model, points, path) if path.suffix == ".html" else _write_image(model, points, path)
    except OSError as error:
        raise cannot_write(path, error) from None


COLOURS = {
    "fresh": "#2f7d4f",
    "stale": "#b7412c",
    "degraded": "#b07d16",
    "broken": "#7a1f1f",
    "inconclusive": "#6b7280",
}
_NEUTRAL = "#1f4e79"
_BREAK = "#6b7280"


def _write_image(model: Model, points: Sequence[DriftPoint], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    stretches = segments(points)
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6), sharex=True, height_ratios=(3, 2), layout="constrained")
    labels = [_label(point) for point in points]
    places = range(len(points))
    for name, style in (("incumbent", "o-"), ("challenger", "s--")):
        lines = [line for segment in stretches if (line := _line(segment, name))]
        for number, line in enumerate(lines):
            label = _LEGEND[name] if number == 0 else None
            above.plot(*zip(*line, strict=True), style, label=label, color=_SERIES[name])
    for segment in stretches:
        if segment.why:
            for axes in (above, below):
                axes.axvline(
                    segment.start - 0.5, color=_BREAK, linestyle=":", linewidth=1.2, gid=f"break-{segment.start}"
                )
        above.text(segment.start - 0.47, 0.02, mathless(segment.label), transform=above.get_xaxis_transform(),
                   rotation=90, va="bottom", ha="left", fontsize=7, color=_BREAK)  # fmt: skip
    for at, point in zip(places, points, strict=True):
        if point.outcome is not None:
            colour = COLOURS[point.outcome.value]
            above.axvspan(at - 0.4, at + 0.4, color=colour, alpha=0.10, linewidth=0)
            above.annotate(point.outcome.value.upper(), (at, 1.01), xycoords=("data", "axes fraction"), ha="center",
                           color=colour, fontsize=9, fontweight="bold")  # fmt: skip
        if point.mean is not None:
            low, high = (point.mean if bound is None else bound for bound in (point.lower, point.upper))
            below.plot(at, point.mean, "o", color=COLOURS[(point.outcome or "inconclusive")])
            below.vlines(at, low, high, color=COLOURS[(point.outcome or "inconclusive")], linewidth=4)
    above.set_ylabel(mathless(_metrics(points)))
    if above.get_legend_handles_labels()[0]:
        above.legend(frameon=False)
    below.axhline(0.0, color="#9ca3af", linewidth=1)
    below.set_ylabel("improvement\nand its bounds")
    below.set_xticks(list(places), labels)
    figure.suptitle(mathless(f"{model.name}: {model.file.goal.metric} of the stored settings over time"))
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _line(segment: Segment, name: str) -> list[tuple[int, float]]:
    """(place, score) of one side of a segment, in the direction of the metric that it was measured with."""
    scores = [(at, getattr(point, name), point.sign) for at, point in enumerate(segment.points, start=segment.start)]
    return [(at, sign * score) for at, score, sign in scores if score is not None]


def _metrics(points: Sequence[DriftPoint]) -> str:
    """What the scores are of; more than one metric where the owner changed it."""
    return " / ".join(dict.fromkeys(point.metric for point in points))


_LEGEND = {"incumbent": "stored settings, re-trained", "challenger": "challenger, same seeds and rows"}
_SERIES = {"incumbent": _NEUTRAL, "challenger": "#d97706"}


def mathless(text: str) -> str:
    """A text as matplotlib draws it: cleaned for people, and without formulas, which stand between dollar signs."""
    return readable(text).replace("\\$", "$").replace("$", r"\$")


def _label(point: DriftPoint) -> str:
    return f"{point.at:%Y-%m-%d}\n#{point.campaign_id} {'baseline' if point.kind == 'baseline' else point.trigger}"


def _write_html(model: Model, points: Sequence[DriftPoint], path: Path) -> None:
    """One file that fetches nothing: plotly's script is embedded, the figure is plain JSON."""
    metric = readable(model.file.goal.metric)
    title = f"{model.name}: {metric} of the stored settings over time"
    layout = {
        "title": {"text": plot_text(title)},
        "xaxis": {"anchor": "y2", "type": "category"},
        "yaxis": {"title": {"text": plot_text(_metrics(points))}, "domain": [0.45, 1.0]},
        "yaxis2": {"title": {"text": "improvement, lower to upper bound"}, "domain": [0.0, 0.35], "zeroline": True},
        "height": 640,
        "shapes": [_break_shape(segment) for segment in segments(points) if segment.why],
        "annotations": [_label_of(segment) for segment in segments(points)],
    }
    figure = script_json({"data": _traces(points), "layout": layout})
    library = plotly_script()
    script = f'const figure = {figure};Plotly.newPlot("drift", figure.data, figure.layout);'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{content_policy(library, script)}">'
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{policy}<title>{html.escape(title)}</title></head>'
        f'<body><div id="drift"></div><script>{library}</script><script>{script}</script></body></html>',
        encoding="utf-8",
    )


def _traces(points: Sequence[DriftPoint]) -> list[dict[str, Any]]:
    """Scores of incumbent and challenger above, the bounds of the improvement below, one place per campaign."""
    places = [_place(point) for point in points]
    traces: list[dict[str, Any]] = []
    for name in ("incumbent", "challenger"):
        x, y = _interrupted(points, name)
        line = {"color": _SERIES[name]}
        traces.append({"type": "scatter", "mode": "lines+markers", "name": _LEGEND[name], "x": x, "y": y, "line": line})
    judged = [(place, p) for place, p in zip(places, points, strict=True) if p.mean is not None and p.outcome]
    improvements = [
        (place, p.mean, _arm(p.upper, p.mean), _arm(p.mean, p.lower), COLOURS[p.outcome])
        for place, p in judged
        if p.outcome
    ]
    if improvements:
        x, y, up, down, colours = (list(column) for column in zip(*improvements, strict=True))
        bounds = {"type": "data", "array": up, "arrayminus": down, "symmetric": False}
        trace = {
            "type": "scatter",
            "mode": "markers",
            "name": "improvement and its bounds",
            "x": x,
            "y": y,
            "yaxis": "y2",
        }
        traces.append(trace | {"error_y": bounds, "marker": {"color": colours}})
    return traces


def _interrupted(points: Sequence[DriftPoint], name: str) -> tuple[list[str], list[float | None]]:
    """Places and scores of one side; an entry without a score interrupts the line where a new segment begins."""
    x: list[str] = []
    y: list[float | None] = []
    for segment in segments(points):
        if segment.why:
            x.append(_place(segment.points[0]))
            y.append(None)
        for point in segment.points:
            score = getattr(point, name)
            x.append(_place(point))
            y.append(None if score is None else point.sign * score)
    return x, y


def _break_shape(segment: Segment) -> dict[str, Any]:
    line = {"color": _BREAK, "dash": "dot", "width": 1.2}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": segment.start - 0.5, "x1": segment.start - 0.5,
            "y0": 0.0, "y1": 1.0, "line": line}  # fmt: skip


def _label_of(segment: Segment) -> dict[str, Any]:
    """What a segment is about, along its left edge; what changed before it where a pointer rests on it."""
    return {"xref": "x", "yref": "paper", "x": segment.start - 0.5, "y": 0.46, "xanchor": "left", "yanchor": "bottom",
            "text": plot_text(segment.label), "hovertext": plot_text(segment.why), "textangle": -90,
            "showarrow": False, "font": {"size": 10, "color": _BREAK}}  # fmt: skip


def _place(point: DriftPoint) -> str:
    """A campaign's place on the axis of the page, with its verdict."""
    return f"{point.at:%Y-%m-%d} #{point.campaign_id} {point.outcome.value.upper() if point.outcome else 'baseline'}"


def _arm(high: float | None, low: float | None) -> float:
    """The length of one arm of an interval; 0 for a bound that does not exist."""
    return 0.0 if high is None or low is None else high - low
