"""The command `retuned`: one subcommand for each verb. What a command needs is loaded when it is run."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ...strategies.errors import RetunedError
from ...strategies.words import readable
from .command_index import CommandIndex
from .output import READER_LEFT, OutputGone, close_streams, open_streams, say_aside

INTERRUPTED = 130

app = typer.Typer(
    cls=CommandIndex,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Re-evaluates the hyperparameters of production models and says when they have gone stale.",
)
"""The commands; `main` runs them and turns errors into lines and exit codes."""


@app.callback()
def _options(
    context: typer.Context,
    state: Annotated[Path | None, typer.Option(help="Folder of the database, campaigns and snapshots.")] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration file; see config.example.toml.")] = None,
) -> None:
    from .session import open_session

    context.obj = open_session(state, config)


def main() -> NoReturn:
    """The console command: a user's mistake is one line on stderr and exit code 2."""
    open_streams()
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
        return _print_error(f"{' '.join(sentence.split()).rstrip('.')}; see: retuned --help", 2)
    return code if isinstance(code, int) else 0


def _print_error(sentence: str, code: int) -> int:
    say_aside(f"retuned: {readable(sentence)}")
    return code
