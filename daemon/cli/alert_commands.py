"""Commands that answer alerts."""

from collections.abc import Sequence
from typing import Annotated

import typer

from ..state.alert import Alert
from .listing_json import alert_json
from .output import print_json, say
from .session import Json

app = typer.Typer()

Number = Annotated[int, typer.Argument(metavar="ALERT", help="An alert's number, as `retuned alerts` shows it.")]
AlertOrModel = Annotated[
    str, typer.Argument(metavar="ALERT|NAME", help="An alert's number, or a model's name for its open alerts.")
]


@app.command("ack")
def _ack(
    context: typer.Context,
    alert: Number,
    note: Annotated[str, typer.Option(help="What you know or do about it, for the others.")] = "",
    as_json: Json = False,
) -> None:
    """Say that you have seen an alert, and those with the same cause: they are not repeated or escalated."""
    _show(context.obj.verbs.ack(alert, note), as_json)


@app.command("snooze")
def _snooze(
    context: typer.Context,
    named: AlertOrModel,
    length: Annotated[str, typer.Option("--for", metavar="TIME", help="For how long, such as 14d; up to 366 days.")],
    reason: Annotated[str, typer.Option(help="Why; told when the snooze ends.")],
    as_json: Json = False,
) -> None:
    """Put an alert, or a model's open ones, off; once the time is over you are told whether it is still open."""
    _show(context.obj.verbs.snooze(named, length, reason), as_json)


@app.command("unsnooze")
def _unsnooze(context: typer.Context, named: AlertOrModel, as_json: Json = False) -> None:
    """End a snooze early."""
    _show(context.obj.verbs.unsnooze(named), as_json)


def _show(alerts: Sequence[Alert], as_json: bool) -> None:
    if as_json:
        print_json([alert_json(alert) for alert in alerts])
        return
    for alert in alerts:
        until = f" until {alert.snoozed_until:%Y-%m-%d %H:%M} UTC" if alert.snoozed_until is not None else ""
        say(f"alert {alert.id} is {alert.state}{until}: {alert.title}")
