"""The file in which a model's own code reads its hyperparameters: JSON, TOML or YAML, named in the model file.

Each hyperparameter has a place in it: its name at the top, or where `keys` says, such as "optimizer.lr". What else is
in the file stays as it is: comments, order, and in YAML and JSON every byte.
"""

import difflib
import json
import os
from collections.abc import Collection, Mapping, MutableMapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from ...strategies.errors import InputError, StateError
from ...strategies.records import Configuration, plain
from ..durable_files import sweep, temporary_beside
from .edited_text import GONE, CannotEdit, Steps, edited, parsed_yaml
from .model_file import ModelFile

LARGEST_BYTES = 1 << 20


def read_settings(file: ModelFile) -> Mapping[str, Any] | None:
    """The hyperparameters in the model's settings file; None where it names no such file or none exists yet.

    Raises InputError for a file that cannot be read, or whose keys lead to nothing.
    """
    path = file.settings_file
    if path is None or not path.exists():
        return None
    content = _parse(path, _text_of(path))
    if not content:
        return {}
    values: dict[str, Any] = {}
    for name, steps in _places(file.hyperparameters, file.settings.keys, content, path).items():
        table = _table(content, steps)
        if steps[-1] in table:
            values[name] = _unwrapped(table[steps[-1]])
    return values


def write_settings(
    path: Path, configuration: Configuration, names: Collection[str], keys: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write the hyperparameters into the file atomically.

    `names` are all of the model's hyperparameters: those that the configuration has no value for, because another
    choice switches them off, leave the file. `keys`: the dotted places of those that are not at the top. Raises
    InputError for a file that cannot be read or has no room for a value, StateError when its folder cannot be written.
    """
    path = path.resolve()  # the target of a symbolic link is written, the link stays
    text = _text_of(path) if path.exists() else ""
    content = _parse(path, text)
    places = _places(names, keys, content, path)
    plain_values = plain(configuration)
    values = {steps: plain_values.get(name, GONE) for name, steps in places.items()}
    try:
        written = _with(path.suffix, text, content, values)
    except CannotEdit as error:
        raise InputError(
            f"the settings file {path} cannot be changed: {error}",
            "allowed: a plain value at the place of each hyperparameter",
            "write it as a plain value, or give another place in keys under [settings]",
        ) from error
    try:
        _replace(path, written)
    except OSError as error:
        raise StateError(
            f"the settings file {path} cannot be written: {error.strerror}",
            "allowed: a folder that retuned may write",
            "correct its rights or free space; retuned serve or the next retuned retune then writes it",
        ) from error


def _places(
    names: Collection[str], keys: Mapping[str, str], content: Mapping[str, Any], path: Path
) -> dict[str, Steps]:
    """The keys that lead to each hyperparameter. Raises InputError where the table that one lies in is missing."""
    places: dict[str, Steps] = {}
    for name in names:
        place = keys.get(name)
        places[name] = (name,) if place is None else _steps(content, place, name, path)
    return places


def _steps(content: Mapping[str, Any], place: str, name: str, path: Path) -> Steps:
    """The keys of a dotted place; a key that has dots itself counts, the longest first."""
    steps: list[str] = []
    table, rest = content, place.split(".")
    while len(rest) > 1 and content:
        taken = next((n for n in range(len(rest), 0, -1) if ".".join(rest[:n]) in table), None)
        if taken == len(rest):
            break
        inside = None if taken is None else table[".".join(rest[:taken])]
        if taken is None or not isinstance(inside, Mapping):
            raise _no_table(table, steps, rest, inside, name, place, path)
        steps.append(".".join(rest[:taken]))
        table, rest = inside, rest[taken:]
    return (*steps, ".".join(rest)) if content else tuple(place.split("."))


def _no_table(
    table: Mapping[str, Any], steps: list[str], rest: list[str], inside: object, name: str, place: str, path: Path
) -> InputError:
    before = ".".join(steps) or "the file"
    near = difflib.get_close_matches(rest[0], [str(key) for key in table], n=1, cutoff=0.6)
    why = f"{before} has no table {rest[0]!r}" if inside is None else f"{'.'.join((*steps, rest[0]))} is a value"
    return InputError(
        f"settings.keys.{name}: {path} has no place {place!r}: {why}",
        "allowed: a key in a table that the file has; a new file gets all of them",
        f"did you mean {'.'.join((*steps, near[0], *rest[1:]))!r}?" if near and inside is None else "correct the place",
    )


def _table(content: Mapping[str, Any], steps: Steps) -> Mapping[str, Any]:
    for step in steps[:-1]:
        content = content[step]
    return content


def _unwrapped(value: Any) -> Any:  # noqa: ANN401 - any value of a file
    """A value of tomlkit as the plain one."""
    return value.unwrap() if hasattr(value, "unwrap") else value


def _with(suffix: str, text: str, content: MutableMapping[str, Any], values: Mapping[Steps, Any]) -> str:
    """The file's text with these values."""
    if suffix != ".toml" and content:
        return _edited(suffix, text, content, values)
    _put(content, values, tomlkit.table if suffix == ".toml" else dict)
    if suffix == ".toml":
        return tomlkit.dumps(content)
    if suffix == ".json":
        return json.dumps(content, indent=2) + "\n"
    import yaml

    comments = text if not text or text.endswith("\n") else f"{text}\n"  # all that a file without content has
    return comments.replace("{}", "") + str(yaml.safe_dump(dict(content), sort_keys=False))


def _edited(suffix: str, text: str, content: MutableMapping[str, Any], values: Mapping[Steps, Any]) -> str:
    """The text of a YAML or JSON file, changed only at its places; JSON that is no YAML, being indented by tabs, is
    written anew. Raises CannotEdit where what comes out would read otherwise than it should."""
    is_json = suffix == ".json"
    try:
        changed = edited(text, values, is_json=is_json)
        read = json.loads(changed) if is_json else parsed_yaml(changed)
    except CannotEdit:
        raise
    except ValueError:
        changed, read = "", None
    _put(content, values, dict)
    if read == content:
        return changed
    if is_json:
        return json.dumps(content, indent=2) + "\n"
    raise CannotEdit("its values cannot be replaced one by one")


def _put(content: MutableMapping[str, Any], values: Mapping[Steps, Any], new_table: Any) -> None:  # noqa: ANN401
    for steps, value in values.items():
        table = content
        for step in steps[:-1]:
            if step not in table and value is not GONE:
                table[step] = new_table()
            table = table.get(step, {})
        if value is GONE:
            table.pop(steps[-1], None)
        else:
            table[steps[-1]] = value


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep((path.parent,), of=path.name)
    temporary = temporary_beside(path)
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _text_of(path: Path) -> str:
    """The file's text, its line ends as they are."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise ValueError("it is larger than 1 MiB")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _parse(path: Path, text: str) -> MutableMapping[str, Any]:
    try:
        return _parse_text(text, path.suffix)
    except (ValueError, TOMLKitError, RecursionError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"the settings file {path} cannot be read: {error}", "allowed: JSON, TOML or YAML", "correct the file"
    )


def _parse_text(text: str, suffix: str) -> MutableMapping[str, Any]:
    if suffix == ".toml":
        return tomlkit.parse(text)
    if suffix == ".json":
        values = json.loads(text) if text.strip() else {}
    else:
        values = parsed_yaml(text)
        values = {} if values is None else values
    if not isinstance(values, dict):
        raise ValueError(f"it holds no {'JSON object' if suffix == '.json' else 'table of keys and values'}")
    return values
