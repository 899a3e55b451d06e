"""A panda in the terminal: its learning curve, the rate below it, and the last nudges."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

HEIGHT, WIDTH = 9, 64
SHOWN_NUDGES = 6


def panda_view(diary: Mapping[str, Any], metric: str, sign: float, incumbent: float | None) -> RenderableType:
    """The diary on one screen; scores in the metric's own direction, the incumbent's as a line."""
    evenings = [one for one in diary["evenings"] if one["score"] is not None]
    lines = _curve(evenings, metric, sign, None if incumbent is None else sign * incumbent) if evenings else []
    for nudge in diary["nudges"][-SHOWN_NUDGES:]:
        lines.append(Text(nudge["sentence"], style="yellow" if nudge["by"] == "panda" else "bold magenta"))
    return Group(*lines)


def _curve(evenings: Sequence[Mapping[str, Any]], metric: str, sign: float, incumbent: float | None) -> list[Text]:
    """Evenings from left to right as they were lived; a gone-back stretch shows as a new colour."""
    shown = evenings[-WIDTH:]
    values = [sign * one["score"] for one in shown]
    low, high = (found([*values, *([] if incumbent is None else [incumbent])]) for found in (min, max))
    spread = (high - low) or 1.0
    rows = [[Text(" ") for _ in shown] for _ in range(HEIGHT)]
    if incumbent is not None:
        at = _row(incumbent, low, spread)
        rows[at] = [Text("─", style="dim") for _ in shown]
    trials = list(dict.fromkeys(one["trial"] for one in shown))
    for place, (one, value) in enumerate(zip(shown, values, strict=True)):
        colour = ("cyan", "green", "blue", "magenta")[trials.index(one["trial"]) % 4]
        rows[_row(value, low, spread)][place] = Text("●", style=colour)
    labels = {0: f"{high:.4g}", HEIGHT - 1: f"{low:.4g}"}
    drawn = [Text(f"{labels.get(number, ''):>9} ┤").append_text(_joined(row)) for number, row in enumerate(rows)]
    last = shown[-1]
    foot = f"{metric}, day {shown[0]['day']} to {last['day']}; now {values[-1]:.4g} at step {last['step']:g}"
    beside = "" if incumbent is None else f"; ─ the stored settings' {incumbent:.4g} at their end"
    return [*drawn, Text(f"{'':>9}  {foot}{beside}", style="dim"), _rates(shown)]


def _row(value: float, low: float, spread: float) -> int:
    return min(max(round((1.0 - (value - low) / spread) * (HEIGHT - 1)), 0), HEIGHT - 1)


def _joined(cells: Sequence[Text]) -> Text:
    joined = Text()
    for cell in cells:
        joined.append_text(cell)
    return joined


def _rates(shown: Sequence[Mapping[str, Any]]) -> Text:
    """The rate of each day as a bar, by its order of magnitude."""
    logs = [log10(max(one["rate"], 1e-12)) for one in shown]
    low, spread = min(logs), (max(logs) - min(logs)) or 1.0
    bars = "".join("▁▂▃▄▅▆▇█"[round((value - low) / spread * 7)] for value in logs)
    return Text(f"{'rate':>9} ┤{bars}  {shown[-1]['rate']:.4g}")
