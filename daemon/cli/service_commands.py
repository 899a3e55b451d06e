"""The command that runs the service, those that it starts, and those that manage its tokens."""

import os
import sys
from typing import Annotated

import typer

from ..api.compute_process import answer
from ..logs import configure
from ..service.serve import serve
from .json_output import token_json
from .output import print_json, say, say_aside
from .session import CLOCK, Json, Session, app

tokens = typer.Typer(no_args_is_help=True, add_completion=False, help="Tokens for the service's HTTP API.")
app.add_typer(tokens, name="token")

TokenName = Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is, such as grafana.")]


@app.command("serve")
def _serve(context: typer.Context) -> None:
    """Run the service, which runs due campaigns and sends alerts, until SIGTERM."""
    session: Session = context.obj
    configure(session.config.service.log)
    serve(session.config.state, session.config, CLOCK, session.arguments)


@app.command("campaign", hidden=True)
def _campaign(context: typer.Context, campaign_id: int) -> None:
    """Run one campaign; the service starts this."""
    from ..service.campaign_main import lead

    session: Session = context.obj
    lead(session.store, campaign_id, CLOCK, session.config, os.environ)


@app.command("answer", hidden=True)
def _answer() -> None:
    """Compute the result of the verb that standard input names; the service's API starts this."""
    content, code = answer(sys.stdin.buffer.read(), CLOCK)
    sys.stdout.buffer.write(content)
    raise typer.Exit(code)


@tokens.command("create")
def _token_create(
    context: typer.Context,
    name: TokenName,
    role: Annotated[str, typer.Option(help="viewer reads; operator may also run and adopt; admin may also register.")],
    as_json: Json = False,
) -> None:
    """Create a token and print it, once."""
    created = context.obj.verbs.token_create(name, role)
    if as_json:
        print_json(token_json(created.token) | {"token": created.secret})
        return
    say(created.secret)
    say_aside("save it now: only its hash is stored, so it cannot be shown again")


@tokens.command("list")
def _token_list(context: typer.Context, as_json: Json = False) -> None:
    """List the tokens, including revoked ones."""
    listed = context.obj.verbs.token_list()
    if as_json:
        print_json([token_json(token) for token in listed])
        return
    from .tables import console, tokens_table

    tokens_table(console(), listed)


@tokens.command("revoke")
def _token_revoke(context: typer.Context, name: TokenName) -> None:
    """Revoke a token for good."""
    context.obj.verbs.token_revoke(name)
    say(f"the token {name} is revoked")
