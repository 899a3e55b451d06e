"""Commands that a person gives to a running panda."""

from typing import Annotated

import typer

from ...strategies.errors import ConflictError, InputError
from ..api.verbs import Verbs
from .output import say
from .session import Named

app = typer.Typer()


@app.command("nudge")
def _nudge(
    context: typer.Context,
    named: Named,
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="New values, such as lr=0.01.")],
) -> None:
    """Give a running panda new values from the next day."""
    verbs: Verbs = context.obj.verbs
    say(verbs.nudge(_campaign(verbs, named), dict(_value(word) for word in values)).sentence)


@app.command("back")
def _back(
    context: typer.Context,
    named: Named,
    to_day: Annotated[int, typer.Option("--to-day", help="Resume from the end of this day; 0 is the probe.")],
) -> None:
    """Roll a running panda back to the end of an earlier day."""
    verbs: Verbs = context.obj.verbs
    say(verbs.back(_campaign(verbs, named), to_day).sentence)


@app.command("hold")
def _hold(
    context: typer.Context,
    named: Named,
    release: Annotated[bool, typer.Option("--release", help="Resume automatic moves.")] = False,
) -> None:
    """Stop automatic moves of a running panda; it is still rolled back when the training diverges."""
    verbs: Verbs = context.obj.verbs
    say(verbs.hold(_campaign(verbs, named), release).sentence)


def _campaign(verbs: Verbs, named: str) -> int:
    """The number of the campaign, or of the model's open re-evaluation."""
    campaigns = [campaign for campaign in verbs.open_of(named) if campaign.kind == "retune"]
    if not campaigns:
        raise ConflictError(f"{named} has no open re-evaluation", "", f"start one: retuned retune {named}")
    return campaigns[0].id


def _value(word: str) -> tuple[str, float]:
    name, _, text = word.partition("=")
    try:
        return name, float(text)
    except ValueError:
        raise InputError(f"{word!r} is not a value", "allowed: NAME=NUMBER", "for instance lr=0.01") from None
