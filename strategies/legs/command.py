"""A command's argument list with its placeholders filled in."""

import re
from collections.abc import Mapping, Sequence

from ..errors import InputError
from ..records import Value
from .reports import short

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}|[{}]")


def placeholders(argv: Sequence[str]) -> frozenset[str]:
    """The names between braces in a command; `{{` and `}}` are literal braces. Raises InputError for a stray brace."""
    return frozenset(
        match[1] for element in argv for match in _PLACEHOLDER.finditer(element) if match[1] or _refuse_stray(match)
    )


def expand(argv: Sequence[str], values: Mapping[str, Value]) -> tuple[str, ...]:
    """The command with its placeholders filled in, each inside its own element: never split, never seen by a shell.

    Floats are written with the fewest digits that parse to the same number, bools as true and false.
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
        return _render(name, values[name])

    return tuple(_PLACEHOLDER.sub(fill, element) for element in argv)


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
