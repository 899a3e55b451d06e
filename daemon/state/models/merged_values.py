"""The settings after a model file was registered again: its edited values against those that are current."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ....strategies.errors import InputError
from ....strategies.records import Configuration, plain
from ...config.model_file import ModelFile

Values = Literal["file", "keep"]
"""Whose values hold where a file was edited after an adoption: the file's, or the current ones."""


def merged_values(
    current: Mapping[str, Any], before: ModelFile, file: ModelFile, choice: Values | None = None
) -> Configuration | None:
    """The configuration after a changed file; None where the current one stays.

    Values that the file does not change stay as they are current, so that registering an edited file never undoes an
    adoption silently. Values of inactive hyperparameters count too: an adoption may have activated them. Raises
    InputError where the file's edits and adopted values would make a mixture that no one ever ran, until the caller
    chooses whose values hold.
    """
    old, new = _values(before), _values(file)
    edited = {name for name, value in new.items() if name in old and old[name] != value}
    taking_effect = [name for name in edited if name in current and current[name] != new[name]]
    adopted = [name for name in old if name in new and name in current and name not in edited]
    kept = [name for name in adopted if current[name] != new[name]]
    if choice is None and taking_effect and kept:
        raise _mixture(file.name, [name for name in new if name in (*taking_effect, *kept)], old, new, current)
    from_file = set(new) if choice == "file" else {name for name in new if name not in old}
    from_file |= edited if choice is None else set()
    merged = {name: value if name in from_file else current.get(name, value) for name, value in new.items()}
    configuration = file.space().validate(
        {name: value for name, value in merged.items() if value is not None}, strict=False
    )
    return None if plain(configuration) == current else configuration


def differs_from_file(current: Mapping[str, Any], file: ModelFile) -> str:
    """Where current values differ from the file's, as a clause behind a semicolon; empty where they agree."""
    values = plain(file.stored_configuration())
    names = [name for name in values if name in current and current[name] != values[name]]
    rows = ", ".join(f"{name} {values[name]} in the file, {current[name]} current" for name in names)
    return f"; the file differs: {rows}" if rows else ""


def _values(file: ModelFile) -> dict[str, Any]:
    declared = {name: table.value for name, table in file.hyperparameters.items()}
    stored = plain(file.stored_configuration())
    return {name: stored.get(name, value) for name, value in declared.items()}


def _mixture(
    model: str, names: Sequence[str], old: Mapping[str, Any], new: Mapping[str, Any], current: Mapping[str, Any]
) -> InputError:
    rows = "; ".join(f"{name} was {old[name]}, is {new[name]} in the file, {current[name]} current" for name in names)
    return InputError(
        f"the file of {model} changes values after others were adopted, and the two together were never run: {rows}",
        "allowed: the file's values or the current ones, all of them",
        "register it with --values file, or with --values keep",
    )
