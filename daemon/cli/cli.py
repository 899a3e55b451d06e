"""The command `retuned`: one subcommand for each verb. Heavy libraries load only in the commands that need them."""

import os
import sys
from typing import NoReturn

import typer

from ...strategies.errors import RetunedError
from . import campaign_commands, model_commands, service_commands, show_commands, upkeep_commands
from .campaign_commands import EXIT_CODES
from .session import app

INTERRUPTED = 130
# Importing them registers their commands.
COMMANDS = (campaign_commands, model_commands, service_commands, show_commands, upkeep_commands)
__all__ = ["EXIT_CODES", "app", "main"]


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
