"""The commands that run the service and open its pages."""

import os
import webbrowser
from typing import Annotated

import typer

from ...strategies.errors import StateError
from ..api.find_service import find_service
from ..logs import configure
from ..service.serve import serve
from ..web.sign_in_link import sign_in_link
from .output import say
from .session import CLOCK, Session

app = typer.Typer()


@app.command("serve")
def _serve(context: typer.Context) -> None:
    """Run the service, which runs due campaigns and sends alerts, until SIGTERM."""
    session: Session = context.obj
    configure(session.config.service.log)
    serve(session.config.state, session.config, CLOCK, session.arguments)


@app.command("open")
def _open(
    context: typer.Context,
    only_print: Annotated[bool, typer.Option("--print", help="Print the address only; open no browser.")] = False,
) -> None:
    """Open the service's pages in a browser, signed in by a link that is good once and for two minutes."""
    session: Session = context.obj
    place = find_service(session.config, os.environ)
    if place is None:
        raise StateError("no service runs on this state folder", "", "start it: retuned serve")
    link = sign_in_link(place)
    say(link)
    if not only_print:
        webbrowser.open(link)
