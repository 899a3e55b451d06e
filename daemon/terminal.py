"""What people see in a terminal: tables, the live display of a campaign, the verdict on one screen. Loads rich."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean, stdev
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..strategies.contract import Contract
from ..strategies.drift import DriftPoint
from ..strategies.judgement import Reason, TestPlan, Verdict, divergence_odds, odds
from ..strategies.notice import render, render_changes, render_duration
from ..strategies.records import Configuration, Outcome
from .ledger import Campaign
from .registry import Model, Settings
from .report import Progress
from .schedule import Planned
from .terminal_panda import panda_view
from .tokens import Token
from .views import Replicates

STYLES = {
    Outcome.FRESH: "bold green",
    Outcome.STALE: "bold red",
    Outcome.DEGRADED: "bold yellow",
    Outcome.BROKEN: "bold red",
    Outcome.INCONCLUSIVE: "bold",
}
REDRAW_S = 0.25
PANEL_WIDTH = 100


def number(value: float | None, digits: int = 4) -> str:
    """A number for a table; '-' where there is none."""
    return "-" if value is None else f"{value:.{digits}g}"


def table(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under their columns, or the sentence for none."""
    if not rows:
        out.print(Text(empty))
        return
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    out.print(drawn)


def console() -> Console:
    """Standard output; lines are not cut where it is no terminal."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=200)


@contextmanager
def live_progress(model: Model, read: Callable[[], tuple[Campaign, Progress]]) -> Iterator[Callable[[], None]]:
    """A display on standard error that `read` feeds whenever the function it gives is called; without a terminal,
    one line a phase."""
    out = Console(stderr=True, highlight=False)
    with _panel_display(out, model, read) if out.is_terminal else _line_display(out, read) as draw:
        yield draw


@contextmanager
def no_progress(_model: Model, _read: Callable[[], tuple[Campaign, Progress]]) -> Iterator[Callable[[], None]]:
    """Nothing at all."""
    yield lambda: None


@contextmanager
def _line_display(out: Console, read: Callable[[], tuple[Campaign, Progress]]) -> Iterator[Callable[[], None]]:
    said, told = "", 0

    def say() -> None:
        nonlocal said, told
        campaign, progress = read()
        nudges = campaign.facts.get("panda", {}).get("nudges", [])
        for nudge in nudges[told:]:
            out.print(f"campaign {campaign.id}: {nudge['sentence']}")
        told = len(nudges)
        waits = f", {campaign.waits}" if campaign.waits else ""
        stopped = f", {progress.stopped} stopped early as hopeless" if progress.stopped else ""
        line = f"campaign {campaign.id} ({campaign.kind}): {progress.phase}{stopped}{waits}"
        if line != said:
            out.print(line)
            said = line

    yield say


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


def models_table(out: Console, models: Sequence[tuple[Model, Verdict | None]]) -> None:
    """The registered models."""
    rows = [
        (model.name, model.file.owner, model.state, f"v{model.settings_version}", verdict.label if verdict else "-",
         f"{model.next_due_at:%Y-%m-%d}" if model.next_due_at and model.state == "active" else "-")
        for model, verdict in models
    ]  # fmt: skip
    columns = ("name", "owner", "state", "settings", "last verdict", "next due")
    table(out, columns, rows, "no model is registered yet; start with: retuned register model.toml")


def show_model(out: Console, model: Model, campaigns: Sequence[Campaign]) -> None:
    """A model, its settings and its search space."""
    due = f"next due {model.next_due_at:%Y-%m-%d}" if model.next_due_at else "no due date"
    out.print(
        Text(
            f"{model.name} of {model.file.owner}: {model.state}, {due}, settings v{model.settings_version}",
            style="bold",
        )
    )
    out.print(
        Text(
            f"judged by {model.file.goal.metric} ({model.file.goal.direction}); "
            f"file version {model.version}, {model.source}\n"
        )
    )
    rows = [
        (one.name, render(model.configuration[one.name]) if one.name in model.configuration else "(not in use)",
         one.kind.value, one.allowed)
        for one in model.space.hyperparameters
    ]  # fmt: skip
    table(out, ("hyperparameter", "in force", "type", "search space"), rows, "")
    for campaign in campaigns:
        waits = f", {campaign.waits}" if campaign.waits else ""
        out.print(Text(f"\ncampaign {campaign.id} ({campaign.kind}) is open: {campaign.phase}{waits}"))


def history_tables(out: Console, model: Model, versions: Sequence[Settings], campaigns: Sequence[Campaign]) -> None:
    """The settings versions and the campaigns of a model."""
    settings = [
        (f"v{v.version}" + (" *" if v.version == model.settings_version else ""), f"{v.created_at:%Y-%m-%d %H:%M}",
         v.origin, configuration_text(v.configuration))
        for v in versions
    ]  # fmt: skip
    table(out, ("settings", "since", "origin", "values (* in force)"), settings, "")
    out.print()
    rows = [
        (str(c.id), c.kind, c.trigger, f"{c.created_at:%Y-%m-%d %H:%M}", f"v{c.settings_version}", c.phase,
         f"{c.verdict.label} ({c.verdict.reason.value})" if c.verdict else c.failure or "-")
        for c in campaigns
    ]  # fmt: skip
    table(out, ("campaign", "kind", "trigger", "queued", "settings", "state", "verdict"), rows, "no campaign yet")


def schedule_table(out: Console, planned: Sequence[Planned], months: int) -> None:
    """Due dates to come, soonest first, in UTC."""
    rows = [
        (f"{one.due_at:%Y-%m-%d %H:%M}", one.model,
         "at once" if one.starts_at <= one.due_at else f"{one.starts_at:%Y-%m-%d %H:%M}", one.why)
        for one in planned
    ]  # fmt: skip
    columns = ("due (UTC)", "model", "may start", "why")
    table(out, columns, rows, f"no model is due in the next {months} months; see: retuned models")


def tokens_table(out: Console, tokens: Sequence[Token]) -> None:
    """The tokens, never their secrets."""
    rows = [
        (one.name, one.role, f"{one.created_at:%Y-%m-%d}",
         f"{one.last_used_at:%Y-%m-%d %H:%M}" if one.last_used_at else "never",
         f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else "good")
        for one in tokens
    ]  # fmt: skip
    columns = ("name", "role", "made", "last used (UTC)", "state")
    table(out, columns, rows, "no token is made yet; make one: retuned token create NAME --role viewer")


def baseline_panel(model: Model, campaign: Campaign, runs: Replicates) -> Panel:
    """What the baseline found: score, noise, and whether the contract holds."""
    if campaign.phase != "done":
        return _panel(
            [Text(campaign.failure or campaign.phase)], f"{model.name}: baseline {campaign.phase}", campaign, "red"
        )
    sign = -1.0 if model.file.objective().lower_is_better else 1.0
    scores = [sign * score for score in runs.scores]
    spread = f", standard deviation {stdev(scores):.3g}" if len(scores) > 1 else ""
    mean = f"{model.file.goal.metric} {fmean(scores):.4g}{spread}" if scores else "no run completed"
    contract = Contract.from_json(campaign.facts["contract"])
    lines: list[Text | Table] = [
        Text(f"settings v{campaign.settings_version}: {mean}; {len(scores)} of {runs.runs} runs completed"),
        *((Text(f"Failed: {runs.failure}", style="yellow"),) if runs.failure else ()),
        Text(f"\n{contract.covered}"),
        *(Text(f"Note: {note}.") for note in (*campaign.facts["notes"], *_suspicions(campaign))),
    ]
    colour = "green" if contract.allows_stale else "yellow"
    return _panel(lines, f"{model.name}: baseline", campaign, colour)


def verdict_panel(model: Model, campaign: Campaign, incumbent: Configuration) -> Panel:
    """The end of a campaign on one screen."""
    if campaign.verdict is None or campaign.failure is not None:  # a failed continuation keeps its earlier verdict
        ended = campaign.phase if campaign.verdict is None else "not continued"
        return _panel([Text(campaign.failure or "no verdict")], f"{model.name}: {ended}", campaign, "red")
    verdict = campaign.verdict
    recommended = campaign.facts.get("recommended")
    lines: list[Text | Table] = [Text(verdict.sentence)]
    if recommended is not None:
        values = model.space.validate(recommended)
        lines.append(Text(f"\nChange: {render_changes(incumbent, values)}", style="bold"))
    lines.append(_figures(model, campaign, verdict))
    lines += [Text(sentence) for sentence in _background(campaign, verdict)]
    if recommended is not None:
        lines.append(Text(f"\nTo take the new values up:  retuned adopt {model.name}", style="bold"))
    if verdict.watch:
        lines.append(Text("\nWatch: evidence of 20 : 1 or more for a gain, but not for one that makes a verdict."))
    if verdict.can_go_on:
        candidate = campaign.facts.get("challenger")
        if candidate is not None:
            lines.append(
                Text(f"\nCandidate: {render_changes(incumbent, model.space.validate(candidate, strict=False))}")
            )
        more = 8 if verdict.pairs_needed is None else verdict.pairs_needed + verdict.pairs_needed % 2
        command = f"retuned confirm {model.name} --more {more}"
        lines.append(Text(f"\nTo go on with more pairs of the same:  {command}", style="bold"))
    title = Text(f" {model.name}: {verdict.label} ", style=STYLES[verdict.outcome])
    return _panel(lines, title, campaign, STYLES[verdict.outcome].split()[-1])


def drift_table(out: Console, model: Model, points: Sequence[DriftPoint]) -> None:
    """The drift record, oldest first, scores in the metric's own direction."""
    sign = -1.0 if model.file.objective().lower_is_better else 1.0
    columns = ("#", "date", "verdict", "stored", "challenger", "gain at least", "at most", "evidence", "pairs",
               "compute", "data", "env", "what changed")  # fmt: skip
    rows = [
        (
            str(point.campaign_id), f"{point.at:%Y-%m-%d}", point.label or "(birth)",
            number(None if point.incumbent is None else sign * point.incumbent),
            number(None if point.challenger is None else sign * point.challenger),
            number(point.lower, 3), number(point.upper, 3), number(point.e_value, 3) if point.n_pairs else "-",
            str(point.n_pairs), render_duration(point.compute_s), point.data[:6] or "-", point.environment[:6],
            _what_changed(point),
        )
        for point in points
    ]  # fmt: skip
    table(out, columns, rows, f"{model.name} has no finished campaign yet; run: retuned retune {model.name}")


def _what_changed(point: DriftPoint) -> str:
    changes = "; ".join(point.changes) or "-"
    return f"{changes} ({point.cause})" if point.cause else changes


def configuration_text(configuration: Configuration) -> str:
    """'lr 0.03, momentum 0.9' for a table cell."""
    return ", ".join(f"{name} {render(value)}" for name, value in configuration.items())


def _panel(lines: Sequence[Text | Table], title: str | Text, campaign: Campaign, colour: str) -> Panel:
    return Panel(Group(*lines), title=title, subtitle=f"campaign {campaign.id}", border_style=colour, width=PANEL_WIDTH)


def _figures(model: Model, campaign: Campaign, verdict: Verdict) -> Table:
    sign = -1.0 if model.file.objective().lower_is_better else 1.0
    metric = model.file.goal.metric
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    pairs: list[tuple[str, str]] = []
    birth = TestPlan.from_json(campaign.facts["test_plan"]).birth_scores
    if birth:
        pairs.append((f"{metric}, when taken up", number(sign * fmean(birth))))
    if verdict.incumbent_mean is not None:
        pairs.append((f"{metric}, stored settings", number(sign * verdict.incumbent_mean)))
    if verdict.challenger_mean is not None:
        pairs.append((f"{metric}, challenger", number(sign * verdict.challenger_mean)))
    if verdict.mean is not None:
        low = "no lower bound" if verdict.lower is None else f"at least {number(verdict.lower, 3)}"
        bounds = f"{number(verdict.mean, 3)}  ({low}, at most {number(verdict.upper, 3)})"
        pairs.append(("gain of the challenger", bounds))
        pairs.append(("evidence for a gain", f"{odds(verdict.e_value)}, STALE from {1 / verdict.alpha:.0f} : 1"))
    if verdict.delta is not None:
        pairs.append(("a gain that matters", f"from {number(verdict.delta, 3)}"))
    if verdict.n_pairs:
        pairs.append(("pairs", str(verdict.n_pairs)))
    if verdict.incumbent_failed:
        failed = f"{verdict.incumbent_failed} of {verdict.incumbent_runs} ({divergence_odds(verdict)})"
        pairs.append(("failed runs, stored settings", failed))
    cost = f"{campaign.facts['runs']} training runs, {render_duration(campaign.facts['compute_s'])} of compute"
    pairs.append(("cost", f"{cost}; seed {campaign.seed}"))
    grid.add_row("", "")
    for name, value in pairs:
        grid.add_row(Text(name, style="dim"), Text(value))
    return grid


def _background(campaign: Campaign, verdict: Verdict) -> tuple[str, ...]:
    facts: Mapping[str, Any] = campaign.facts
    changes = f"\nSince these settings were taken up: {'; '.join(facts['changes'])}." if facts["changes"] else ""
    notes = "\n".join(f"Note: {note}." for note in (*facts["notes"], *_suspicions(campaign)))
    why = [f"\n{facts[name]['sentence']}" for name in ("causes", "cost_drift") if facts.get(name, {}).get("sentence")]
    covered = "The training keeps the contract, so these error rates hold." if verdict.is_covered else verdict.covered
    return tuple(line for line in (*why, changes, f"\n{covered}", notes) if line)


def _suspicions(campaign: Campaign) -> tuple[str, ...]:
    """What looks like a glitch in the data, where the verdict itself does not say it."""
    if campaign.verdict is not None and campaign.verdict.reason is Reason.LOOK_AT_DATA:
        return ()
    return tuple(f"look at your data: {suspicion}" for suspicion in campaign.facts.get("suspicions", ()))


def _progress_panel(model: Model, campaign: Campaign, progress: Progress) -> Panel:
    sign = -1.0 if model.file.objective().lower_is_better else 1.0
    elapsed_s = 0.0 if campaign.started_at is None else time.time() - campaign.started_at.timestamp()
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    phases = ("prepare", "search", "confirm", "causes") if campaign.kind == "retune" else ("prepare",)
    shown = Text("  >  ").join(Text(name, style="bold reverse" if name == progress.phase else "dim") for name in phases)
    grid.add_row("phase", shown)
    if campaign.waits:
        grid.add_row("waits", Text(campaign.waits))
    if "choice" in campaign.facts:
        grid.add_row("plan", Text(campaign.facts["choice"]))
    rung = "" if progress.rung is None else f", rung {progress.rung}, {progress.alive} trials alive"
    ends = "".join(
        f", {count} {how}"
        for count, how in ((progress.failed, "failed"), (progress.stopped, "stopped early as hopeless"))
        if count
    )
    grid.add_row("legs", f"{progress.ended} of {progress.planned} planned so far{rung}{ends}")
    if progress.incumbent is not None or progress.best is not None:
        best, incumbent = (None if value is None else sign * value for value in (progress.best, progress.incumbent))
        grid.add_row(
            "search", f"best {number(best)} against the stored settings' {number(incumbent)} (development rows)"
        )
    if "panda" in campaign.facts:
        grid.add_row("panda", panda_view(campaign.facts["panda"], model.file.goal.metric, sign, progress.incumbent))
    if progress.pairs:
        grid.add_row("pairs", f"{progress.pairs} of at most {model.file.search.max_pairs}")
    left = (
        ""
        if progress.seconds_expected is None
        else f", about {render_duration(max(0.0, progress.seconds_expected - elapsed_s))} left"
    )
    grid.add_row("time", f"{render_duration(elapsed_s)}{left}; {render_duration(progress.compute_s)} of compute")
    return Panel(grid, title=f"{model.name}: campaign {campaign.id}", border_style="blue")
