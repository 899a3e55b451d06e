"""A draft's hyperparameters from files that a team has: a sweep of W&B, or values in YAML or JSON."""

from collections.abc import Mapping
from pathlib import Path

from ...strategies.drafting.draft import Given
from ...strategies.drafting.given import from_sweep, from_values
from ...strategies.drafting.metric_names import Direction, direction_of
from ...strategies.errors import InputError
from .config_values import tables_in, values_in


def sweep_of(path: Path) -> tuple[Given, Path | None]:
    """What a sweep's file knows, and the program that it names, where that is beside it. Raises InputError."""
    content = tables_in(path)
    parameters, metric = content.get("parameters"), content.get("metric")
    if not isinstance(parameters, Mapping):
        raise InputError(
            f"{path} has no parameters", "allowed: a sweep of W&B", "see: docs.wandb.ai, sweep configuration"
        )
    source = f"the sweep {path.name}"
    found = from_sweep(parameters, source)
    name = metric.get("name") if isinstance(metric, Mapping) else None
    name = name if isinstance(name, str) and name.isprintable() else ""
    goal = metric.get("goal") if isinstance(metric, Mapping) else None
    direction: Direction | None = direction_of(name) if name else None
    if goal in ("minimize", "maximize"):
        direction = "minimize" if goal == "minimize" else "maximize"
    program = content.get("program")
    script = path.parent / program if isinstance(program, str) and "\0" not in program else None
    return Given(source, found, name, direction), script if script is not None and script.is_file() else None


def values_of(path: Path) -> Given:
    """What a file of values knows. Raises InputError where it holds no hyperparameter."""
    source = f"the file {path.name}"
    found = from_values(values_in(path), source)
    if not found:
        remedy = 'name a file such as {"lr": 0.01, "batch_size": 64}'
        raise InputError(
            f"{path} holds no number that looks like a hyperparameter", "allowed: names with values", remedy
        )
    return Given(source, found)
