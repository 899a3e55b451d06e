"""The environment variables that a Python program reads its settings from."""

import ast
from collections.abc import Mapping

from ..hyperparameter import Kind
from ..records import Value
from .argparse_source import TYPES
from .constants import constant_of, last_name, number_or_text
from .program import Argument


def environment_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """`os.environ["LR"]`, `os.environ.get("LR", 0.1)` and `os.getenv("LR", "0.1")`, one for each variable."""
    kinds = {
        id(node.args[0]): TYPES[node.func.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TYPES and node.args
    }
    found: dict[str, Argument] = {}
    for node in sorted(_expressions(tree), key=lambda node: (node.lineno, node.col_offset)):
        variable, default = _read(node)
        name = constant_of(variable, names)
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("RETUNED_"):
            continue
        kind, value = kinds.get(id(node)), constant_of(default, names)
        if kind in (Kind.INT, Kind.FLOAT) and isinstance(value, str):
            value = number_or_text(value)
        value = float(value) if kind is Kind.FLOAT and type(value) is int else value
        found.setdefault(name, Argument(name.lower(), (f"{name}={{}}",), kind, value, is_variable=True))
    return tuple(found.values())


def _expressions(tree: ast.Module) -> list[ast.expr]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call | ast.Subscript)]


def _read(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """The variable and the default of an expression that reads one; None for others."""
    if isinstance(node, ast.Subscript) and last_name(node.value) == "environ":
        return node.slice, None
    if not isinstance(node, ast.Call) or not node.args:
        return None, None
    is_get = (
        isinstance(node.func, ast.Attribute) and node.func.attr == "get" and last_name(node.func.value) == "environ"
    )
    if is_get or last_name(node.func) == "getenv":
        return node.args[0], node.args[1] if len(node.args) > 1 else None
    return None, None
