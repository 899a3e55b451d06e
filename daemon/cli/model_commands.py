"""Commands that change the registry and the current settings."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ...strategies.errors import InputError
from ...strategies.words import counted
from ..config.model_file import model_file_in
from ..config.model_list import content_of_models, contents_in
from ..config.model_paths import check_paths
from ..state.models.removal import refuse_in_use
from ..training.splits.check import check_split
from .json_output import looked_json
from .looks import looked_text
from .output import print_json, say
from .session import Json, Name, Named, Session

app = typer.Typer()
Why = Annotated[str | None, typer.Option("--why", help="The reason, for the audit.")]


@app.command("register")
def _register(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The model file (TOML); of several models: an array of tables, model.")],
    values: Annotated[
        str | None,
        typer.Option(help="If the file was edited after an adoption: 'file', its values, or 'keep', the current ones."),
    ] = None,
    is_checked: Annotated[
        bool,
        typer.Option(
            "--check/--no-check",
            envvar="RETUNED_CHECK",
            help="Try it out first, for a minute of training at most; one that fails is not registered.",
        ),
    ] = True,
) -> None:
    """Register a model, or a changed model file as a new version."""
    contents = contents_in(content_of_models(file), file)  # errors in it name the path as it was typed
    files = [model_file_in(content, file) for content in contents]
    if context.obj.place is None:
        for model_file in files:  # of all, before a state folder is made
            check_paths(model_file)
            check_split(model_file)
    if values not in (None, "file", "keep"):
        raise InputError(f"--values is '{values}'", "allowed: file or keep")
    if is_checked:
        from .checking import check_before_registration  # loads what plans a test

        check_before_registration(context.obj, files, file)
    for content in contents:
        done = context.obj.verbs.register(content.decode(), Path(os.path.abspath(file)), values)
        say(done.sentence)
        if done.waits_for_baseline:
            say(f"next: retuned retune {done.name}  (the baseline, then the first re-evaluation)")
            say(f"or the baseline alone: retuned baseline {done.name}; or leave both to the service: retuned serve")


@app.command("pause")
def _pause(context: typer.Context, name: Name, why: Why = None) -> None:
    """Stop scheduled re-evaluations of a model until it is resumed."""
    context.obj.verbs.pause(name, why)
    say(f"{name} is paused; to undo: retuned resume {name}")


@app.command("resume")
def _resume(context: typer.Context, name: Name, why: Why = None) -> None:
    """Resume scheduled re-evaluations of a paused or retired model."""
    context.obj.verbs.resume(name, why)
    say(f"{name} is active")


@app.command("look")
def _look(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Look for changes in a model's data, code and environment now; one that counts queues a re-evaluation."""
    session: Session = context.obj
    looked = session.verbs.look(name)
    if as_json:
        print_json(looked_json(looked))
        return
    say(looked_text(looked))
    if looked.campaign is not None and not session.is_remote:
        say(f"`retuned serve` runs it; to run it now: retuned retune {name}")


@app.command("retire")
def _retire(context: typer.Context, name: Name, why: Why = None) -> None:
    """Take a model out of service; its history stays."""
    context.obj.verbs.retire(name, why)
    say(f"{name} is retired, its history stays; to undo: retuned resume {name}")


@app.command("remove")
def _remove(
    context: typer.Context,
    name: Name,
    retire: Annotated[bool, typer.Option("--retire", help="Retire it first, if it is in use.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    why: Why = None,
) -> None:
    """Delete a retired model for good, with its history and what its campaigns left on the disk."""
    verbs = context.obj.verbs
    if not yes:
        history = verbs.history(name)
        if not retire:
            refuse_in_use(name, history.model.state)
        _ask_before_removal(name, len(history.campaigns))
    removal = verbs.remove(name, retire, why)
    say(f"{name} is removed, with {counted(len(removal.campaigns), 'campaign')}; its own files are untouched")


def _ask_before_removal(name: str, campaigns: int) -> None:
    """Ask at the terminal. Raises InputError where nobody can answer, and ends the command at a no."""
    lost = f"{name}, its settings versions and {counted(campaigns, 'campaign')} with verdicts and alerts"
    if not (sys.stdin is not None and sys.stdin.isatty()):
        raise InputError(
            f"remove deletes {lost}, and here nobody can be asked", "allowed: --yes", f"retuned remove {name} --yes"
        )
    if not typer.confirm(f"Delete {lost} for good?"):
        say("nothing was removed")
        raise typer.Exit(1)


@app.command("cancel")
def _cancel(context: typer.Context, named: Named) -> None:
    """Cancel a campaign, or the open ones of a model; what they recorded stays."""
    campaigns = context.obj.verbs.cancel(named)
    for campaign in campaigns:
        say(f"campaign {campaign.id} ({campaign.kind}) is cancelled")
    if not campaigns:
        say(f"{f'campaign {named}' if named.isdecimal() else named} has no open campaign")
