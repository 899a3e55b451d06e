"""The processes that the service starts for itself, without the command line: one step on a state folder, and the end.

What they import is most of what they cost, and typer alone is a third of that.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ...strategies.errors import RetunedError
from ..config.config import Config, load_config

INTERRUPTED = 130
Step = Callable[[argparse.Namespace, Config], None]


def run_own(parser: argparse.ArgumentParser, step: Step) -> NoReturn:
    """Take the step that the command line asks for; an error is one line on stderr and its exit code.

    The parser knows the step's own words; --state and --config are added here.
    """
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    arguments = parser.parse_args()
    try:
        config = load_config(arguments.config, os.environ).model_copy(update={"state": arguments.state.absolute()})
        step(arguments, config)
    except RetunedError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        _end("interrupted; an open campaign resumes when the service runs again", INTERRUPTED)
    sys.exit(0)


def _end(sentence: str, code: int) -> NoReturn:
    print(f"retuned: {sentence}", file=sys.stderr)  # noqa: T201 (what a command says)
    sys.exit(code)
