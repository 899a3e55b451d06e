"""The command `retuned`: one subcommand for each verb. What a command needs is loaded when it is run."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ...strategies.errors import RetunedError
from .command_index import CommandIndex

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
    code: object = 0
    try:
        words = sys.argv[1:] or ["--help"]
        code = typer.main.get_command(app).main(words, prog_name="retuned", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:  # typer turns Ctrl-C into this, without a message
            raise KeyboardInterrupt
    except RetunedError as error:
        code = _print_error(str(error), error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = _print_error("interrupted; an open campaign resumes when the command is run again", INTERRUPTED)
    except typer.TyperException as error:
        sentence = error.format_message() if isinstance(error, typer.BadParameter.__bases__) else str(error)
        code = _print_error(f"{' '.join(sentence.split()).rstrip('.')}; see: retuned --help", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone
        code = 141
    sys.exit(code if isinstance(code, int) else 0)


def _print_error(sentence: str, code: int) -> int:
    print(f"retuned: {sentence}", file=sys.stderr)
    return code
