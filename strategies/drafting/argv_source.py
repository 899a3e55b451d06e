"""The arguments that a Python program takes from `sys.argv`, by the names that it gives to them."""

import ast
import re
from collections.abc import Iterator, Mapping

from ..hyperparameter import Kind
from ..records import Value
from .argparse_source import TYPES
from .constants import assigned, constant_of, last_name
from .program import Argument, kind_of

_MOST = 50  # positions
_TABLE_READER = re.compile(
    r"(read|load|scan)_?(csv|table|parquet|json|ndjson|feather|data|dataset|frame|txt|excel)|genfromtxt"
)
_ROWS = re.compile(r"(train|test|val|valid|eval|dev)(?![a-z])")


def argv_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """What stands at each position of the command line; one that nothing names is called by its number."""
    pairs = _pairs(tree, names)
    if pairs:
        return pairs
    found: dict[int, Argument] = {}
    casts = dict(_casts(tree))
    for node in ast.walk(tree):
        for index, name in _unpacked(node):
            found.setdefault(index, Argument(name, ("{}",), casts.get(name), is_required=True))
        for name, value in assigned(node):
            place, kind, default = _read(value, names)
            if place is not None and place not in found:
                kind = kind or casts.get(name)
                found[place] = Argument(name, ("{}",), kind, default, is_required=default is None)
    for place, name in _read_tables(tree):
        found.setdefault(place, Argument(name, ("{}",), is_required=True))
    for node in ast.walk(tree):
        position = _index(node)
        if position is not None and position not in found:
            found[position] = Argument(f"argument_{position}", ("{}",), is_required=True)
    last = max(found, default=0)
    return tuple(found.get(i, Argument(f"argument_{i}", ("{}",), is_required=True)) for i in range(1, last + 1))


def _pairs(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The values of a dictionary into which a loop over `sys.argv` puts each `key=value`, with hyphens or without."""
    for loop in (node for node in ast.walk(tree) if isinstance(node, ast.For)):
        inside = list(ast.walk(loop))
        splits = [node for node in inside if isinstance(node, ast.Call) and last_name(node.func) == "split"]
        at_equals = any(isinstance(part, ast.Constant) and part.value == "=" for call in splits for part in call.args)
        if not at_equals or not any(_is_argv(node) for node in ast.walk(loop.iter)):
            continue
        stored = {last_name(node.value) for node in inside
                  if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)}  # fmt: skip
        texts = [node.value for node in inside if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        start = "--" if any(text.strip("-") == "" and "-" in text for text in texts) else ""
        return tuple(_paired(tree, stored, start, names))
    return ()


def _paired(tree: ast.Module, stored: set[str], start: str, names: Mapping[str, Value]) -> Iterator[Argument]:
    """The arguments of the dictionaries among `stored`, as they stand in the source."""
    for node in ast.walk(tree):
        for name, value in assigned(node):
            if name not in stored or not isinstance(value, ast.Dict):
                continue
            for key, part in zip(value.keys, value.values, strict=True):
                word, default = constant_of(key, names), constant_of(part, names)
                if isinstance(word, str) and word and not set(word) & set("{} ="):
                    truths = ("True", "False") if isinstance(default, bool) else None
                    yield Argument(word, (f"{start}{word}={{}}",), kind_of(default), default, truths=truths)


def _read_tables(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(position, name) of each table that is read from a position: by the variable where that names rows, or "data"."""
    is_taken = False
    for node in ast.walk(tree):
        for name, value in assigned(node):
            call = value if isinstance(value, ast.Call) and _TABLE_READER.fullmatch(last_name(value.func)) else None
            place = _index(call.args[0]) if call is not None and call.args else None
            if place is None:
                continue
            rows = _ROWS.match(name)
            if rows is not None or not is_taken:
                yield place, rows[1] if rows is not None else "data"
            is_taken = is_taken or rows is None


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
