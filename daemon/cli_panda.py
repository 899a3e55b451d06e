"""Commands with which a person steps in while a panda lives."""

from typing import Annotated

import typer

from ..strategies.errors import ConflictError, InputError
from .cli_session import Named, app
from .verbs import Verbs


@app.command("nudge")
def _nudge(
    context: typer.Context,
    named: Named,
    values: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="What to move, such as lr=0.01.")],
) -> None:
    """Give a living panda other values from the next morning on."""
    verbs: Verbs = context.obj.verbs
    print(verbs.nudge(_campaign(verbs, named), dict(_value(word) for word in values)).sentence)


@app.command("back")
def _back(
    context: typer.Context,
    named: Named,
    to_day: Annotated[int, typer.Option("--to-day", help="The day whose end it goes on from; 0 is the probe.")],
) -> None:
    """Let a living panda go on from the end of an earlier day."""
    verbs: Verbs = context.obj.verbs
    print(verbs.back(_campaign(verbs, named), to_day).sentence)


@app.command("hold")
def _hold(
    context: typer.Context,
    named: Named,
    release: Annotated[bool, typer.Option("--release", help="Let it move by itself again.")] = False,
) -> None:
    """Keep a living panda from moving anything by itself; it still goes back when the training diverges."""
    verbs: Verbs = context.obj.verbs
    print(verbs.hold(_campaign(verbs, named), release).sentence)


def _campaign(verbs: Verbs, named: str) -> int:
    """The number of the campaign, or of the model's open re-evaluation."""
    found = [one for one in verbs.open_of(named) if one.kind == "retune"]
    if not found:
        raise ConflictError(f"{named} has no open re-evaluation", "", f"begin one: retuned retune {named}")
    return found[0].id


def _value(word: str) -> tuple[str, float]:
    name, _, text = word.partition("=")
    try:
        return name, float(text)
    except ValueError:
        raise InputError(f"{word!r} is no value to move to", "allowed: NAME=NUMBER", "for instance lr=0.01") from None
