"""The flags that a Python program defines with absl, without running it."""

import ast
from collections.abc import Mapping

from ..hyperparameter import Kind
from ..records import Value
from .argparse_source import spelling
from .constants import constant_of, constants_of, last_name
from .program import Argument

_KINDS: Mapping[str, Kind | None] = {
    "DEFINE_float": Kind.FLOAT, "DEFINE_integer": Kind.INT, "DEFINE_bool": Kind.BOOL, "DEFINE_boolean": Kind.BOOL,
    "DEFINE_string": None, "DEFINE_enum": None,
}  # fmt: skip


def absl_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The flags of `flags.DEFINE_float(name, default, help)` and the like, in the order of the source."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    required = {name for call in calls for name in _required(call)}
    calls = sorted((call for call in calls if last_name(call.func) in _KINDS), key=lambda call: call.lineno)
    return tuple(argument for call in calls if (argument := _argument(call, names, required)) is not None)


def _argument(call: ast.Call, names: Mapping[str, Value], required: set[str]) -> Argument | None:
    given: dict[str | None, ast.expr] = {keyword.arg: keyword.value for keyword in call.keywords}
    given |= dict(zip(("name", "default", *_after_default(call)), call.args, strict=False))
    name = constant_of(given.get("name"), names)
    if not isinstance(name, str) or not name.isidentifier():
        return None
    kind, default = _KINDS[last_name(call.func)], constant_of(given.get("default"), names)
    if kind is Kind.BOOL:
        return Argument(name, (f"--{name}",), kind, default is True, switch=(f"--{name}", f"--no{name}"))
    default = float(default) if kind is Kind.FLOAT and type(default) is int else default
    choices = constants_of(given.get("enum_values"), names)
    is_required = default is None and (name in required or constant_of(given.get("required"), names) is True)
    hint = constant_of(given.get("help"), names)
    text = hint if isinstance(hint, str) else ""
    return Argument(name, spelling(f"--{name}"), kind, default, choices, is_required=is_required, hint=text)


def _after_default(call: ast.Call) -> tuple[str, ...]:
    return ("enum_values", "help") if last_name(call.func) == "DEFINE_enum" else ("help",)


def _required(call: ast.Call) -> tuple[str, ...]:
    """The names that `mark_flag_as_required` and `mark_flags_as_required` get."""
    if last_name(call.func) not in ("mark_flag_as_required", "mark_flags_as_required") or not call.args:
        return ()
    texts = [part.value for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant)]
    return tuple(text for text in texts if isinstance(text, str))
