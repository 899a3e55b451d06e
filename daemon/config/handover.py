"""Checks over several tables of a model file: how values reach a command, and where its metric is found."""

import difflib
from collections.abc import Collection

from ...strategies.legs.command import placeholders
from .objective_table import ObjectiveTable
from .toml_input import refusal
from .training_tables import TrainingTable


def given_by_retuned(always: Collection[str], hyperparameters: Collection[str]) -> tuple[str, ...]:
    """The placeholders of a model that are not hyperparameters: those that `always` are there, and `tmp`, the leg's own
    folder for temporary files, unless a hyperparameter is called so."""
    return (*always, *(name for name in ("tmp",) if name not in hyperparameters))


def check_metric_source(training: TrainingTable, goal: ObjectiveTable, names: Collection[str]) -> None:
    """Raise what a validator raises where the metric cannot be found as [objective] says.

    `names`: all placeholders that there are.
    """
    if goal.source is None:
        return
    key = "objective.pattern" if goal.pattern is not None else "objective.file"
    if training.recipe is not None:
        raise refusal("is set, but a recipe reports its metrics itself", "allowed for commands", "remove it", key=key)
    if goal.file is None:
        return
    used = placeholders((goal.file,))
    for name in sorted(used - set(names)):
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        remedy = f"did you mean '{{{near[0]}}}'?" if near else "write {{ and }} for literal braces"
        raise refusal(f"has the unknown placeholder '{{{name}}}'", f"allowed: {', '.join(names)}", remedy, key=key)
    if training.slots > 1 and "tmp" not in used:
        raise refusal(
            f"is one file, which up to {training.slots} trainings at once would write",
            "allowed: a file in {tmp}, a folder of each training's own, or slots = 1",
            'hand {tmp} to the command too, and write file = "{tmp}/metrics.json"',
            key=key,
        )
