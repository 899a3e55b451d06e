"""A command's argument list with its placeholders filled in."""

import re
from collections.abc import Mapping, Sequence

from ..errors import InputError
from ..records import Value
from .reports import short

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)(?::([^{}]*))?\}|[{}]")


def placeholders(argv: Sequence[str]) -> frozenset[str]:
    """The names between braces in a command; `{{` and `}}` are literal braces. Raises InputError for a stray brace."""
    return frozenset(
        match[1] for element in argv for match in _PLACEHOLDER.finditer(element) if match[1] or _refuse_stray(match)
    )


def spelt_out(argv: Sequence[str]) -> Mapping[str, str]:
    """The placeholders that say how true and false are written, such as {nesterov:--nesterov} or {nesterov:1|0}, by
    name. Raises InputError for one that does not say it."""
    found = {match[1]: match for element in argv for match in _PLACEHOLDER.finditer(element) if match[2] is not None}
    for match in found.values():
        if match[2].count("|") > 1 or not match[2].strip("|"):
            raise InputError(
                f"the placeholder {short(match[0])}",
                "allowed: {name:TRUE} or {name:TRUE|FALSE}, texts for true and false",
                "for instance {nesterov:--nesterov} or {nesterov:1|0}",
            )
    return {name: match[0] for name, match in found.items()}


def expand(argv: Sequence[str], values: Mapping[str, Value]) -> tuple[str, ...]:
    """The command with its placeholders filled in, each inside its own element: never split, never seen by a shell.

    Floats are written with the fewest digits that parse to the same number, bools as true and false. {name:TRUE|FALSE}
    is one of its texts; an element that consists of an empty one is left out, as a flag that is not set.
    Raises InputError for a name without a value and for a schedule.
    """

    def fill(match: re.Match[str]) -> str:
        name: str | None = match[1]
        if name is None:
            _refuse_stray(match)
            return match[0][0]
        if name not in values:
            allowed = f"allowed: {', '.join(sorted(values))}"
            raise InputError(f"the command has the placeholder {{{name}}}", allowed, "write {{ and }} for plain braces")
        return _render(name, values[name]) if match[2] is None else _choose(name, match[2], values[name])

    filled = [_PLACEHOLDER.sub(fill, element) for element in argv]
    return tuple(text for element, text in zip(argv, filled, strict=True) if text or not _is_flag(element))


def arguments_for(argv: Sequence[str], values: Mapping[str, Value]) -> tuple[str, ...]:
    """The part of a command that hands these values over, filled in, with the option before each: what a person would
    type. Elements that take anything else beside them are left out, and so are values that are schedules."""
    found: list[str] = []
    for before, element in zip(("", *argv), argv, strict=False):
        names = placeholders((element,))
        if not names or not names <= values.keys() or any(isinstance(values[name], tuple) for name in names):
            continue
        filled = expand((element,), values)
        is_option = before.startswith("-") and not placeholders((before,)) and not element.startswith("-")
        found += [*((before,) if is_option and filled else ()), *filled]
    return tuple(found)


def _is_flag(element: str) -> bool:
    """Whether an element is nothing but a text for true or false."""
    match = _PLACEHOLDER.fullmatch(element)
    return match is not None and match[2] is not None


def _choose(name: str, texts: str, value: Value) -> str:
    if not isinstance(value, bool):
        raise InputError(f"{name} is {short(value)}", "{name:TRUE|FALSE} takes true or false", f"write {{{name}}}")
    is_true, _, is_false = texts.partition("|")
    return is_true if value else is_false


def _refuse_stray(match: re.Match[str]) -> bool:
    """False for an escaped brace; raises InputError for a lone one."""
    if len(match[0]) == 1:
        raise InputError(
            f"the command element {short(match.string)} has a lone {match[0]}",
            "braces hold one name, such as {lr}",
            "write {{ and }} for plain braces",
        )
    return False


def _render(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (int, str)):
        return str(value)
    raise InputError(
        f"{name} is a schedule", "a command takes one value per placeholder", "pass one leg per constant stretch"
    )
