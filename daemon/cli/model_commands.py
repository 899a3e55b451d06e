"""Commands that change the registry and the settings in force."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ..config.model_file import model_file_in
from ..config.model_paths import check_paths
from ..config.toml_input import content_of
from ..state.models.registry import Model
from .session import Name, Named, app


@app.command("register")
def _register(context: typer.Context, file: Annotated[Path, typer.Argument(help="The model file (TOML).")]) -> None:
    """Register a model, or take up a changed model file as a new version."""
    content = content_of(file)
    model_file = model_file_in(content, file)  # what is wrong in it is told with the path as it was typed
    if context.obj.place is None:
        check_paths(model_file)  # before a state folder is made
    done = context.obj.verbs.register(content.decode(), Path(os.path.abspath(file)))
    print(done.sentence)
    if done.waits_for_baseline:
        print(f"`retuned serve` runs the baseline by itself; to run it now: retuned baseline {done.name}")


@app.command("pause")
def _pause(context: typer.Context, name: Name) -> None:
    """Stop scheduled re-evaluations of a model until it is resumed."""
    context.obj.verbs.pause(name)
    print(f"{name} is paused; retuned resume {name} brings it back")


@app.command("resume")
def _resume(context: typer.Context, name: Name) -> None:
    """Let scheduled re-evaluations of a paused or retired model go on."""
    context.obj.verbs.resume(name)
    print(f"{name} is active")


@app.command("retire")
def _retire(context: typer.Context, name: Name) -> None:
    """Take a model out of service; its history stays."""
    context.obj.verbs.retire(name)
    print(f"{name} is retired, its history stays; retuned resume {name} brings it back")


@app.command("cancel")
def _cancel(context: typer.Context, named: Named) -> None:
    """Cancel a campaign, or the open ones of a model; what they recorded stays."""
    campaigns = context.obj.verbs.cancel(named)
    for campaign in campaigns:
        print(f"campaign {campaign.id} ({campaign.kind}) is cancelled")
    if not campaigns:
        print(f"{f'campaign {named}' if named.isdecimal() else named} has no open campaign")


@app.command("adopt")
def _adopt(
    context: typer.Context,
    name: Name,
    campaign: Annotated[
        int | None, typer.Option(help="Take this campaign's values, not the last confirmed ones.")
    ] = None,
    from_file: Annotated[
        bool, typer.Option("--from-file", help="Take the values edited in the settings file.")
    ] = False,
) -> None:
    """Put the values in force that a campaign recommended, and write the model's settings file."""
    _say_in_force(context.obj.verbs.adopt(name, campaign, from_file))


@app.command("rollback")
def _rollback(
    context: typer.Context,
    name: Name,
    to: Annotated[int | None, typer.Option(help="Settings version to go back to; default: the one before.")] = None,
) -> None:
    """Put an older version of the settings in force again."""
    _say_in_force(context.obj.verbs.rollback(name, to))


def _say_in_force(model: Model) -> None:
    from .tables import configuration_text

    print(f"{model.name}: settings v{model.settings_version} are in force: {configuration_text(model.configuration)}")
    if model.file.settings_file is not None:
        print(f"written to {model.file.settings_file}")
    else:
        print("nothing was written, for the model file names no [settings] file: copy the values to your training")
    print("a baseline of them is queued; retuned rollback " + model.name + " takes this back")
