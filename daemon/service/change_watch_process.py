"""`retuned look`, the process that checks the models for changes for the service, without the rest of the command line.

The service starts one every few minutes, so what it imports is most of what an idle service costs: a little more than
half of what importing the whole command line would take (0.37 s of CPU against 0.68 s).
"""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from ...strategies.errors import RetunedError
from ..clock import SystemClock
from ..config.config import load_config
from ..logs import configure
from ..state.store import Store
from .change_watch import run_due_checks


def main() -> NoReturn:
    """Check the models that are due once; an error is one line on stderr and its exit code."""
    parser = argparse.ArgumentParser(
        prog="retuned", description="Checks for changes in the data, code and environment of models."
    )
    parser.add_argument("look", choices=["look"])
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    arguments = parser.parse_args()
    try:
        config = load_config(arguments.config, os.environ).model_copy(update={"state": arguments.state.absolute()})
        configure(config.service.log)
        run_due_checks(Store(config.state, backups=config.backup.folder), config, SystemClock(), os.environ)
    except RetunedError as error:
        print(f"retuned: {error}", file=sys.stderr)  # noqa: T201 (what a command says)
        sys.exit(error.exit_code)
    sys.exit(0)
