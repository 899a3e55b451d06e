"""A program's own configuration file (JSON, YAML or TOML) with hyperparameters put in at their dotted places.

The rest of the file stays as it is: a YAML file is changed as a graph of nodes, so that what only its reader
understands (tags, dates, `on` and `off`) is written as it was read. Comments survive in TOML alone.
"""

import difflib
import json
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from ...strategies.errors import InputError
from ...strategies.legs.command import expand
from ...strategies.records import Value

LARGEST_BYTES = 256 << 10
_MERGE = "tag:yaml.org,2002:merge"
_SHOWN = 8

Steps = tuple[str | int, ...]
"""The steps to a place: keys of tables, numbers of entries of lists."""
Look = Callable[[Any], Any]
"""What is in a node: a mapping of its entries, a list of them, or something else for a value."""


class _NoPlace(Exception):
    """A place is not in the file, or is no value there; says why as a clause, and what is nearest."""

    def __init__(self, why: str, near: str = "") -> None:
        super().__init__(why)
        self.near = near


@dataclass(frozen=True, slots=True)
class ConfigTemplate:
    """The file's ending and text, the place of each hyperparameter that is put into it, and what else is put there:
    (place, text with placeholders)."""

    suffix: str
    text: str
    places: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...] = ()

    def filled(self, values: Mapping[str, Value]) -> str:
        """The file with these values; what has none keeps that of the file. Raises InputError for a schedule."""
        present = {place: values[name] for name, place in self.places if name in values}
        present |= {place: _expanded(text, values) for place, text in self.others}
        for place, value in present.items():
            if isinstance(value, tuple):
                raise InputError(f"{place} is a schedule", "a file takes one value per place")
        return _written(self.suffix, self.text, present)


def _expanded(text: str, values: Mapping[str, Value]) -> Value:
    """A text with its placeholders filled in; one that is a placeholder and no more is the value itself."""
    name = text[1:-1]
    return values[name] if text == f"{{{name}}}" and name in values else "".join(expand((text,), values))


def read_template(
    path: Path, places: Mapping[str, str], others: Mapping[str, str] = MappingProxyType({})
) -> ConfigTemplate:
    """The template at a path, checked. `others`: what else is put into it, by place.

    Raises InputError, one line: it cannot be read, or a place is not in it.
    """
    key = "training.write"
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{key}: {path} cannot be read: {error.strerror}", remedy="correct the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{key}: {path} is not UTF-8 text", remedy="save it as UTF-8") from None
    if len(content) > LARGEST_BYTES:
        raise InputError(f"{key}: {path} is larger than 256 KiB", "allowed: a program's own configuration file")
    template = ConfigTemplate(path.suffix, text, tuple(places.items()), tuple(others.items()))
    try:
        root, look = _parsed(template.suffix, text)
    except ValueError as error:
        raise InputError(f"{key}: {path} is not valid {_noun(path.suffix)}: {error}", remedy="correct it") from None
    owners = {place: f"hyperparameters.{name}{'.place' if place != name else ''}" for name, place in places.items()}
    for place, own in (owners | dict.fromkeys(others, "training.values")).items():
        try:
            _path_to(root, place, look)
        except _NoPlace as error:
            raise InputError(
                f"{own}: {path.name} has no value at {place!r}: {error}",
                "allowed: the dotted place of a value that is in the file",
                f"did you mean {error.near!r}?" if error.near else "correct the place",
            ) from None
    return template


def _written(suffix: str, text: str, values: Mapping[str, Value]) -> str:
    root, look = _parsed(suffix, text)
    paths = {_path_to(root, place, look): value for place, value in values.items()}
    if suffix in (".yaml", ".yml"):
        return _yaml_with(root, paths)
    for path, value in paths.items():
        at = root
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
    return json.dumps(root, indent=2) + "\n" if suffix == ".json" else tomlkit.dumps(root)


def _parsed(suffix: str, text: str) -> tuple[Any, Look]:
    """The root of a file, and how to look into its nodes. Raises ValueError with one clause."""
    try:
        if suffix == ".json":
            return json.loads(text), _as_it_is
        if suffix == ".toml":
            return tomlkit.parse(text), _as_it_is
        return _composed(text), _entries
    except (TOMLKitError, RecursionError) as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _as_it_is(node: object) -> object:
    return node


@lru_cache(maxsize=4)  # each leg fills it in; nodes are copied, not changed
def _composed(text: str) -> object:
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise ValueError(f"{line}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    if root is None:
        raise ValueError("it holds nothing")
    return root


def _entries(node: Any) -> Any:  # noqa: ANN401 - one of PyYAML's nodes
    """What is in a node of YAML; of a mapping also what it merges, which its own entries precede."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return node.value
    if not isinstance(node, yaml.MappingNode):
        return node
    merged: dict[str, Any] = {}
    for key, value in node.value:
        if key.tag == _MERGE:
            others = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for other in reversed(others):
                merged |= _entries(other) if isinstance(other, yaml.MappingNode) else {}
    return merged | {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _path_to(root: object, place: str, look: Look) -> Steps:
    """The steps to a dotted place; a key that has dots itself counts, the longest first. Raises _NoPlace."""
    path: list[str | int] = []
    node, rest, before = root, place, ""
    while rest:
        inside, (first, *_) = look(node), rest.split(".")
        if isinstance(inside, Mapping):
            taken = _key_in(inside, rest)
            if taken is None:
                raise _NoPlace(*_missing(inside, first, before, rest))
            step: str | int = taken
            node, rest = inside[taken], rest[len(taken) + 1 :]
        elif _is_list(inside) and first.isdecimal() and int(first[:6]) < len(inside):
            step = int(first[:6])
            node, rest = inside[step], rest[len(first) + 1 :]
        else:
            there = f"a list of {len(inside)}" if _is_list(inside) else "a value"
            raise _NoPlace(f"{before or 'the file'} is {there}")
        path.append(step)
        before = f"{before}.{step}" if before else str(step)
    inside = look(node)
    if isinstance(inside, Mapping) or _is_list(inside):
        raise _NoPlace(f"it is a {'list' if _is_list(inside) else 'table'} there")
    return tuple(path)


def _is_list(inside: object) -> bool:
    return isinstance(inside, MutableSequence)


def _key_in(table: Mapping[Any, Any], rest: str) -> str | None:
    parts = rest.split(".")
    keys = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((key for key in keys if key in table), None)


def _missing(table: Mapping[Any, Any], name: str, before: str, rest: str) -> tuple[str, str]:
    """Why a name is missing in a table, and the nearest place."""
    names = [str(key) for key in table]
    there = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "") or "nothing"
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    prefix = f"{before}." if before else ""
    return f"{before or 'the file'} has {there}", f"{prefix}{near[0]}{rest[len(name) :]}" if near else ""


def _yaml_with(root: Any, paths: Mapping[Steps, Value]) -> str:  # noqa: ANN401 - one of PyYAML's nodes
    import yaml

    represent = yaml.representer.SafeRepresenter().represent_data
    for path, value in paths.items():
        root = _node_with(root, path, represent(value))
    return str(yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=10_000))


def _node_with(node: Any, path: Sequence[str | int], value: Any) -> Any:  # noqa: ANN401 - PyYAML's nodes
    """A copy of a node with another value at a path: an alias of it elsewhere keeps the value that it had."""
    import yaml

    if not path:
        return value
    step, inside = path[0], _entries(node)
    changed = _node_with(inside[step], path[1:], value)
    if isinstance(node, yaml.SequenceNode):
        entries = [changed if number == step else entry for number, entry in enumerate(node.value)]
    else:
        entries = [(key, changed if key.value == step else entry) for key, entry in node.value]
        if all(key.value != step for key, _ in node.value):  # it was merged from another mapping
            entries.append((yaml.ScalarNode("tag:yaml.org,2002:str", str(step)), changed))
    return type(node)(node.tag, entries, flow_style=node.flow_style)


def _noun(suffix: str) -> str:
    return {".json": "JSON", ".toml": "TOML"}.get(suffix, "YAML")
