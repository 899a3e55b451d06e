"""The file in which a model's own code reads its hyperparameters: JSON or TOML, named in the model file."""

import json
import os
from collections.abc import Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError

from ...strategies.errors import InputError, StateError
from ...strategies.records import Configuration, plain
from ..durable_files import sweep, temporary_beside
from .model_file import ModelFile


def read_settings(file: ModelFile) -> Mapping[str, Any] | None:
    """The hyperparameters in the model's settings file; None where it names no such file or none exists yet."""
    path = file.settings_file
    if path is None or not path.exists():
        return None
    values = _parse(path)
    return {name: value for name, value in values.items() if name in file.hyperparameters}


def write_settings(path: Path, configuration: Configuration, names: Collection[str]) -> None:
    """Write the hyperparameters into the file atomically; its other keys, and comments in TOML, stay.

    `names` are all of the model's hyperparameters: those that the configuration has no value for, because another
    choice switches them off, leave the file.

    Raises InputError for a file that cannot be read, StateError when its folder cannot be written.
    """
    path = path.resolve()  # the target of a symbolic link is written, the link stays
    present = _parse(path) if path.exists() else _parse_text("", path.suffix)
    for name in set(names) - set(configuration):
        present.pop(name, None)
    present.update(plain(configuration))
    text = json.dumps(present, indent=2) + "\n" if path.suffix == ".json" else tomlkit.dumps(present)
    try:
        _replace(path, text)
    except OSError as error:
        raise StateError(
            f"the settings file {path} cannot be written: {error.strerror}",
            "allowed: a folder that retuned may write",
            "correct its rights or free space; retuned serve or the next retuned retune then writes it",
        ) from error


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep((path.parent,), of=path.name)
    temporary = temporary_beside(path)
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _parse(path: Path) -> MutableMapping[str, Any]:
    try:
        return _parse_text(path.read_text("utf-8-sig"), path.suffix)
    except (OSError, ValueError, ParseError) as error:
        raise InputError(
            f"the settings file {path} cannot be read: {error}", "allowed: JSON or TOML", "correct the file"
        ) from error


def _parse_text(text: str, suffix: str) -> MutableMapping[str, Any]:
    if suffix != ".json":
        return tomlkit.parse(text)
    values = json.loads(text) if text.strip() else {}
    if not isinstance(values, dict):
        raise ValueError("it holds no JSON object")
    return values
