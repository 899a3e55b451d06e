"""Commands that make other settings current: what changes and why is shown first."""

import sys
from typing import Annotated, Any

import typer

from ..api.proposed_view import Proposed
from .adoption_words import adoption_lines, proposed_lines
from .output import say
from .session import Name, Session

app = typer.Typer()
Why = Annotated[str | None, typer.Option("--why", help="The reason, for the audit.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; without a terminal nothing is asked anyway.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]


@app.command("adopt")
def _adopt(
    context: typer.Context,
    name: Name,
    campaign: Annotated[
        int | None, typer.Option(help="Adopt this campaign's values, not the last confirmed ones.")
    ] = None,
    from_file: Annotated[
        bool, typer.Option("--from-file", help="Adopt the values edited in the settings file.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = None,
) -> None:
    """Adopt the values that a campaign recommended, and write the model's settings file."""
    verbs = context.obj.verbs
    proposed = verbs.proposed(name, campaign, from_file)
    if _goes_on(proposed, dry_run, yes, "Adopt these values?"):
        # by its number: what was shown is adopted, even where another campaign has ended meanwhile
        verbs.adopt(name, proposed.campaign, from_file, why)
        _show_adopted(context.obj, name)


@app.command("rollback")
def _rollback(
    context: typer.Context,
    name: Name,
    to: Annotated[int | None, typer.Option(help="Settings version to adopt again; default: the previous one.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = None,
) -> None:
    """Adopt an older version of the settings again."""
    verbs = context.obj.verbs
    proposed = verbs.proposed(name, back=True, to=to)
    if _goes_on(proposed, dry_run, yes, "Go back to these values?"):
        verbs.rollback(name, proposed.to_version, why)
        _show_adopted(context.obj, name)


def _goes_on(proposed: Proposed, dry_run: bool, yes: bool, question: str) -> bool:
    """Show the change; whether to make it. A person at a terminal is asked, and ends the command by a no."""
    say("\n".join(proposed_lines(proposed)))
    if dry_run:
        say("\nnothing was changed (--dry-run)")
        return False
    if yes or not _is_terminal(sys.stdin) or not _is_terminal(sys.stdout):
        say("")
        return True
    if typer.confirm(f"\n{question}"):
        return True
    say("nothing was changed")
    raise typer.Exit(1)


def _is_terminal(stream: Any) -> bool:  # noqa: ANN401 - None where it is closed
    return stream is not None and stream.isatty()


def _show_adopted(session: Session, name: str) -> None:
    from .tables import configuration_text

    shown = session.verbs.show(name)
    model = shown.model
    say(f"{model.name}: settings v{model.settings_version} are now current: {configuration_text(model.configuration)}")
    if model.file.settings_file is not None:
        say(f"written to {model.file.settings_file}")
    else:
        say("no file was written, because the model file names no [settings] file: copy the values to your training")
    for line in adoption_lines(shown.adoption, only_hook=True):
        say(line)
    say(f"a baseline of them is queued, which a service runs, or: retuned baseline {model.name}")
    say(f"to undo: retuned rollback {model.name}")
