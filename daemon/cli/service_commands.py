"""The command that runs the service."""

import typer

from ..logs import configure
from ..service.serve import serve
from .session import CLOCK, Session

app = typer.Typer()


@app.command("serve")
def _serve(context: typer.Context) -> None:
    """Run the service, which runs due campaigns and sends alerts, until SIGTERM."""
    session: Session = context.obj
    configure(session.config.service.log)
    serve(session.config.state, session.config, CLOCK, session.arguments)
