"""Checks over several tables of a model file: how values reach a command, and where its metric is found."""

import difflib
from collections.abc import Collection, Mapping

from ...strategies.errors import InputError
from ...strategies.legs.command import placeholders, spelt_out
from ...strategies.space import Kind
from .model_tables import HyperparameterTable
from .objective_table import ObjectiveTable
from .toml_input import refusal
from .training_tables import TrainingTable

NEEDS_A_TEMPLATE = "name the file that values are put into: write = ... under [training]"


def given_by_retuned(
    always: Collection[str], hyperparameters: Collection[str], training: TrainingTable
) -> tuple[str, ...]:
    """The placeholders of a model that are not hyperparameters: those that `always` are there; `tmp`, the leg's own
    folder for temporary files, unless a hyperparameter is called so; and `config`, the file written for it, if any."""
    own = ("config",) if training.write is not None else ()
    return (*always, *(name for name in ("tmp",) if name not in hyperparameters), *own)


def places_of(training: TrainingTable, hyperparameters: Mapping[str, HyperparameterTable]) -> dict[str, str]:
    """The place in the configuration file of each hyperparameter that is put into it: all but those that the command
    has and that name no place."""
    if training.write is None:
        return {}
    in_command = placeholders(training.command or ())
    named = {name: table.place or name for name, table in hyperparameters.items()}
    return {name: place for name, place in named.items() if hyperparameters[name].place or name not in in_command}


def check_template_keys(training: TrainingTable, hyperparameters: Mapping[str, HyperparameterTable]) -> None:
    """Raise what a validator raises where `write` and `place` do not go together."""
    placed = next((name for name, table in hyperparameters.items() if table.place is not None), None)
    if training.write is None and training.values:
        found, remedy = "stands there without a file", 'add write = "config.yaml", or remove it'
        raise refusal(found, "allowed: with training.write", remedy, key="training.values")
    if training.write is None:
        if placed is not None:
            found, remedy = "stands there without a file", 'add write = "config.yaml" under [training], or remove it'
            raise refusal(found, "allowed: with training.write", remedy, key=f"hyperparameters.{placed}.place")
        return
    if training.recipe is not None:
        found = "is set, but a recipe gets its values as arguments"
        raise refusal(found, "allowed for commands", "remove it", key="training.write")
    if "config" in hyperparameters:
        found = "has a name that retuned reserves where training.write is set"
        raise refusal(found, "reserved: config", "rename it, with place = 'config'", key="hyperparameters.config")
    _check_places(places_of(training, hyperparameters), training.values)


def check_settings_keys(keys: Mapping[str, str], names: Collection[str]) -> None:
    """Raise what a validator raises where a place in the settings file is given for no hyperparameter.

    `names`: those of the hyperparameters.
    """
    for name in keys:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            remedy = f"did you mean '{near[0]}'?" if near else "remove it"
            raise refusal("is no hyperparameter", f"allowed: {', '.join(names)}", remedy, key=f"settings.keys.{name}")
    for name in names:
        if name not in keys and name in keys.values():
            found = f"is {name!r}, where the hyperparameter of that name is put"
            other = next(key for key, place in keys.items() if place == name)
            raise refusal(found, "allowed: a place each", "correct it", key=f"settings.keys.{other}")


def _check_places(places: Mapping[str, str], values: Collection[str]) -> None:
    if not places and not values:
        found = "gets no value: all hyperparameters are in the command"
        raise refusal(found, "allowed: a file for those that are not", "remove it", key="training.write")
    first: dict[str, str] = {}
    for name, place in places.items():
        if place in first:
            found = f"is {place!r}, where {first[place]} is put, too"
            raise refusal(found, "allowed: a place each", "correct one", key=f"hyperparameters.{name}.place")
        first[place] = name
        if place in values:
            found, allowed = f"is {place!r}, which training.values sets, too", "allowed: one value for a place"
            raise refusal(found, allowed, "remove one", key=f"hyperparameters.{name}.place")


def check_flags(command: tuple[str, ...], hyperparameters: Mapping[str, HyperparameterTable]) -> None:
    """Raise what a validator raises where a placeholder says how true and false are written, but the hyperparameter is
    neither."""
    try:
        found = spelt_out(command)
    except InputError as error:
        raise refusal(f"has {error.found}", error.allowed, error.remedy, key="training.command") from None
    for name, text in found.items():
        kind = hyperparameters[name].type if name in hyperparameters else None
        if kind is not Kind.BOOL:
            what = "no hyperparameter" if kind is None else f"of type {kind}"
            raise refusal(
                f"has the placeholder {text!r}, but {name} is {what}",
                "allowed: texts for true and false of a bool",
                f"write {{{name}}}",
                key="training.command",
            )


def check_values(training: TrainingTable, names: Collection[str]) -> None:
    """Raise what a validator raises where what is put into the configuration file has a placeholder that there is not.

    `names`: all that there are.
    """
    for place, text in training.values.items():
        _check_known((text,), names, f"training.values.{place}")


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
    _check_known((goal.file,), names, key)
    if training.slots > 1 and "tmp" not in placeholders((goal.file,)):
        raise refusal(
            f"is one file, which up to {training.slots} trainings at once would write",
            "allowed: a file in {tmp}, a folder of each training's own, or slots = 1",
            'hand {tmp} to the command too, and write file = "{tmp}/metrics.json"',
            key=key,
        )


def _check_known(texts: tuple[str, ...], names: Collection[str], key: str) -> None:
    try:
        used = placeholders(texts)
    except InputError as error:
        raise refusal(f"has a bad placeholder: {error.found}", error.allowed, error.remedy, key=key) from None
    for name in sorted(used - set(names)):
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        remedy = f"did you mean '{{{near[0]}}}'?" if near else "write {{ and }} for literal braces"
        raise refusal(f"has the unknown placeholder '{{{name}}}'", f"allowed: {', '.join(names)}", remedy, key=key)
