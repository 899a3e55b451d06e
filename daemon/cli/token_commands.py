"""Commands that manage the service's tokens."""

from typing import Annotated

import typer

from .json_output import token_json
from .output import print_json, say, say_aside
from .session import Json

app = typer.Typer()
tokens = typer.Typer(no_args_is_help=True, add_completion=False, help="Tokens for the service's HTTP API.")
app.add_typer(tokens, name="token")

TokenName = Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is, such as grafana.")]


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
    from .screen import console
    from .tables import tokens_table

    tokens_table(console(), listed)


@tokens.command("revoke")
def _token_revoke(context: typer.Context, name: TokenName) -> None:
    """Revoke a token for good."""
    context.obj.verbs.token_revoke(name)
    say(f"the token {name} is revoked")
