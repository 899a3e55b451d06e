"""Commands that the service starts as processes of their own."""

import os
import sys

import typer

from ..api.compute_process import answer
from .session import CLOCK, Session

app = typer.Typer()


@app.command("campaign", hidden=True)
def _campaign(context: typer.Context, campaign_id: int) -> None:
    """Run one campaign; the service starts this."""
    from ..service.campaign_main import counted_by_room, lead

    session: Session = context.obj
    with counted_by_room():
        lead(session.store, campaign_id, CLOCK, session.config, os.environ)


@app.command("answer", hidden=True)
def _answer() -> None:
    """Compute the result of the verb that standard input names; the service's API starts this."""
    content, code = answer(sys.stdin.buffer.read(), CLOCK)
    sys.stdout.buffer.write(content)
    raise typer.Exit(code)
