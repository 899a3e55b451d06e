"""The command that checks everything which the service needs."""

import os
from dataclasses import asdict

import typer

from ..upkeep.doctor import examine
from .output import print_json
from .session import CLOCK, Json, Session

app = typer.Typer()


@app.command("doctor")
def _doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check everything that the service needs and say what to do. Exit code: 0 no errors, 1 errors."""
    session: Session = context.obj
    findings = examine(session.config, os.environ, CLOCK, session.config_file)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        from .findings_view import show_findings
        from .screen import console

        show_findings(console(), findings)
    raise typer.Exit(1 if any(finding.level == "error" for finding in findings) else 0)
