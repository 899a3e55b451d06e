"""Commands of the service itself, and of those who look after it."""

import os
import sys
from typing import Annotated

import typer

from ..api.compute_process import answer
from ..logs import configure
from ..service.serve import serve
from .json_output import token_json
from .session import CLOCK, Json, Session, app, print_json

tokens = typer.Typer(no_args_is_help=True, add_completion=False, help="Tokens for the service's HTTP API.")
app.add_typer(tokens, name="token")

TokenName = Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is, such as grafana.")]


@app.command("serve")
def _serve(context: typer.Context) -> None:
    """Run the service: due campaigns and alerts, until SIGTERM."""
    session: Session = context.obj
    configure(session.config.service.log)
    serve(session.config.state, session.config, CLOCK, session.arguments)


@app.command("campaign", hidden=True)
def _campaign(context: typer.Context, campaign_id: int) -> None:
    """Work on one campaign; the service starts this."""
    from ..service.campaign_process import lead

    session: Session = context.obj
    lead(session.store, campaign_id, CLOCK, session.config, os.environ)


@app.command("answer", hidden=True)
def _answer() -> None:
    """Compute what a verb gives, from the question on standard input; the service's API starts this."""
    content, code = answer(sys.stdin.buffer.read(), CLOCK)
    sys.stdout.buffer.write(content)
    raise typer.Exit(code)


@tokens.command("create")
def _token_create(
    context: typer.Context,
    name: TokenName,
    role: Annotated[str, typer.Option(help="viewer reads; operator runs and adopts too; admin registers too.")],
    as_json: Json = False,
) -> None:
    """Make a token and print it, this once."""
    made = context.obj.verbs.token_create(name, role)
    if as_json:
        print_json(token_json(made.token) | {"token": made.secret})
        return
    print(made.secret)
    print("keep it now: only its hash is stored, it cannot be shown again", file=sys.stderr)


@tokens.command("list")
def _token_list(context: typer.Context, as_json: Json = False) -> None:
    """List the tokens, revoked ones included."""
    found = context.obj.verbs.token_list()
    if as_json:
        print_json([token_json(token) for token in found])
        return
    from .tables import console, tokens_table

    tokens_table(console(), found)


@tokens.command("revoke")
def _token_revoke(context: typer.Context, name: TokenName) -> None:
    """End a token for good."""
    context.obj.verbs.token_revoke(name)
    print(f"the token {name} is revoked")
