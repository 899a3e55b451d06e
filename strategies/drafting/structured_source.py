"""The configuration that a Python program hands to Hydra as a dataclass, as the overrides that set its values."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..records import Value
from .constants import constant_of, last_name
from .function_source import field_argument
from .program import Argument

_DEEPEST = 5
_Classes = Mapping[str, ast.ClassDef]


def structured_arguments(tree: ast.Module, names: Mapping[str, Value], config_name: str) -> tuple[Argument, ...]:
    """The values of the node that `ConfigStore.store` keeps by the name that `hydra.main` reads, by their places."""
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) == "store"):
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        given |= dict(zip(("name", "node"), call.args, strict=False))
        node = given.get("node")
        if constant_of(given.get("name"), names) == config_name and node is not None:
            made = node.func if isinstance(node, ast.Call) else node
            return tuple(_values(last_name(made), "", classes, names))
    return ()


def _values(name: str, place: str, classes: _Classes, names: Mapping[str, Value], depth: int = 0) -> Iterator[Argument]:
    """The values of a dataclass and of those in its fields."""
    if name not in classes or depth > _DEEPEST:
        return
    for field in classes[name].body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        inside = f"{place}{field.target.id}"
        below = last_name(field.annotation)
        if below in classes:
            yield from _values(below, f"{inside}.", classes, names, depth + 1)
        else:
            argument = field_argument(field.target.id, field, names, uses_hyphens=False)
            yield replace(argument, name=inside, words=(), place=inside, truths=None)
