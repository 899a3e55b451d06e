"""Starts a worker by the path of this folder: `python -I -S FOLDER CAMPAIGN_DIR WORKER_ID`."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# The folder that holds daemon/ comes last on the path, so that none of our names hides one of the standard library.
# There is nothing else on it: isolated and without site-packages, no other package called daemon can be found.
sys.path[:] = [*sys.path[1:], str(HERE.parents[2])]
importlib.import_module(f"daemon.training.{HERE.name}.worker").main()
