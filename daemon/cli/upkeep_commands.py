"""Commands that show the service's health and keep its database."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from ...strategies.words import counted
from ..upkeep.backup import restore
from ..upkeep.doctor import examine
from ..upkeep.health_records import Health
from .output import print_json, say
from .session import CLOCK, Json, Session, app


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


@app.command("doctor")
def _doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check everything that the service needs and say what to do. Exit code: 0 no errors, 1 errors."""
    session: Session = context.obj
    findings = examine(session.config, os.environ, CLOCK, session.config_file)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        from .health_view import show_findings
        from .tables import console

        show_findings(console(), findings)
    raise typer.Exit(1 if any(finding.level == "error" for finding in findings) else 0)


@app.command("backup")
def _backup(context: typer.Context) -> None:
    """Make a checked copy of the database now, in addition to those that the service makes each day."""
    copy = context.obj.verbs.backup()
    say(f"{copy.file} ({copy.size_bytes:,} bytes)")


@app.command("restore")
def _restore(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A copy that retuned made, see: retuned backup.")]
) -> None:
    """Replace the database by a copy; the one in use is kept. Only while no service runs."""
    session: Session = context.obj
    session.refuse_root()
    restored = restore(session.config.state, file.absolute(), CLOCK.now())
    say(f"restored {file}: {counted(restored.campaigns, 'campaign')}")
    if restored.kept_as is not None:
        say(f"the previous database is kept: {restored.kept_as}")
    for folder in restored.set_aside:
        say(f"moved aside, because the copy does not know it: {folder}")
