"""The arguments that a Python program takes from `sys.argv`, by the names that it gives to them."""

import ast
from collections.abc import Iterator, Mapping

from ..hyperparameter import Kind
from ..records import Value
from .argparse_source import TYPES
from .constants import assigned, constant_of
from .program import Argument

_MOST = 50  # positions


def argv_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """What stands at each position of the command line; one that nothing names is called by its number."""
    found: dict[int, Argument] = {}
    casts = dict(_casts(tree))
    for node in ast.walk(tree):
        for index, name in _unpacked(node):
            found.setdefault(index, Argument(name, ("{}",), casts.get(name), is_required=True))
        for name, value in assigned(node):
            place, kind, default = _read(value, names)
            if place is not None:
                kind = kind or casts.get(name)
                found[place] = Argument(name, ("{}",), kind, default, is_required=default is None)
    for node in ast.walk(tree):
        position = _index(node)
        if position is not None and position not in found:
            found[position] = Argument(f"argument_{position}", ("{}",), is_required=True)
    last = max(found, default=0)
    return tuple(found.get(i, Argument(f"argument_{i}", ("{}",), is_required=True)) for i in range(1, last + 1))


def uses_argv(tree: ast.Module) -> bool:
    """Whether the program reads `sys.argv`."""
    return any(_is_argv(node) for node in ast.walk(tree))


def _unpacked(node: ast.AST) -> Iterator[tuple[int, str]]:
    """(position, name) of `train, score, lr = sys.argv[1:]`."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple | ast.List):
        return
    value = node.value
    if not isinstance(value, ast.Subscript) or not _is_argv(value.value) or not isinstance(value.slice, ast.Slice):
        return
    start = constant_of(value.slice.lower, {})
    first = start if isinstance(start, int) and 0 <= start <= _MOST else 0
    for index, target in enumerate(node.targets[0].elts[:_MOST], start=first):
        if isinstance(target, ast.Name) and index >= 1:
            yield index, target.id


def _read(value: ast.AST, names: Mapping[str, Value]) -> tuple[int | None, Kind | None, Value | None]:
    """Position, kind and default of a value that is made of one position."""
    default = None
    if isinstance(value, ast.IfExp):
        default, value = constant_of(value.orelse, names), value.body
    kind = None
    if isinstance(value, ast.Call) and value.args and not isinstance(value.func, ast.Attribute):
        kind = TYPES.get(value.func.id) if isinstance(value.func, ast.Name) else None
        value = value.args[0]
    return _index(value), kind, default


def _index(node: ast.AST) -> int | None:
    if not isinstance(node, ast.Subscript) or not _is_argv(node.value):
        return None
    index = constant_of(node.slice, {})
    return index if isinstance(index, int) and 1 <= index <= _MOST else None


def _is_argv(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "argv"
    return isinstance(node, ast.Attribute) and node.attr == "argv"


def _casts(tree: ast.Module) -> Iterator[tuple[str, Kind]]:
    """(name, kind) of each `float(name)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TYPES and node.args:
            given = node.args[0]
            if isinstance(given, ast.Name):
                yield given.id, TYPES[node.func.id]
