"""Starts on a node by the path of this folder: `python3 -I -S -B FOLDER SPOOL WORKER_ID`, or with --probe or
--environment, FILE and further words."""

import importlib
import sys
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036 - a node has a Python of its own
    sys.exit(f"this is Python {sys.version.split()[0]}; a worker needs 3.10 or newer: set python under [workers]")

HERE = Path(__file__).resolve().parent

sys.path[:] = [*sys.path[1:], str(HERE.parents[2])]  # last, so that none of our names hides one of the library
importlib.import_module(f"daemon.training.{HERE.name}.node").main()
