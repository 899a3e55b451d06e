"""`retuned campaign NUMBER`, which runs one campaign for the service, without the rest of the command line."""

import argparse
import os
from typing import NoReturn

from ..clock import SystemClock
from ..config.config import Config
from ..state.store import Store
from .campaign_main import counted_by_room, lead
from .own_process import run_own


def main() -> NoReturn:
    """Run the campaign to its end, or until the service wants it to stop."""
    parser = argparse.ArgumentParser(prog="retuned", description="Runs one campaign for the service.")
    parser.add_argument("campaign", choices=["campaign"])
    parser.add_argument("number", type=int)
    run_own(parser, _campaign)


def _campaign(arguments: argparse.Namespace, config: Config) -> None:
    store = Store(config.state, backups=config.backup.folder)
    with counted_by_room():
        lead(store, arguments.number, SystemClock(), config, os.environ)
