"""Commands that show what is recorded."""

import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from ..reports.drift_plot import write_plot
from ..reports.self_contained import cannot_write, check_target
from ..upkeep.health_records import Health
from .json_output import alert_json, campaign_json, drift_json, looks_json, model_json, planned_json, settings_json
from .looks import looks_text
from .output import print_json, say
from .plan_view import show_plan
from .session import CLOCK, Json, Name

app = typer.Typer()


@app.command("models")
def _models(context: typer.Context, as_json: Json = False) -> None:
    """List the registered models."""
    listed = [(entry.model, entry.last) for entry in context.obj.verbs.models()]
    if as_json:
        print_json([model_json(model, verdict) for model, verdict in listed])
        return
    from .tables import console, models_table

    models_table(console(), listed)


@app.command("show")
def _show(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show a model: its current settings, its search space and its open campaigns."""
    shown = context.obj.verbs.show(name)
    if as_json:
        file = {"file": json.loads(shown.model.file.to_json()), "source": str(shown.model.source)}
        print_json(model_json(shown.model, shown.last) | file | looks_json(shown.next_look_at, shown.cool_down))
        return
    from .tables import console, show_model

    show_model(console(), shown.model, shown.campaigns, looks_text(shown))


@app.command("history")
def _history(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show the settings versions and the campaigns of a model."""
    history = context.obj.verbs.history(name)
    if as_json:
        settings = [settings_json(version) for version in history.settings]
        signs = {measured.version: -1.0 if measured.lower_is_better else 1.0 for measured in history.measured}
        campaigns = [campaign_json(campaign, signs.get(campaign.model_version, 1.0)) for campaign in history.campaigns]
        print_json({"settings": settings, "campaigns": campaigns})
        return
    from .tables import console, history_tables

    history_tables(console(), history.model, history.settings, history.campaigns)


@app.command("plan")
def _plan(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Show what a re-evaluation would do, cost and be able to detect, without running it."""
    show_plan(context.obj.verbs.plan(name), as_json)


@app.command("schedule")
def _schedule(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    months: Annotated[int, typer.Option(help="How far ahead, 1 to 120.")] = 12,
    as_json: Json = False,
) -> None:
    """Show when each model is due in the coming months, and by which rule."""
    dates = context.obj.verbs.schedule(months, name)
    if as_json:
        print_json([planned_json(planned) for planned in dates])
        return
    from .tables import console, schedule_table

    schedule_table(console(), dates, months)


@app.command("alerts")
def _alerts(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this model.")] = None,
    as_json: Json = False,
) -> None:
    """List alerts, newest first, with the state of their deliveries."""
    alerts = context.obj.verbs.alerts(name)
    if as_json:
        print_json([alert_json(alert) for alert in alerts])
        return
    for alert in alerts:
        say(f"[{alert.created_at:%Y-%m-%d %H:%M} UTC] campaign {alert.campaign_id}, {alert.severity}\n{alert.text}")
        say("".join(f"  ({line})\n" for line in alert.deliveries or ("no webhook is set; listed here only",)))
    if not alerts:
        say("no alerts")


@app.command("drift")
def _drift(
    context: typer.Context,
    name: Name,
    plot: Annotated[Path | None, typer.Option(help="Plot it to this .png, .svg or .html file.")] = None,
    as_json: Json = False,
) -> None:
    """Show how the stored settings fared over time."""
    drift = context.obj.verbs.drift(name)
    if plot is not None:
        write_plot(drift.model, drift.points, plot)
    if as_json:
        print_json(drift_json(drift.points))
        return
    from .tables import console, drift_table

    drift_table(console(), drift.model, drift.points)
    if plot is not None:
        say(f"\nplot: {plot}")


@app.command("report")
def _report(
    context: typer.Context,
    campaign: Annotated[str, typer.Argument(help="A campaign's number, or a model's name for its last re-evaluation.")],
    html: Annotated[Path, typer.Option(help="Write the page to this .html file.")],
) -> None:
    """Write a self-contained page about a finished campaign: what it found, how certain, why, and at what cost."""
    check_target(html, "--html", (".html", ".htm"), "for instance report.html")
    page = context.obj.verbs.report(campaign)
    try:
        html.write_text(page.html, encoding="utf-8")
    except OSError as error:
        raise cannot_write(html, error) from None
    say(f"campaign {page.campaign}: {html}")


@app.command("status")
def _status(context: typer.Context, as_json: Json = False) -> None:
    """Show the service's health: what runs, what waits and why, what went wrong. Exit code: 0 ok, 1 not."""
    health: Health = context.obj.verbs.status()
    if as_json:
        print_json(TypeAdapter(Health).dump_python(health, mode="json"))
    else:
        from .health_view import show_health
        from .tables import console

        show_health(console(), health, CLOCK.now())
    raise typer.Exit(0 if health.overall == "ok" else 1)
