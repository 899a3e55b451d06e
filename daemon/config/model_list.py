"""A file with several models, a table `[[model]]` each: taken apart into one model file's content for each."""

import tomllib
from pathlib import Path

import tomlkit

from ...strategies.errors import InputError
from .model_file import ModelFile, model_file_in
from .toml_input import content_of


def content_of_models(path: Path) -> bytes:
    """The content of a file of models; raises InputError when it cannot be read."""
    return content_of(path, "check the path, or draft a model file: retuned init train.py")


def contents_in(content: bytes, path: Path) -> tuple[bytes, ...]:
    """The content of each model in the file: the file's own, where it describes one.

    Raises InputError, one line, for the first that cannot be used, a name that comes twice, and keys beside the list.
    """
    try:
        tables = tomllib.loads(content.decode("utf-8-sig")).get("model")
    except (ValueError, RecursionError):
        tables = None  # told better by whoever reads it as a model
    if not isinstance(tables, list):
        model_file_in(content, path)
        return (content,)
    others = [key for key in tomllib.loads(content.decode("utf-8-sig")) if key != "model"]
    if others:
        found = f"{path}: '{others[0]}' stands beside [[model]]"
        raise InputError(found, "allowed: [[model]] tables alone, or a single model without them", "move it into one")
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: model is no list of tables", "allowed: a table [[model]] for each", "correct it")
    contents = tuple(tomlkit.dumps(table).encode() for table in tables)
    _check_each(contents, path)
    return contents


def _check_each(contents: tuple[bytes, ...], path: Path) -> None:
    names: set[str] = set()
    for number, content in enumerate(contents, start=1):
        name = _model(content, path, number).name
        if name in names:
            found = f"{path}: [[model]] {number} is called '{name}', as an earlier one is"
            raise InputError(found, "allowed: names of their own", "rename one")
        names.add(name)


def _model(content: bytes, path: Path, number: int) -> ModelFile:
    try:
        return model_file_in(content, path)
    except InputError as error:
        found = error.found.replace(f"{path}: ", f"{path}: [[model]] {number}: ", 1)
        raise InputError(found, error.allowed, error.remedy) from None
