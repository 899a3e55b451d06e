"""Values that stand in a program's source as such: numbers, texts, and names of earlier constants."""

import ast
import math
from collections.abc import Mapping

from ..records import Value
from ..values import LARGEST_INT
from .program import Argument, kind_of

_LONGEST = 200  # characters of a text that may be a value
_DEEPEST = 8


def constant_of(node: ast.AST | None, names: Mapping[str, Value], depth: int = 0) -> Value | None:
    """The value that an expression stands for; None for what is not known without running it."""
    if isinstance(node, ast.Constant):
        return usable(node.value)
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if depth > _DEEPEST:
        return None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = constant_of(node.operand, names, depth + 1)
        if isinstance(number, bool) or not isinstance(number, int | float):
            return None
        return usable(-number if isinstance(node.op, ast.USub) else number)
    if isinstance(node, ast.BinOp):
        return _computed(node, names, depth)
    return None


def constants_of(node: ast.AST | None, names: Mapping[str, Value]) -> tuple[Value, ...]:
    """The values of a list or tuple; empty where one is not known."""
    if not isinstance(node, ast.List | ast.Tuple | ast.Set) or len(node.elts) > 100:
        return ()
    values = [constant_of(element, names) for element in node.elts]
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else ()


def usable(value: object) -> Value | None:
    """The value, where it can stand in a model file; None where it cannot."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < LARGEST_INT else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value if len(value) <= _LONGEST and value.isprintable() else None
    return None


def number_or_text(text: str) -> Value | None:
    """The value that a text stands for: a number, true or false, else the text itself."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for convert in (int, float):
        try:
            return usable(convert(text))
        except ValueError:
            continue
    return usable(text)


def last_name(node: ast.AST) -> str:
    """The name after the last dot of `a.b.c`, or a plain name; "" for what is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def module_constants(tree: ast.Module) -> dict[str, Value]:
    """The constants that a module sets at its top, by name; the last one counts."""
    found: dict[str, Value] = {}
    for statement in tree.body:
        for name, node in assigned(statement):
            value = constant_of(node, found)
            if value is not None:
                found[name] = value
    return found


def assigned(statement: ast.AST) -> list[tuple[str, ast.AST]]:
    """The names that a statement sets, with what they are set to."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value is not None:
        return [(statement.target.id, statement.value)]
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return []
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        pairs = zip(target.elts, value.elts, strict=True)
        return [(name.id, part) for name, part in pairs if isinstance(name, ast.Name)]
    return []


def constant_arguments(tree: ast.Module) -> tuple[Argument, ...]:
    """The constants anywhere in a program that may be hyperparameters, and keyword arguments like `lr=0.1`."""
    names = module_constants(tree)
    found: dict[str, Value] = {}
    for node in ast.walk(tree):
        pairs = assigned(node)
        if isinstance(node, ast.Call):
            pairs = [
                (keyword.arg, keyword.value)
                for keyword in node.keywords
                if keyword.arg and not isinstance(keyword.value, ast.Name)  # the constant itself counts
            ]
        if isinstance(node, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            pairs = [(key, part) for key, part in zip(keys, node.values, strict=True) if isinstance(key, str)]
        for name, part in pairs:
            value = constant_of(part, names)
            if value is not None and name not in found and len(name) <= 60:
                found[name] = value
    return tuple(Argument(name, kind=kind_of(value), default=value) for name, value in found.items())


def configured_constants(tree: ast.Module) -> tuple[Argument, ...]:
    """The constants at a module's top, as arguments: `--learning_rate=0.001`, as nanoGPT's configurator reads them."""
    return tuple(
        Argument(name, (f"--{name}={{}}",), kind_of(value), value,
                 truths=("True", "False") if isinstance(value, bool) else None)
        for name, value in module_constants(tree).items()
    )  # fmt: skip


def _computed(node: ast.BinOp, names: Mapping[str, Value], depth: int) -> Value | None:
    left, right = (constant_of(part, names, depth + 1) for part in (node.left, node.right))
    if not all(isinstance(part, int | float) and not isinstance(part, bool) for part in (left, right)):
        return None
    assert isinstance(left, int | float)
    assert isinstance(right, int | float)
    try:
        if isinstance(node.op, ast.Pow):
            return usable(left**right) if abs(right) <= 64 and abs(left) <= 1e6 else None
        if isinstance(node.op, ast.Mult):
            return usable(left * right)
        return usable(left / right) if isinstance(node.op, ast.Div) else None
    except (ArithmeticError, ValueError):
        return None
