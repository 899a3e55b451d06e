"""The panda's path on the page: score and rate over its days, with each nudge."""

from collections.abc import Mapping, Sequence
from typing import Any

from .campaign_record import Dossier
from .figures import Figure, Trace
from .page_parts import Plot, Section, Table
from .self_contained import plot_text


def panda_sections(dossier: Dossier) -> tuple[Section, ...]:
    """What the panda lived through; nothing where none was brought up."""
    diary = dossier.facts.get("panda")
    if diary is None:
        return ()
    nudges = Table(
        "Nudges", ("day", "step", "what happened", "by"),
        tuple((str(one["day"]), f"{one['step']:g}", one["text"], one["by"]) for one in diary["nudges"]),
    )  # fmt: skip
    sentences = (
        "One training, looked after from day to day. Its path up to the best evening, with a rate of zero from there "
        "on, is the challenger; the scores are from development rows and chose the evening.",
    )
    if not diary["evenings"]:
        return (Section("panda", "The panda's path", sentences, tables=(nudges,)),)
    unit = dossier.file.training.budget.unit.value
    plot = Plot(
        "panda-plot", path_figure(dossier.metric, dossier.sign, unit, diary),
        f"{dossier.metric} and rate at the end of each of {diary['days']} days; {dossier.direction}.",
        "One line a training, the challenger's in its colour. Triangles: nudges; point at them to read them.",
    )  # fmt: skip
    return (Section("panda", "The panda's path", sentences, plot=plot, tables=(nudges,)),)


def path_figure(metric: str, sign: float, unit: str, diary: Mapping[str, Any]) -> Figure:
    """Scores above, rates below, over the days as they were lived."""
    evenings = [one for one in diary["evenings"] if one["score"] is not None]
    data: list[Trace] = []
    trials = list(dict.fromkeys(one["trial"] for one in evenings))
    for trial in trials:
        mine = [one for one in evenings if one["trial"] == trial]
        role = "@challenger" if trial == diary["best_trial"] else "@muted"
        data.append(_trace(trial, role, mine, [sign * one["score"] for one in mine], unit))
        data.append(
            {**_trace(trial, role, mine, [one["rate"] for one in mine], unit), "yaxis": "y2", "showlegend": False}
        )
    at = {one["day"]: sign * one["score"] for one in evenings}
    marked = [(one, _height(at, one["day"])) for one in diary["nudges"]]
    data.append({
        "type": "scatter", "mode": "markers", "name": "nudges", "x": [one["day"] for one, _ in marked],
        "y": [height for _, height in marked], "text": [plot_text(one["sentence"]) for one, _ in marked],
        "marker": {"color": "@bad", "symbol": "triangle-down", "size": 11}, "hovertemplate": "%{text}<extra></extra>",
        "cliponaxis": False,
    })  # fmt: skip
    return {
        "data": data,
        "layout": {
            "height": 520,
            "legend": {"y": -0.2},
            "xaxis": {"title": {"text": "day"}, "anchor": "y2", "rangemode": "tozero"},
            "yaxis": {"title": {"text": plot_text(metric)}, "domain": [0.38, 1.0]},
            "yaxis2": {"title": {"text": "rate"}, "type": "log", "domain": [0.0, 0.3]},
        },
    }


def _trace(name: str, role: str, evenings: Sequence[Mapping[str, Any]], values: Sequence[float], unit: str) -> Trace:
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": [one["day"] for one in evenings],
        "y": list(values), "text": [f"day {one['day']}, {unit} {one['step']:g}" for one in evenings],
        "line": {"color": role, "width": 2}, "marker": {"color": role, "size": 7},
        "hovertemplate": "%{text}: %{y:.4g}<extra></extra>", "legendgroup": name,
    }  # fmt: skip


def _height(at: Mapping[int, float], day: int) -> float:
    """Where a nudge stands: at its evening, or at the nearest one."""
    return at[min(at, key=lambda each: abs(each - day))]
