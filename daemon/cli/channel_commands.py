"""Commands about channels and signed messages."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ...strategies.errors import InputError
from ..api.channel_views import ChannelView
from .output import print_json, say
from .session import CLOCK, Json

MOST_BODY_BYTES = 16 << 20
app = typer.Typer()
channels = typer.Typer(
    invoke_without_command=True, no_args_is_help=False, add_completion=False,
    help="List the channels that messages go to and how they fare, or send a test message to one.",
)  # fmt: skip
webhooks = typer.Typer(no_args_is_help=True, add_completion=False, help="Signed messages of webhooks.")
app.add_typer(channels, name="channels")
app.add_typer(webhooks, name="webhooks")


@channels.callback()
def _channels(context: typer.Context, as_json: Json = False) -> None:
    """List the channels that messages go to and how they fare, or send a test message to one."""
    if context.invoked_subcommand is not None:
        return
    listed = context.obj.verbs.channels()
    if as_json:
        print_json([_channel_json(channel) for channel in listed])
        return
    from .screen import console, table

    rows = [(channel.name, channel.kind, _takes(channel), _last(channel), _state(channel)) for channel in listed]
    empty = "no channel is configured; see [channels.NAME] in: retuned example config"
    table(console(), ("channel", "kind", "takes", "last delivery (UTC)", "state"), rows, empty)


@channels.command("test")
def _test(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="CHANNEL", help="The NAME of [channels.NAME].")],
    as_json: Json = False,
) -> None:
    """Send a recognisable message to a channel now, and say what the other side answered."""
    tested = context.obj.verbs.channel_test(name)
    if as_json:
        print_json(asdict(tested))
    elif tested.is_accepted:
        say(f"{name} ({tested.kind}): the other side answered: {tested.said}\nlook at: {tested.look}")
    else:
        say(f"{name} ({tested.kind}): not delivered: {tested.said}")
    if not tested.is_accepted:
        raise typer.Exit(1)


@webhooks.command("verify")
def _verify(
    message_id: Annotated[str, typer.Option("--id", help="The header webhook-id.")],
    timestamp: Annotated[str, typer.Option(help="The header webhook-timestamp.")],
    signature: Annotated[str, typer.Option(help="The header webhook-signature.")],
    secret: Annotated[str, typer.Option(help="A reference: env:NAME, file:/path or credential:NAME.")],
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="The body as it came; default: standard input.")] = "-",
) -> None:
    """Check the signature of a received message and say why it is not valid. Exit code: 0 valid, 2 not."""
    from ..alerts.signing import verify
    from ..config.config import resolve_secret

    verify(message_id, timestamp, signature, _body(file), resolve_secret(secret, os.environ), CLOCK.now())
    say("the signature is valid")


def _body(file: str) -> bytes:
    try:
        if file == "-":
            content = sys.stdin.buffer.read(MOST_BODY_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(MOST_BODY_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", remedy="check the path") from None
    if len(content) > MOST_BODY_BYTES:
        raise InputError("the body is larger than 16 MiB", "the body of one message")
    return content


def _takes(channel: ChannelView) -> str:
    named = () if channel.is_default else ("models that name it",)
    return "; ".join((*named, *channel.takes)) or "everything"


def _last(channel: ChannelView) -> str:
    return "never" if channel.delivered_at is None else f"{channel.delivered_at:%Y-%m-%d %H:%M}"


def _state(channel: ChannelView) -> str:
    counts = [
        f"{channel.pending} waiting" if channel.pending else "",
        f"{channel.dead} given up" if channel.dead else "",
    ]
    parts = [channel.problem or "", *counts, f"last attempt: {channel.last_error}" if channel.last_error else ""]
    return "; ".join(part for part in parts if part) or "ok"


def _channel_json(channel: ChannelView) -> dict[str, object]:
    delivered = None if channel.delivered_at is None else channel.delivered_at.isoformat()
    return asdict(channel) | {"delivered_at": delivered}
