"""The command that shows the service's health."""

import typer
from pydantic import TypeAdapter

from ..upkeep.health_records import Health
from .output import print_json
from .session import CLOCK, Json

app = typer.Typer()


@app.command("status")
def _status(context: typer.Context, as_json: Json = False) -> None:
    """Show the service's health: what runs, what waits and why, what went wrong. Exit code: 0 ok, 1 not."""
    health: Health = context.obj.status.status()
    if as_json:
        print_json(TypeAdapter(Health).dump_python(health, mode="json"))
    else:
        from .health_view import show_health
        from .screen import console

        show_health(console(), health, CLOCK.now())
    raise typer.Exit(0 if health.overall == "ok" else 1)
