"""The command `retuned`: one subcommand for each verb. What a command needs is loaded when it is run."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer._completion_classes import completion_init

from ...strategies.errors import RetunedError
from ...strategies.words import readable
from .command_index import COMPLETION_VARIABLE, CommandIndex
from .output import READER_LEFT, OutputGone, close_streams, open_streams, say, say_aside

INTERRUPTED = 130

app = typer.Typer(
    cls=CommandIndex,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Re-evaluates the hyperparameters of production models and says when they have gone stale.",
)
"""The commands; `main` runs them and turns errors into lines and exit codes."""


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version  # slow to load

        say(f"retuned {version('retuned')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
    state: Annotated[Path | None, typer.Option(help="Folder of the database, campaigns and snapshots.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file; see: retuned example config.")] = None,
) -> None:
    from .session import open_session

    context.obj = open_session(state, config)


def main() -> NoReturn:
    """The console command: a user's mistake is one line on stderr and exit code 2."""
    open_streams()
    if COMPLETION_VARIABLE in os.environ:
        completion_init()
    try:
        code = _run(sys.argv[1:] or ["--help"])
    except (OutputGone, BrokenPipeError):
        code = READER_LEFT
    close_streams()
    sys.exit(code)


def _run(words: list[str]) -> int:
    """The command's exit code; raises OutputGone when nobody reads what it says."""
    try:
        code: object = typer.main.get_command(app).main(words, prog_name="retuned", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this, without a message
            raise KeyboardInterrupt
    except RetunedError as error:
        return _print_error(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return _print_error("interrupted; an open campaign resumes when the command is run again", INTERRUPTED)
    except typer.TyperException as error:
        sentence = error.format_message() if isinstance(error, typer.BadParameter.__bases__) else str(error)
        context = getattr(error, "ctx", None)  # of the command that was meant, once it is known
        command = "retuned" if context is None else context.command_path
        if (name := getattr(error, "option_name", "")) in ("--state", "--config") and command != "retuned":
            place = "DIR" if name == "--state" else "FILE"
            rest = command.removeprefix("retuned ")
            return _print_error(f"{name} goes before the command: retuned {name} {place} {rest} ...", 2)
        return _print_error(f"{' '.join(sentence.split()).rstrip('.')}; see: {command} --help", 2)
    return code if isinstance(code, int) else 0


def _print_error(sentence: str, code: int) -> int:
    say_aside(f"retuned: {readable(sentence)}")
    return code
