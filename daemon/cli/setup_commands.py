"""Commands for a newcomer: examples to start from, and completion for the shell."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from ..drafting.examples import EXAMPLES, SHIPPED, write_example
from .command_index import COMPLETION_VARIABLE
from .output import print_json, say
from .session import Json

app = typer.Typer()


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


def _next_step(written: Path) -> str:
    """What to do with an example, as a clause."""
    files = sorted(written.glob("*.toml")) if written.is_dir() else []
    return f"; next: cd {written.name} && retuned register {files[0].name}" if files else ""
