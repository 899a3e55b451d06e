"""Starts a trainer by the path of this folder: `PYTHON FOLDER --in-fd N --out-fd N`.

The folder becomes a package with a name that no one else has and does not stay on the path, where Python puts what it
starts: a recipe's `import recipes` must find the user's module, and ours must be found though the user has a `trainer`.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAME = "retuned_trainer"


def main() -> None:
    """Train until the pipe closes."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    spec = importlib.util.spec_from_file_location(NAME, HERE / "__init__.py", submodule_search_locations=[str(HERE)])
    if spec is None:
        raise ImportError(f"no package in {HERE}")
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    importlib.import_module(f"{NAME}.trainer").main()


if __name__ == "__main__":
    main()
