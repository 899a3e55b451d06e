"""The arguments that a Python program takes from a function's signature or a class's fields: click, typer, fire, and
what makes a command line of a dataclass."""

import ast
from collections.abc import Mapping
from dataclasses import replace

from ..hyperparameter import Kind
from ..records import Value
from .argparse_source import TYPES, best_flag, spelling
from .constants import constant_of, constants_of, last_name
from .program import Argument, kind_of

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_TRAINING = frozenset({"train", "fit", "run", "main", "train_model", "training"})
_FIRE_TRUTHS = ("True", "False")


def click_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The arguments of `@click.option` and `@click.argument`, in the order of the source."""
    found = []
    for function in _functions(tree):
        for node in function.decorator_list:
            if isinstance(node, ast.Call) and last_name(node.func) in ("option", "argument"):
                argument = _of_click(node, names)
                found += [argument] if argument is not None else []
    return tuple(found)


def typer_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The arguments of a typer command: of a function that `run` gets or that is decorated with `command`."""
    ran = {last_name(call.args[0]) for call in _calls_of(tree, "run")}
    commands = [
        function
        for function in _functions(tree)
        if function.name in ran
        or any(isinstance(node, ast.Call) and last_name(node.func) == "command" for node in function.decorator_list)
    ]
    return tuple(argument for part in _parameters(commands[:1]) if (argument := _of_typer(*part, names)) is not None)


def fire_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The arguments of the function that `fire.Fire` gets, or of a class and of its method that trains."""
    ran, found = _fired(tree), []
    chosen = [function for function in _functions(tree) if function.name in ran][:1]
    for name, annotation, node in _parameters(chosen or _methods_fired(tree, ran)):
        default = constant_of(node, names)
        kind = _annotated_kind(annotation) or kind_of(default)
        truths = _FIRE_TRUTHS if kind is Kind.BOOL else None
        found.append(Argument(name, spelling(f"--{name}"), kind, default, truths=truths, is_required=node is None))
    return tuple(found)


def fire_command(tree: ast.Module) -> str | None:
    """The word that names what is to be run, where `fire.Fire` gets a class, several functions or a whole module; ""
    where none is sure, None where no word is needed."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) == "Fire"]
    if not calls:
        return None
    names = _fired(tree)
    if any(isinstance(node, ast.ClassDef) and node.name in names for node in ast.walk(tree)):
        return next((method.name for method in _methods_fired(tree, names) if _trains(method.name)), "")
    if calls[0].args and not isinstance(calls[0].args[0], ast.Dict):
        return None
    return _named_in(calls[0], next(iter(names), ""))


def tap_arguments(tree: ast.Module, names: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The fields of the classes that derive from `Tap`; a bool is a flag that turns its default."""
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = [field for node in classes if any(last_name(base) == "Tap" for base in node.bases) for field in node.body]
    found = []
    for field in fields:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            argument = field_argument(field.target.id, field, names, uses_hyphens=False)
            texts = ("", f"--{argument.name}") if argument.default is True else (f"--{argument.name}", "")
            is_flag = argument.kind is Kind.BOOL
            words = (f"--{argument.name}",)
            found.append(replace(argument, words=words, switch=texts, truths=None) if is_flag else argument)
    return tuple(found)


def dataclass_arguments(tree: ast.Module, names: Mapping[str, Value], uses_hyphens: bool) -> tuple[Argument, ...]:
    """The fields of the program's dataclasses, as a library makes arguments of them."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or not any(last_name(mark) == "dataclass" for mark in _marks(node)):
            continue
        found += [
            field_argument(field.target.id, field, names, uses_hyphens)
            for field in node.body
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        ]
    return tuple(found)


def field_argument(name: str, field: ast.AnnAssign, names: Mapping[str, Value], uses_hyphens: bool) -> Argument:
    """The argument that a dataclass's field becomes: `--name=value`."""
    value = field.value
    if isinstance(value, ast.Call):  # field(default=...)
        value = next((keyword.value for keyword in value.keywords if keyword.arg == "default"), None)
    default = constant_of(value, names)
    kind = _annotated_kind(field.annotation) or kind_of(default)
    flag = f"--{name.replace('_', '-') if uses_hyphens else name}"
    default = float(default) if kind is Kind.FLOAT and type(default) is int else default
    if kind is Kind.BOOL and uses_hyphens:
        return Argument(name, (flag,), kind, default, switch=(flag, f"--no-{flag[2:]}"))
    truths = _FIRE_TRUTHS if kind is Kind.BOOL else None
    return Argument(name, spelling(flag), kind, default, truths=truths, is_required=field.value is None)


def _fired(tree: ast.Module) -> frozenset[str]:
    """The names of what `fire.Fire` gets; of several functions, or of a whole module, the one that trains."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) == "Fire"]
    given = calls[0].args[0] if calls and calls[0].args else None
    if isinstance(given, ast.Dict):
        return frozenset({last_name(value) for value in given.values if _trains(last_name(value))})
    if given is not None:
        return frozenset({last_name(given)})
    whole = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _trains(node.name)]
    return frozenset(whole[:1]) if calls else frozenset()


def _named_in(call: ast.Call, function: str) -> str:
    """The key of a function in the dictionary that Fire gets; its own name without one."""
    given = call.args[0] if call.args else None
    if not isinstance(given, ast.Dict):
        return function
    keys = [constant_of(key, {}) for key, value in zip(given.keys, given.values, strict=True)
            if key is not None and last_name(value) == function]  # fmt: skip
    return str(keys[0]) if keys else ""


def _methods_fired(tree: ast.Module, ran: frozenset[str]) -> list[_Function]:
    """The constructor and the method that trains, of a class among `ran`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in ran:
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            training = [part for part in methods if _trains(part.name)]
            return [*(part for part in methods if part.name == "__init__"), *(training if len(training) == 1 else [])]
    return []


def _trains(name: str) -> bool:
    return name in _TRAINING


def _of_click(call: ast.Call, names: Mapping[str, Value]) -> Argument | None:
    words = [word for word in (constant_of(node, names) for node in call.args) if isinstance(word, str) and word]
    if not words or any(set(word) & set("{} =") for word in words):
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    default = constant_of(given.get("default"), names)
    choices = _click_choices(given.get("type"), names)
    kind = _click_kind(given.get("type"), default)
    if last_name(call.func) == "argument":
        return Argument(plain(words[0]), ("{}",), kind, default, choices, is_required=default is None)
    flag = best_flag([word for word in words if word.startswith("-")] or [f"--{words[0]}"])
    named = next((word for word in words if not word.startswith("-")), flag.partition("/")[0].lstrip("-"))
    on, _, off = flag.partition("/")
    if off or constant_of(given.get("is_flag"), names) is True:
        return Argument(plain(named), (on,), Kind.BOOL, default is True, switch=(on, off))
    is_required = constant_of(given.get("required"), names) is True
    told = constant_of(given.get("help"), names)
    hint = told if isinstance(told, str) else ""
    return Argument(plain(named), spelling(flag), kind, _as(kind, default), choices, is_required=is_required, hint=hint)


def _of_typer(
    name: str, annotation: ast.expr | None, node: ast.expr | None, names: Mapping[str, Value]
) -> Argument | None:
    is_positional, flags = node is None, list[str]()
    default = node
    marks = [mark for part in (annotation, node) if part is not None for mark in ast.walk(part)]
    for mark in marks:
        if isinstance(mark, ast.Call) and last_name(mark.func) in ("Option", "Argument"):
            is_positional = last_name(mark.func) == "Argument"
            texts = [constant_of(word, names) for word in mark.args]
            flags = [text for text in texts if isinstance(text, str) and text.startswith("-") and "{" not in text]
            if mark is node:
                default = mark.args[0] if mark.args else None
    kind = _annotated_kind(annotation) or kind_of(constant_of(default, names))
    value = _as(kind, constant_of(default, names))
    if is_positional:
        return Argument(name, ("{}",), kind, value, is_required=value is None)
    on, _, off = best_flag(flags or [f"--{name.replace('_', '-')}"]).partition("/")
    if kind is Kind.BOOL:
        off = off or (f"--no-{on[2:]}" if on.startswith("--") and not flags else "")
        return Argument(name, (on,), kind, value is True, switch=(on, off))
    return Argument(name, spelling(on), kind, value, is_required=node is None)


def _as(kind: Kind | None, value: Value | None) -> Value | None:
    return float(value) if kind is Kind.FLOAT and type(value) is int else value


def _parameters(functions: list[_Function]) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    """Name, annotation and default of each parameter."""
    found: list[tuple[str, ast.expr | None, ast.expr | None]] = []
    for function in functions:
        own = function.args
        plain_ones = [*own.posonlyargs, *own.args]
        missing = len(plain_ones) - len(own.defaults)
        defaults: list[ast.expr | None] = [*[None] * missing, *own.defaults]
        found += [(arg.arg, arg.annotation, node) for arg, node in zip(plain_ones, defaults, strict=True)]
        found += [(arg.arg, arg.annotation, node) for arg, node in zip(own.kwonlyargs, own.kw_defaults, strict=True)]
    return [part for part in found if part[0] not in ("self", "ctx", "context")]


def _annotated_kind(node: ast.expr | None) -> Kind | None:
    """The kind that an annotation names, Optional and Annotated looked through."""
    if isinstance(node, ast.Name):
        return TYPES.get(node.id)
    if isinstance(node, ast.BinOp):
        return _annotated_kind(node.left)
    if isinstance(node, ast.Subscript):
        inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        return _annotated_kind(inner) if last_name(node.value) in ("Optional", "Annotated") else None
    return None


def _click_kind(node: ast.expr | None, default: Value | None) -> Kind | None:
    if node is None:
        return kind_of(default)
    if isinstance(node, ast.Call):
        node = node.func
    word = last_name(node).lower().removesuffix("range")
    return TYPES.get(word)


def _click_choices(node: ast.expr | None, names: Mapping[str, Value]) -> tuple[Value, ...]:
    is_choice = isinstance(node, ast.Call) and last_name(node.func) == "Choice" and node.args
    return constants_of(node.args[0], names) if is_choice and isinstance(node, ast.Call) else ()


def _functions(tree: ast.Module) -> list[_Function]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _calls_of(tree: ast.Module, name: str) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if last_name(call.func) == name and call.args]


def _marks(node: ast.ClassDef) -> list[ast.expr]:
    return [mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list]


def plain(word: str) -> str:
    """A parameter's name as click makes it of an option's."""
    return word.lstrip("-").replace("-", "_").lower()
