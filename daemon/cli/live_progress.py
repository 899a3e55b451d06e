"""The live display of a campaign; of a panda its learning curve, the rate below it and the last nudges."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import log10

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ...strategies.panda.diary import PANDA, DayEnd
from ...strategies.words import duration, readable
from ..reports.progress import Progress
from ..state.campaigns.campaigns import Campaign
from ..state.campaigns.phase_records import PandaDiary
from ..state.models.registry import Model
from .screen import Screen
from .tables import number

HEIGHT, WIDTH = 9, 64
SHOWN_NUDGES = 6


def panda_view(diary: PandaDiary, metric: str, sign: float, incumbent: float | None) -> RenderableType:
    """The diary on one screen; scores in the metric's own direction, the incumbent's as a line."""
    day_ends = [day_end for day_end in diary.day_ends if day_end.score is not None]
    lines = _curve(day_ends, metric, sign, None if incumbent is None else sign * incumbent) if day_ends else []
    for nudge in diary.nudges[-SHOWN_NUDGES:]:
        lines.append(Text(readable(nudge.sentence), style="yellow" if nudge.by == PANDA else "bold magenta"))
    return Group(*lines)


def _curve(day_ends: Sequence[DayEnd], metric: str, sign: float, incumbent: float | None) -> list[Text]:
    """The ends of days from left to right; a rolled-back stretch shows in a new colour."""
    shown = day_ends[-WIDTH:]
    values = [sign * (day_end.score or 0.0) for day_end in shown]
    low, high = (bound([*values, *([] if incumbent is None else [incumbent])]) for bound in (min, max))
    spread = (high - low) or 1.0
    rows = [[Text(" ") for _ in shown] for _ in range(HEIGHT)]
    if incumbent is not None:
        at = _row(incumbent, low, spread)
        rows[at] = [Text("─", style="dim") for _ in shown]
    trials = list(dict.fromkeys(day_end.trial for day_end in shown))
    for place, (day_end, value) in enumerate(zip(shown, values, strict=True)):
        colour = ("cyan", "green", "blue", "magenta")[trials.index(day_end.trial) % 4]
        rows[_row(value, low, spread)][place] = Text("●", style=colour)
    labels = {0: f"{high:.4g}", HEIGHT - 1: f"{low:.4g}"}
    drawn = [Text(f"{labels.get(number, ''):>9} ┤").append_text(_joined(row)) for number, row in enumerate(rows)]
    last = shown[-1]
    foot = f"{metric}, day {shown[0].day} to {last.day}; now {values[-1]:.4g} at step {last.step:g}"
    line = "" if incumbent is None else f"; ─ stored settings {incumbent:.4g} at their end"
    return [*drawn, Text(f"{'':>9}  {foot}{line}", style="dim"), _rates(shown)]


def _row(value: float, low: float, spread: float) -> int:
    return min(max(round((1.0 - (value - low) / spread) * (HEIGHT - 1)), 0), HEIGHT - 1)


def _joined(cells: Sequence[Text]) -> Text:
    joined = Text()
    for cell in cells:
        joined.append_text(cell)
    return joined


def _rates(shown: Sequence[DayEnd]) -> Text:
    """The rate of each day as a bar, by its order of magnitude."""
    logs = [log10(max(day_end.rate, 1e-12)) for day_end in shown]
    low, spread = min(logs), (max(logs) - min(logs)) or 1.0
    bars = "".join("▁▂▃▄▅▆▇█"[round((value - low) / spread * 7)] for value in logs)
    return Text(f"{'rate':>9} ┤{bars}  {shown[-1].rate:.4g}")


REDRAW_S = 0.25
LINE_S = 60.0  # without a terminal: a long campaign shows that it moves


@contextmanager
def live_progress(
    model: Model, read: Callable[[], tuple[Campaign, Progress]], clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[], None]]:
    """A display on standard error, redrawn from `read` by calling the function that it gives; without a terminal, one
    line for each phase, and one a minute."""
    out = Screen(is_error=True)
    with _panel_display(out, model, read) if out.is_terminal else _line_display(out, read, clock) as draw:
        yield draw


@contextmanager
def no_progress(_model: Model, _read: Callable[[], tuple[Campaign, Progress]]) -> Iterator[Callable[[], None]]:
    """A display that shows nothing."""
    yield lambda: None


@contextmanager
def _line_display(
    out: Console, read: Callable[[], tuple[Campaign, Progress]], clock: Callable[[], float]
) -> Iterator[Callable[[], None]]:
    line_shown, nudges_shown, shown_at = "", 0, clock()

    def draw() -> None:
        nonlocal line_shown, nudges_shown, shown_at
        campaign, progress = read()
        nudges = () if campaign.facts.panda is None else campaign.facts.panda.nudges
        for nudge in nudges[nudges_shown:]:
            out.print(readable(f"campaign {campaign.id}: {nudge.sentence}"))
        nudges_shown = len(nudges)
        waits = f", {campaign.waits}" if campaign.waits else ""
        stopped = f", {progress.stopped} stopped early as hopeless" if progress.stopped else ""
        line = f"campaign {campaign.id} ({campaign.kind}): {progress.phase}{stopped}{waits}"
        if line != line_shown or clock() - shown_at >= LINE_S:
            runs = f", {_runs(progress)}" if line == line_shown else ""
            out.print(readable(line + runs))
            line_shown, shown_at = line, clock()

    yield draw


@contextmanager
def _panel_display(
    out: Console, model: Model, read: Callable[[], tuple[Campaign, Progress]]
) -> Iterator[Callable[[], None]]:
    drawn_at = 0.0
    with Live(console=out, auto_refresh=False, transient=True) as live:

        def draw() -> None:
            nonlocal drawn_at
            if time.monotonic() - drawn_at >= REDRAW_S:
                live.update(_progress_panel(model, *read()), refresh=True)
                drawn_at = time.monotonic()

        yield draw


def _runs(progress: Progress) -> str:
    """How many have ended. What follows is chosen as they end, so there is no total to count towards."""
    under_way = progress.planned - progress.ended
    return f"{progress.ended} ended" + (f", {under_way} running or waiting" if under_way else "")


def _progress_panel(model: Model, campaign: Campaign, progress: Progress) -> Panel:
    sign = model.file.objective().sign
    elapsed_s = 0.0 if campaign.started_at is None else time.time() - campaign.started_at.timestamp()
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    phases = ("prepare", "search", "confirm", "causes") if campaign.kind == "retune" else ("prepare",)
    shown = Text("  >  ").join(Text(name, style="bold reverse" if name == progress.phase else "dim") for name in phases)
    grid.add_row("phase", shown)
    if campaign.waits:
        grid.add_row("waits", Text(readable(campaign.waits)))
    if campaign.facts.chosen is not None:
        grid.add_row("plan", Text(readable(campaign.facts.chosen.choice)))
    rung = "" if progress.rung is None else f", rung {progress.rung}, {progress.alive} trials alive"
    ends = "".join(
        f", {count} {how}"
        for count, how in ((progress.failed, "failed"), (progress.stopped, "stopped early as hopeless"))
        if count
    )
    grid.add_row("runs", f"{_runs(progress)}{rung}{ends}")
    if progress.incumbent is not None or progress.best is not None:
        best, incumbent = (None if value is None else sign * value for value in (progress.best, progress.incumbent))
        grid.add_row(
            "search", f"best {number(best)} against the stored settings' {number(incumbent)} (development rows)"
        )
    if campaign.facts.panda is not None:
        grid.add_row("panda", panda_view(campaign.facts.panda, model.file.goal.metric, sign, progress.incumbent))
    if progress.pairs:
        stage = ", with the second challenger" if progress.is_second else ""
        grid.add_row("pairs", f"{progress.pairs} of at most {model.file.search.max_pairs}{stage}")
    left = (
        ""
        if progress.seconds_expected is None
        else f", about {duration(max(0.0, progress.seconds_expected - elapsed_s))} left"
    )
    grid.add_row("time", f"{duration(elapsed_s)}{left}; {duration(progress.compute_s)} of compute")
    return Panel(grid, title=f"{model.name}: campaign {campaign.id}", border_style="blue")
