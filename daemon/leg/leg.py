"""What retuned hands a training, for Python scripts that like to ask for it by name.

    from retuned.training import leg     # or copy this one file beside the script, and `import leg`

    rate = leg.hyperparameters.get("lr", 0.1)
    ...
    leg.report(epoch, loss=loss)

Standard library only, Python 3.10 or newer. Started by hand, the same script runs as before: there are no
hyperparameters, so `get` gives its default, the seeds are 0, the paths are None, and `report` writes nothing.
What each of them means is on the page of the training contract.
"""

import json
import math
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, SupportsFloat

NAME_CHARACTERS = 200  # of a metric


def _number(text: str) -> int | float:
    """A step as it is counted with: whole numbers as int, so that range() takes them."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _values(path: str | None) -> Mapping[str, Any]:
    if path is None:
        return MappingProxyType({})
    with open(path, encoding="utf-8") as file:
        return MappingProxyType(json.load(file))


_given = os.environ.get
_report_path = _given("RETUNED_REPORT")

is_retuned: bool = _report_path is not None
"""Whether retuned runs this training."""
hyperparameters: Mapping[str, Any] = _values(_given("RETUNED_HYPERPARAMETERS"))
"""This training's values by name; one whose `when` does not hold is not there. By hand: empty."""
seed: int = int(_given("RETUNED_SEED", "0"))
"""For initialisation, data order and dropout."""
split_seed: int = int(_given("RETUNED_SPLIT_SEED", "0"))
"""Says which rows train, and which of them score, where the script cuts its own data."""
purpose: str = _given("RETUNED_PURPOSE", "search")
"""Score the development rows in "probe" and "search", the held-out rows in "replicate" and "confirm"."""
data: str | None = _given("RETUNED_DATA") or None
"""The campaign's data, a file or a folder. None: by hand, or the model file names none."""
train: str | None = _given("RETUNED_TRAIN")
"""What to train on, where retuned cuts the data."""
eval: str | None = _given("RETUNED_EVAL")
"""What to score on, where retuned cuts the data."""
config: str | None = _given("RETUNED_CONFIG")
"""The script's own configuration file with this training's values, where the model file names one to write."""
from_step: int | float = _number(_given("RETUNED_FROM_STEP", "0"))
"""Where the leg starts, in the unit of the budget."""
to_step: int | float | None = _number(os.environ["RETUNED_TO_STEP"]) if "RETUNED_TO_STEP" in os.environ else None
"""Where it ends; None by hand."""
budget_unit: str | None = _given("RETUNED_BUDGET_UNIT")
""" "steps", "epochs" or "seconds"; None by hand."""
checkpoint_in: str | None = _given("RETUNED_CHECKPOINT_IN")
"""The state to continue from; None at the start of a training."""
checkpoint_out: str | None = _given("RETUNED_CHECKPOINT_OUT")
"""Where to leave the state at the end, at this very path; None where no one needs it."""


def report(step: SupportsFloat, metrics: Mapping[str, SupportsFloat] | None = None, /, **named: SupportsFloat) -> None:
    """Report metrics at a step, in the unit of the budget: `report(3, loss=0.31)`, or `report(3, {"eval/loss": 0.31})`.

    Values are whatever float() takes but texts: numbers, numpy's and torch's scalars; NaN and infinity are a diverged
    training. Of several processes that train together, one reports. By hand everything is checked and nothing written.
    Raises ValueError or TypeError, before anything is written, for a step or a metric that is none.
    """
    given: dict[str, SupportsFloat] = {**(metrics or {}), **named}
    if not given:
        raise ValueError(f"no metric is reported at step {step}: report(3, loss=0.31)")
    line = {"step": _step(step), "metrics": {_name(name): _value(name, value) for name, value in given.items()}}
    if _report_path is not None:
        _append(_report_path, json.dumps(line).encode() + b"\n")


def _append(path: str, line: bytes) -> None:
    """One write for the whole line, so that a reader never sees half of one and lines of two processes do not mix."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        written = os.write(handle, line)
    finally:
        os.close(handle)
    if written < len(line):
        raise OSError(f"only {written} of a report's {len(line)} bytes could be written to {path}: is the disk full?")


def _step(step: SupportsFloat) -> int | float:
    number = _float("the step", step)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"the step is {step!r}: a step is a finite number, 0 or more")
    return int(number) if number.is_integer() else number


def _name(name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > NAME_CHARACTERS:
        raise ValueError(f"a metric is named {name!r:.80}: a name is a text of 1 to {NAME_CHARACTERS} characters")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a metric is named {name!r:.80}: a name is valid Unicode, without lone surrogates") from None
    return name


def _value(name: str, value: SupportsFloat) -> float:
    return _float(f"the metric {name!r:.80}", value)


def _float(what: str, value: SupportsFloat) -> float:
    if isinstance(value, str | bytes | bytearray):  # float() would read them, and a mistake with them
        raise TypeError(f"{what} is the text {value!r:.80}: give a number")
    try:
        return float(value.detach() if hasattr(value, "detach") else value)  # torch warns of a loss that has a gradient
    except OverflowError:  # an integer of more than 308 digits
        return math.inf
    except (TypeError, ValueError, RuntimeError) as error:  # torch raises the last one for a tensor of several values
        kind = type(value).__name__
        raise TypeError(f"{what} is a {kind} that is no single number: give one, such as its mean ({error})") from None
