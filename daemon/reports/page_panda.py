"""The panda's path on the page: score and rate over its days, with each nudge."""

from collections.abc import Mapping, Sequence

from ...strategies.panda.diary import DayEnd
from ..state.campaigns.phase_records import PandaDiary
from .campaign_record import CampaignRecord
from .figures import Figure, Trace
from .page_parts import Plot, Section, Table
from .self_contained import plot_text


def panda_sections(record: CampaignRecord) -> tuple[Section, ...]:
    """What the panda lived through; nothing where none was brought up."""
    diary = record.facts.panda
    if diary is None:
        return ()
    nudges = Table(
        "Nudges", ("day", "step", "what happened", "by"),
        tuple((str(nudge.day), f"{nudge.step:g}", nudge.text, nudge.by) for nudge in diary.nudges),
    )  # fmt: skip
    sentences = (
        "One training, looked after from day to day. Its path up to the best day_end, with a rate of zero from there "
        "on, is the challenger; the scores are from development rows and chose the day_end.",
    )
    if not diary.day_ends:
        return (Section("panda", "The panda's path", sentences, tables=(nudges,)),)
    unit = record.file.training.budget.unit.value
    plot = Plot(
        "panda-plot", path_figure(record.metric, record.sign, unit, diary),
        f"{record.metric} and rate at the end of each of {diary.days} days; {record.direction}.",
        "One line a training, the challenger's in its colour. Triangles: nudges; point at them to read them.",
    )  # fmt: skip
    return (Section("panda", "The panda's path", sentences, plot=plot, tables=(nudges,)),)


def path_figure(metric: str, sign: float, unit: str, diary: PandaDiary) -> Figure:
    """Scores above, rates below, over the days as they were lived."""
    day_ends = [day_end for day_end in diary.day_ends if day_end.score is not None]
    data: list[Trace] = []
    trials = list(dict.fromkeys(day_end.trial for day_end in day_ends))
    for trial in trials:
        mine = [day_end for day_end in day_ends if day_end.trial == trial]
        role = "@challenger" if trial == diary.best_trial else "@muted"
        data.append(_trace(trial, role, mine, [sign * (day_end.score or 0.0) for day_end in mine], unit))
        data.append(
            {**_trace(trial, role, mine, [day_end.rate for day_end in mine], unit), "yaxis": "y2", "showlegend": False}
        )
    at = {day_end.day: sign * (day_end.score or 0.0) for day_end in day_ends}
    marked = [(nudge, _height(at, nudge.day)) for nudge in diary.nudges]
    data.append({
        "type": "scatter", "mode": "markers", "name": "nudges", "x": [nudge.day for nudge, _ in marked],
        "y": [height for _, height in marked], "text": [plot_text(nudge.sentence) for nudge, _ in marked],
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


def _trace(name: str, role: str, day_ends: Sequence[DayEnd], values: Sequence[float], unit: str) -> Trace:
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": [day_end.day for day_end in day_ends],
        "y": list(values), "text": [f"day {day_end.day}, {unit} {day_end.step:g}" for day_end in day_ends],
        "line": {"color": role, "width": 2}, "marker": {"color": role, "size": 7},
        "hovertemplate": "%{text}: %{y:.4g}<extra></extra>", "legendgroup": name,
    }  # fmt: skip


def _height(at: Mapping[int, float], day: int) -> float:
    """Where a nudge stands: at its day_end, or at the nearest one."""
    return at[min(at, key=lambda each: abs(each - day))]
