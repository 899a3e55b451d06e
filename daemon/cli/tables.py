"""What people see in a terminal: tables, the live display of a campaign, the verdict on one screen. Loads rich."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...strategies.drift.drift import DriftPoint
from ...strategies.records import Configuration, Outcome
from ...strategies.verdict.notice import render, render_duration
from ...strategies.verdict.verdict_records import Verdict
from ..state.campaigns.campaigns import Campaign
from ..state.models.model_calendar import Planned
from ..state.models.registry import Model, Settings
from ..state.tokens import Token

STYLES = {
    Outcome.FRESH: "bold green",
    Outcome.STALE: "bold red",
    Outcome.DEGRADED: "bold yellow",
    Outcome.BROKEN: "bold red",
    Outcome.INCONCLUSIVE: "bold",
}
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
