"""Records as JSON and back: what a service and its callers send each other.

JSON has no NaN and no infinity; they are sent as {"$number": "nan"}, so that every JSON reader can read the rest.
"""

import inspect
import json
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from ...strategies import errors
from ...strategies.errors import InputError, RetunedError
from ...strategies.words import readable
from ..config.toml_input import shown
from .verb_methods import method_of

PROBLEM = "application/problem+json"
_MARK = "$number"
LARGEST_NUMBER = 2**53  # exact in every JSON reader, and far within what a database holds
LONGEST_TEXT = 4096
DEEPEST = 8
RAW = frozenset({"content", "file", "name", "named"})  # bytes that may not be Unicode; they have bounds of their own
_KINDS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, RetunedError)
}


def dump_result(verb: str, value: object, *, is_masked: bool = False) -> bytes:
    """The verb's result as JSON; masked: the addresses of webhooks without their secret part."""
    context = {"is_masked": True} if is_masked else None
    return _dump(_result_of(verb).dump_python(value, mode="json", by_alias=True, context=context))


def load_result(verb: str, content: bytes) -> Any:  # noqa: ANN401 - each verb gives another type
    """The result that `dump_result` wrote. Raises ValueError for anything else."""
    return _result_of(verb).validate_python(_load(content))


def dump_arguments(verb: str, arguments: Mapping[str, object]) -> dict[str, Any]:
    """The arguments of a verb as JSON values; None, every such argument's default, is left out."""
    present = {name: value for name, value in arguments.items() if value is not None}
    return arguments_of(verb).model_validate(present).model_dump(mode="json", exclude_unset=True)


def load_arguments(verb: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The checked arguments of a verb; raises InputError naming the first that is wrong."""
    fields = arguments_of(verb).model_fields
    for name, value in given.items():
        if name not in fields and _has_surrogates(name):
            raise InputError(f"{verb} has no argument {ascii(name)[:60]}", f"its arguments: {', '.join(fields)}")
        allows_bool = name not in fields or "bool" in str(fields[name].annotation)
        _check_bounds(name, value, allows_bool=allows_bool)
    try:
        checked = arguments_of(verb).model_validate(given)
    except ValidationError as error:
        raise _in_one_line(verb, error) from None
    arguments = {name: getattr(checked, name) for name in checked.model_fields_set}
    for name, value in arguments.items():  # a text of digits, as in an address, is a number only now
        _check_bounds(name, value, allows_bool=True)
    return arguments


def _check_bounds(name: str, value: object, *, allows_bool: bool, depth: int = 0) -> None:
    """Refuse what no argument can be: numbers and texts without bounds, and what only looks like a number or a text."""
    if isinstance(value, bool) and not allows_bool:
        raise InputError(f"{name} is {shown(value)}", "allowed: a number or a text")
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise InputError(f"{name} is {shown(value)}", f"allowed: whole numbers to {LARGEST_NUMBER}")
    if isinstance(value, str) and name not in RAW:
        if _has_surrogates(value):
            raise InputError(f"{name} is {ascii(value)[:60]}", "allowed: a text in Unicode, without lone surrogates")
        if len(value) > LONGEST_TEXT:
            raise InputError(f"{name} has {len(value)} characters", f"allowed: {LONGEST_TEXT}")
    if depth >= DEEPEST and isinstance(value, dict | list):
        raise InputError(f"{name} is nested too deeply", f"allowed: {DEEPEST} levels")
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _check_bounds(name, part, allows_bool=allows_bool, depth=depth + 1)


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def load_object(content: bytes) -> dict[str, Any]:
    """A JSON object, {} for no content; raises InputError for anything else."""
    try:
        value = json.loads(content, parse_int=_whole_number) if content.strip() else {}
    except (ValueError, RecursionError):
        raise InputError("the body is not JSON", "allowed: one JSON object with the verb's arguments") from None
    if not isinstance(value, dict):
        raise InputError(f"the body is {shown(value)}", "allowed: one JSON object with the verb's arguments")
    return value


def _whole_number(digits: str) -> int:
    """A whole number of JSON; one of too many digits as one that is out of bounds anyway."""
    return int(digits) if len(digits) <= 20 else 2**63


def dump_error(error: RetunedError) -> bytes:
    """An error as JSON: its type is the nearest one that errors.py names."""
    kind = next(parent.__name__ for parent in type(error).__mro__ if parent.__name__ in _KINDS)
    return _dump({"type": kind, "found": error.found, "allowed": error.allowed, "remedy": error.remedy})


def dump_problem(error: RetunedError, status: int) -> bytes:
    """An error as a problem (RFC 9457): its title, status and detail, and the three parts of the message beside them.

    `type` is a name relative to the address of the request, as RFC 9457 allows; a program compares it as a word.
    """
    parts = json.loads(dump_error(error))
    title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", parts["type"]).lower()
    detail = readable(". ".join(part for part in (error.found, error.allowed, error.remedy) if part))
    return _dump({"type": parts["type"], "title": title, "status": status, "detail": detail} | parts)


def load_error(content: bytes) -> RetunedError | None:
    """The error that `dump_error` wrote; None for anything else."""
    try:
        error = json.loads(content)
        return _KINDS[error["type"]](*(str(error[part]) for part in ("found", "allowed", "remedy")))
    except (ValueError, RecursionError, KeyError, TypeError):
        return None


@cache
def arguments_of(verb: str) -> type[BaseModel]:
    """The arguments of a verb as a table that refuses unknown names."""
    method = method_of(verb)
    hints = get_type_hints(method, include_extras=True)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    declared = {
        parameter.name: (
            hints[parameter.name],
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in parameters
    }
    table: type[BaseModel] = create_model(verb, __config__=ConfigDict(extra="forbid"), **declared)  # type: ignore[call-overload]
    return table


@cache
def schema_of_result(verb: str) -> Mapping[str, Any]:
    """The JSON schema of what the verb's route answers; definitions are those of the description's components."""
    return _result_of(verb).json_schema(mode="serialization", ref_template="#/components/schemas/{model}")


@cache
def _result_of(verb: str) -> TypeAdapter[Any]:
    return TypeAdapter(get_type_hints(method_of(verb), include_extras=True)["return"])


def _in_one_line(verb: str, error: ValidationError) -> InputError:
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"]) or "the arguments"
    known = ", ".join(arguments_of(verb).model_fields) or "none"
    if first["type"] == "extra_forbidden":
        return InputError(f"{verb} has no argument '{name[:60]}'", f"its arguments: {known}", "remove it")
    if first["type"] == "missing":
        return InputError(f"the argument {name} is missing", f"the arguments of {verb}: {known}", "add it")
    return InputError(f"{name} is {shown(first['input'])}", first["msg"].replace("Input should be", "allowed:"))


def _dump(value: object) -> bytes:
    return json.dumps(_marked(value), allow_nan=False, separators=(",", ":")).encode()


def _load(content: bytes) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(content, object_hook=_unmarked)


def _marked(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return {_MARK: str(value)}
    if isinstance(value, dict):
        return {name: _marked(part) for name, part in value.items()}
    return [_marked(part) for part in value] if isinstance(value, list | tuple) else value


def _unmarked(table: dict[str, Any]) -> object:
    return float(table[_MARK]) if table.keys() == {_MARK} and isinstance(table[_MARK], str) else table
