"""Commands that manage the service's tokens."""

from typing import Annotated, Any

import typer

from ..state.tokens import Token
from .output import print_json, say, say_aside
from .session import Json

app = typer.Typer()
tokens = typer.Typer(no_args_is_help=True, add_completion=False, help="Tokens for the service's HTTP API.")
app.add_typer(tokens, name="token")

COLUMNS = ("name", "role", "created", "last used (UTC)", "state")
EMPTY = "there are no tokens yet; create one: retuned token create NAME --role viewer"
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
        print_json(_json(created.token) | {"token": created.secret})
        return
    say(created.secret)
    say_aside("save it now: only its hash is stored, so it cannot be shown again")


@tokens.command("list")
def _token_list(context: typer.Context, as_json: Json = False) -> None:
    """List the tokens, including revoked ones."""
    listed = context.obj.verbs.token_list()
    if as_json:
        print_json([_json(token) for token in listed])
        return
    from .screen import console, table

    table(console(), COLUMNS, list(map(_row, listed)), EMPTY)


@tokens.command("revoke")
def _token_revoke(context: typer.Context, name: TokenName) -> None:
    """Revoke a token for good."""
    context.obj.verbs.token_revoke(name)
    say(f"the token {name} is revoked")


def _row(token: Token) -> tuple[str, ...]:
    """A line of the table, never with the secret."""
    return (
        token.name, token.role, f"{token.created_at:%Y-%m-%d}",
        f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
        f"revoked {token.revoked_at:%Y-%m-%d}" if token.revoked_at else "valid",
    )  # fmt: skip


def _json(token: Token) -> dict[str, Any]:
    """A token without its secret."""
    moments = {name: getattr(token, name) for name in ("created_at", "last_used_at", "revoked_at")}
    return {
        "name": token.name,
        "role": token.role,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
    }
