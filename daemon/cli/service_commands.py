"""The commands that run the service and open its pages."""

import os
import threading
import webbrowser
from typing import Annotated

import typer

from ...strategies.errors import ConflictError, StateError
from ..api.find_service import find_service
from ..logs import configure
from ..service.serve import serve
from ..state.running_service import read_place
from ..web.sign_in_link import sign_in_link
from .output import say
from .session import CLOCK, Session

app = typer.Typer()


@app.command("serve")
def _serve(
    context: typer.Context,
    is_opened: Annotated[bool, typer.Option("--open", help="Open its pages in a browser, signed in.")] = False,
) -> None:
    """Run the service, which runs due campaigns and sends alerts, until SIGTERM."""
    session: Session = context.obj
    configure(session.config.service.log)
    state = session.config.state

    def open_pages() -> None:
        place = read_place(state)
        if place is None:
            raise ConflictError("[api] listen is 'off'", "allowed with --open: an address", "set [api] listen")
        link = sign_in_link(place, session.config.api.public_url)
        say(link)
        # in a thread: a browser in the terminal would keep the service from its rounds
        threading.Thread(target=webbrowser.open, args=(link,), daemon=True).start()

    serve(state, session.config, CLOCK, session.arguments, open_pages if is_opened else lambda: None)


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
    link = sign_in_link(place, session.config.api.public_url)
    say(link)
    if not only_print:
        webbrowser.open(link)
