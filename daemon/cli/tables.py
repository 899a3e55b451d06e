"""Tables in the terminal. Loads rich."""

from collections.abc import Sequence

from rich.console import Console

from ...strategies.drift.drift import DriftPoint
from ...strategies.drift.segments import SHORT, segments
from ...strategies.records import Configuration, Outcome
from ...strategies.verdict.notice import render
from ...strategies.words import duration, in_digits
from ..state.campaigns.campaigns import Campaign
from ..state.models.registry import Model, Settings
from .screen import table

STYLES = {
    Outcome.FRESH: "bold green",
    Outcome.STALE: "bold red",
    Outcome.DEGRADED: "bold yellow",
    Outcome.BROKEN: "bold red",
    Outcome.INCONCLUSIVE: "bold",
}
PANEL_WIDTH = 100


def number(value: float | None, digits: int = 4) -> str:
    """A number in a table cell, in `digits` significant digits; '-' for None."""
    return "-" if value is None else in_digits(value, digits)


def history_tables(out: Console, model: Model, versions: Sequence[Settings], campaigns: Sequence[Campaign]) -> None:
    """Print the settings versions and the campaigns of a model."""
    versions_shown = [
        (f"v{settings.version}" + (" *" if settings.version == model.settings_version else ""),
         f"{settings.created_at:%Y-%m-%d %H:%M}", settings.origin, configuration_text(settings.configuration))
        for settings in versions
    ]  # fmt: skip
    table(out, ("settings", "since", "origin", "values (* current)"), versions_shown, "")
    out.print()
    rows = [
        (str(campaign.id), campaign.kind, campaign.trigger, f"{campaign.created_at:%Y-%m-%d %H:%M}",
         f"v{campaign.settings_version}", campaign.phase,
         _outcome(campaign))
        for campaign in campaigns
    ]  # fmt: skip
    table(out, ("campaign", "kind", "trigger", "queued", "settings", "state", "verdict"), rows, "no campaign yet")


def _outcome(campaign: Campaign) -> str:
    """A campaign's verdict, why it failed, or what its baseline found wrong with the contract."""
    if campaign.verdict is not None:
        return f"{campaign.verdict.label} ({campaign.verdict.reason.value})"
    contract = campaign.facts.contract if campaign.kind == "baseline" else None
    breaches = ", ".join(() if contract is None else contract.all_breaches)
    return campaign.failure or (f"breaks the contract: {breaches}" if breaches else "-")


def drift_table(out: Console, model: Model, points: Sequence[DriftPoint]) -> None:
    """Print the drift record, oldest first, scores in their metric's own direction.

    A line between two rows says why the scores above and below it are not to be compared.
    """
    columns = ("#", "date", "settings", "code", "verdict", "stored", "challenger", "improvement from", "to",
               "evidence", "pairs", "compute", "data", "env", "what changed")  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for segment in segments(points):
        if segment.why:
            rows.append((*("-" for _ in columns[:-1]), f"not comparable with the rows above: {segment.why}"))
        rows += [_drift_row(point) for point in segment.points]
    table(out, columns, rows, f"{model.name} has no finished campaign yet; run: retuned retune {model.name}")


def _drift_row(point: DriftPoint) -> tuple[str, ...]:
    return (
        str(point.campaign_id), f"{point.at:%Y-%m-%d}", f"v{point.settings_version}", point.code[:SHORT] or "-",
        point.label or "(baseline)",
        number(None if point.incumbent is None else point.sign * point.incumbent),
        number(None if point.challenger is None else point.sign * point.challenger),
        number(point.lower, 3), number(point.upper, 3), number(point.e_value, 3) if point.n_pairs else "-",
        str(point.n_pairs), duration(point.compute_s), point.data[:SHORT] or "-", point.environment[:SHORT],
        _what_changed(point),
    )  # fmt: skip


def _what_changed(point: DriftPoint) -> str:
    changes = "; ".join(point.changes) or "-"
    return f"{changes} ({point.cause})" if point.cause else changes


def configuration_text(configuration: Configuration) -> str:
    """'lr 0.03, momentum 0.9' for a table cell."""
    return ", ".join(f"{name} {render(value)}" for name, value in configuration.items())
