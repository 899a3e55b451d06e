"""The demonstration in the service's own state: the example on flights that comes with the project."""

import subprocess
import sys
from pathlib import Path

from ...strategies.errors import StateError
from ..drafting.examples import write_example
from .languages import ENGLISH, Say

NAME, FOLDER = "flights", "demo"
LAUNCH = ("--months", "1-3")
CHANGED = ("--months", "7-9", "--times", "30")
"""What the script of the example cuts: the window of its launch, and one in which somebody changed the units."""
TIMEOUT_S = 60


def demo_model_file(state: Path) -> Path:
    """The model file of the example in a folder below `state`, written there if it is not yet, with the data of its
    launch. Raises StateError."""
    folder = state.resolve() / FOLDER
    example = folder / NAME
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StateError(f"{folder} cannot be made: {error.strerror}", "", f"make it: mkdir {folder}") from None
    if not example.exists():
        write_example(NAME, folder)
    if not (example / "data" / "window.csv").exists():
        _cut(example)
    return example / "model.toml"


def next_step(model_file: Path, say: Say = ENGLISH) -> str:
    """What to try after the first re-evaluation, with the command to copy."""
    command = f"{sys.executable} {model_file.with_name('prepare.py')} {' '.join(CHANGED)}"
    words = say.gettext(
        "Re-tune it once: nothing should have changed. Then change what it is trained on, and re-tune again: "
        "%(command)s"
    )
    return words % {"command": command}


def _cut(example: Path) -> None:
    """Write the data of the launch, by the example's own script."""
    command = [sys.executable, "-I", str(example / "prepare.py"), *LAUNCH]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
        said = done.stderr.strip().splitlines()
        failure = "" if done.returncode == 0 else said[-1] if said else f"exit code {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        failure = str(error)
    if failure:
        raise StateError(f"the data of the demo were not written: {failure[:300]}", "", f"try it: {' '.join(command)}")
