"""The arguments that a Python program declares with argparse, without running it."""

import ast
from collections.abc import Iterator, Mapping

from ..hyperparameter import Kind
from ..records import Value
from .constants import assigned, constant_of, constants_of
from .program import Argument, kind_of

TYPES: Mapping[str, Kind] = {"float": Kind.FLOAT, "int": Kind.INT, "bool": Kind.BOOL}
_SWITCHES = frozenset({"store_true", "store_false"})
_TAKES_NO_VALUE = frozenset({"store_const", "append_const", "count", "help", "version"})


def argparse_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The arguments of every `add_argument`, in the order of the source; `set_defaults` counts."""
    return _arguments(tree, names, "add_argument")


def optparse_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The arguments of every `add_option` of optparse."""
    return _arguments(tree, names, "add_option")


def _arguments(tree: ast.Module, names: Mapping[str, Value], method: str) -> tuple[Argument, ...]:
    calls = sorted(_calls(tree, method), key=lambda call: (call.lineno, call.col_offset))
    defaults = {
        keyword.arg: constant_of(keyword.value, names)
        for call in _calls(tree, "set_defaults")
        for keyword in call.keywords
        if keyword.arg
    }
    found = [argument for call in calls if (argument := _argument(call, names, defaults)) is not None]
    return tuple({argument.name: argument for argument in found}.values())


def has_subparsers(tree: ast.Module) -> bool:
    """Whether the program has commands below it."""
    return any(True for _ in _calls(tree, "add_parser"))


def _calls(tree: ast.Module, method: str) -> Iterator[ast.Call]:
    aliases = {
        name
        for statement in ast.walk(tree)
        for name, value in assigned(statement)
        if isinstance(value, ast.Attribute) and value.attr == method
    }
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        is_method = isinstance(called, ast.Attribute) and called.attr == method
        if isinstance(node, ast.Call) and (is_method or (isinstance(called, ast.Name) and called.id in aliases)):
            yield node


def _argument(call: ast.Call, names: Mapping[str, Value], defaults: Mapping[str, Value | None]) -> Argument | None:
    flags = [word for word in (constant_of(node, names) for node in call.args) if isinstance(word, str) and word]
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    if not flags or any(set(flag) & set("{} =") for flag in flags):
        return None
    action = constant_of(given.get("action"), names)
    if action in _TAKES_NO_VALUE:
        return None
    flag = best_flag(flags)
    dest = constant_of(given.get("dest"), names)
    name = dest if isinstance(dest, str) and dest else flag.lstrip("-").replace("-", "_")
    told = defaults.get(name)
    default = constant_of(given.get("default"), names) if told is None else told
    hint = constant_of(given.get("help"), names)
    if action in _SWITCHES:
        texts = (flag, "") if action == "store_true" else ("", flag)
        return Argument(name, (flag,), Kind.BOOL, action == "store_false", switch=texts)
    if isinstance(given.get("action"), ast.Attribute | ast.Name) and flag.startswith("--"):
        is_on = default if isinstance(default, bool) else False  # argparse.BooleanOptionalAction, as a rule
        return Argument(name, (flag,), Kind.BOOL, is_on, switch=(flag, f"--no-{flag[2:]}"))
    choices = constants_of(given.get("choices"), names)
    kind = _kind(given.get("type"), default)
    if kind is Kind.FLOAT and isinstance(default, int) and not isinstance(default, bool):
        default = float(default)
    is_required = constant_of(given.get("required"), names) is True or (
        not flag.startswith("-") and constant_of(given.get("nargs"), names) not in ("?", "*") and default is None
    )
    has_several = constant_of(given.get("nargs"), names) not in (None, "?")
    words, text = spelling(flag, has_several), hint if isinstance(hint, str) else ""
    return Argument(name, words, kind, default, choices, is_required=is_required, hint=text)


def best_flag(flags: list[str]) -> str:
    """The flag that a person would type in a file: a long one, else the first."""
    return next((flag for flag in flags if flag.startswith("--")), flags[0])


def spelling(flag: str, has_several: bool = False) -> tuple[str, ...]:
    """How a flag and its value are written: in one word where that can be, because a value may begin with a minus."""
    if not flag.startswith("-"):
        return ("{}",)
    return (f"{flag}={{}}",) if flag.startswith("--") and not has_several else (flag, "{}")


def _kind(node: ast.expr | None, default: Value | None) -> Kind | None:
    word = node.value if isinstance(node, ast.Constant) else getattr(node, "id", None)  # optparse takes a text
    if isinstance(word, str) and word in TYPES:
        return TYPES[word]
    if node is None or (isinstance(node, ast.Name) and node.id in ("str", "Path")):
        return None  # argparse hands over a text then, whatever the default is
    return kind_of(default)
