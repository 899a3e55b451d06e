"""TOML files that a person wrote: read, checked against a table, and every problem reported on one line.

The tables are frozen pydantic models; this module holds their base, the kinds of value they share, and the
translation of a failed check into one `InputError`: file, key, what was found, what is allowed, what to do.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from ...strategies.errors import InputError
from ...strategies.schedule import due
from ...strategies.words import readable

_LARGEST_FILE_BYTES = 1 << 20
_MOST_PARTS = 32
_DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]{1,200}|"[^"\n]{0,200}"|'[^'\n]{0,200}')[ \t]{0,9}\.[ \t]{0,9}){32}""")
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_ALLOWED = {
    "model_type": "allowed: a table of keys and values",
    "too_short": "allowed: at least one entry",
    "int_type": "allowed: a whole number",
    "float_type": "allowed: a number",
    "bool_type": "allowed: true or false",
    "string_type": "allowed: a text",
    "tuple_type": "allowed: a list",
    "mapping_type": "allowed: a table of keys and values",
    "dict_type": "allowed: a table of keys and values",
}
_SECRET = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+|credential:[A-Za-z0-9_.-]+")


class Table(BaseModel):
    """One table of a TOML file: frozen, and refusing unknown keys.

    What checks it is built when it is first used, since most processes use few of the tables that they load.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_every_key(cls, content: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [key for key in content if key not in known] if isinstance(content, Mapping) else []
        if unknown:
            near = difflib.get_close_matches(str(unknown[0]), known, n=1, cutoff=0.6)
            allowed = "" if near else f"its keys are {', '.join(known)}"
            raise PydanticCustomError(
                "unknown_key",
                "unknown key",
                {
                    "found": unknown[0],
                    "allowed": allowed,
                    "remedy": f"did you mean '{near[0]}'?" if near else "remove it",
                },
            )
        return content


def optional_table() -> Any:  # noqa: ANN401 - whichever table the key is declared as
    """The default of a key whose table a file may leave out: an empty one.

    What checks the whole file makes the table of it; one that stands there ready-made needs a check of its own.
    """
    return Field(default={}, validate_default=True)


_Table = TypeVar("_Table", bound=Table)


def read_table(table: type[_Table], path: Path, explained_in: str, **defaults: Any) -> _Table:  # noqa: ANN401
    """The table that the TOML file at `path` holds; relative paths in it count from the file's folder.

    `explained_in` names the example file that a message sends its reader to. `defaults`: values of keys that the file
    leaves out. Raises InputError.
    """
    return table_in(table, content_of(path), path, explained_in, **defaults)


def table_in(table: type[_Table], content: bytes, path: Path, explained_in: str, **defaults: Any) -> _Table:  # noqa: ANN401
    """The table in the file's content; the file itself need not exist."""
    given = {**defaults, **_parse(content, path)}
    try:
        return table.model_validate(given, context={"folder": Path(os.path.abspath(path)).parent})
    except ValidationError as error:
        raise _in_one_line(error.errors(include_url=False), path, explained_in) from None


def refusal(found: str, allowed: str, remedy: str = "", key: str = "") -> PydanticCustomError:
    """What a validator raises; `found` continues the key's name ("is 'soon'").

    A check over a whole table names the key below the table in `key`, where one key is to blame.
    """
    return PydanticCustomError("refused", "refused", {"found": found, "allowed": allowed, "remedy": remedy, "key": key})


def shown(value: object) -> str:
    """A value as a message shows it: on one line and at most 60 characters long."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def content_of(path: Path, if_missing: str = "check the path") -> bytes:
    """The file's content, cut just above 1 MiB; raises InputError when it cannot be read. `if_missing`: the remedy
    where there is none."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", remedy=if_missing) from None
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}", remedy="check the path and its permissions"
        ) from None
    return content


def _parse(content: bytes, path: Path) -> dict[str, Any]:
    if len(content) > _LARGEST_FILE_BYTES:
        raise InputError(
            f"{path}: is larger than 1 MiB", "allowed: a TOML file of settings", "check that this is the right file"
        )
    try:
        text = content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
        if _DEEP_KEY.search(text):  # it would take the parser minutes
            raise InputError(f"{path}: a key of more than {_MOST_PARTS} parts", f"allowed: {_MOST_PARTS}", "shorten it")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InputError(f"{path}: is UTF-16 text", "UTF-8", "save the file as UTF-8") from None
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8 text", remedy="save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a plain ValueError
        reason, remedy = str(error), "correct that line; see https://toml.io"
        if "Unescaped '\\'" in reason:
            remedy = "write a text with backslashes in single quotes, which leave them as they are"
        raise InputError(f"{path}: not valid TOML: {reason}", remedy=remedy) from None


def _in_one_line(errors: Sequence[ErrorDetails], path: Path, explained_in: str) -> InputError:
    # A misspelt key also leaves the right one missing: the unknown key is the cause, so it is reported first.
    error = next((detail for detail in errors if detail["type"] == "unknown_key"), errors[0])
    context: Mapping[str, Any] = error.get("ctx", {})
    place = _without_kind(error["loc"])
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    explained = f"every key is explained in {explained_in}{more}"
    if error["type"] == "unknown_key":
        where = f"[{_dotted(place)}]" if place else "the file"
        return InputError(
            f"{path}: {where} has no key '{context['found']}'", context["allowed"], context["remedy"] + more
        )
    if error["type"] == "refused":
        key = _dotted((*place, *filter(None, [context["key"]])))
        return InputError(f"{path}: {key} {context['found']}", context["allowed"], context["remedy"] or explained)
    key = _dotted(place)
    if error["type"] == "missing":
        return InputError(f"{path}: {key} is missing", remedy=f"add it; {explained}")
    found = "has a value of the wrong kind" if "secret" in key else f"is {shown(error['input'])}"
    allowed = _ALLOWED.get(error["type"]) or error["msg"].replace("Input should be", "allowed:")
    return InputError(f"{path}: {key} {found}", allowed, explained)


def _without_kind(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where the file has it: the check of a channel puts the channel's kind after its name."""
    return (*location[:2], *location[3:]) if location[:1] == ("channels",) else location


def _dotted(location: tuple[int | str, ...]) -> str:
    parts = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return parts.removeprefix(".").replace(".[key]", "")


def _span_s(value: object, info: ValidationInfo) -> float:
    return 0.0 if value in (0, "0", "0s") and not isinstance(value, bool) else _duration_s(value, info)


def _duration_s(value: object, info: ValidationInfo) -> float:
    """The seconds of a time with its unit; a bare number is one only in a stored file, which its writer knew."""
    allowed = "allowed: a time above zero with its unit, such as '90s', '10m' or '2h'"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refusal(f"is {shown(value)}", allowed)
    is_of_owner = info.context is not None and "folder" in info.context
    try:
        seconds = due.parse_duration_s(str(value) if is_of_owner and value != 0 else value)
    except InputError as error:
        unit = ", a number without a unit" if error.found.endswith("has no unit") else ""
        raise refusal(f"is {shown(value)}{unit}", allowed, error.remedy) from None
    if not 0 < seconds < 1e9:
        raise refusal(f"is {shown(value)}", allowed)
    return seconds


def _memory_bytes(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    size = int(float(match[1]) * _UNITS[match[2] or ""]) if match else 0
    if size <= 0:
        raise refusal(f"is {shown(value)}", "allowed: a size such as '512MiB' or '2GiB', or a number of bytes")
    return size


def owners_path(value: object, info: ValidationInfo) -> str:
    """An absolute path; a relative one counts from the file's folder. Symbolic links stay as written, because a virtual
    environment's python is one."""
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise refusal(f"is {shown(value)}", "allowed: a path, relative to this file or absolute")
    folder = (info.context or {}).get("folder", "/")
    path = os.path.abspath(os.path.join(folder, os.path.expanduser(value)))
    try:
        path.encode()
    except UnicodeEncodeError:
        allowed = "allowed: paths in UTF-8; the names of files in a data folder may be anything"
        raise refusal(f"leads to {readable(path)}, which is no UTF-8", allowed, "rename the folder") from None
    return path


def dotted_names(value: object) -> str:
    """A place in a file of keys and values."""
    if not isinstance(value, str) or not all(part.strip() for part in value.split(".")) or len(value) > 1000:
        raise refusal(f"is {shown(value)}", "allowed: names between dots", 'for instance "optimizer.lr"')
    return value


def _line(value: str) -> str:
    if not value.strip() or any(ord(character) < 32 for character in value):
        raise refusal(f"is {shown(value)}", "allowed: one line of text that is not empty")
    return value


def webhook_address(value: object) -> str:
    """An http:// or https:// address with a host, and without a password."""
    # The address of a chat service's webhook is itself a secret, so no message repeats it.
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        host = parts.hostname if parts else None
        _ = parts.port if parts else None
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme not in ("http", "https") or not host or re.search(r"\s", str(value)):
        raise refusal("is not the address of a webhook", "allowed: an http:// or https:// address with a host")
    if parts.username is not None or parts.password is not None:
        raise refusal(
            "holds a user name or password",
            "allowed: an http:// or https:// address without them",
            "sign deliveries with webhook_secret instead",
        )
    return str(value)


def is_reference(value: object) -> bool:
    """Whether a value has the form of a reference to a secret."""
    return isinstance(value, str) and _SECRET.fullmatch(value) is not None


def _secret_reference(value: object) -> str:
    if not isinstance(value, str) or not is_reference(value):
        raise refusal(
            "is not a reference to a secret",
            "allowed: 'env:NAME', 'file:/path' or 'credential:NAME', never the secret itself",
            "put the secret in a file that only retuned can read and write its path as 'file:/path'",
        )
    return value


Number = Annotated[float, Strict(), AllowInfNan(False)]
Positive = Annotated[Number, Field(gt=0)]
Integer = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Line = Annotated[str, Strict(), AfterValidator(_line)]
Text = Annotated[str, Strict()]
DurationS = Annotated[float, BeforeValidator(_duration_s)]
SpanS = Annotated[float, BeforeValidator(_span_s)]
"""A duration that may be 0."""
MemoryBytes = Annotated[int, BeforeValidator(_memory_bytes)]
OwnersPath = Annotated[Path, BeforeValidator(owners_path)]
Webhook = Annotated[str, BeforeValidator(webhook_address)]
SecretReference = Annotated[str, BeforeValidator(_secret_reference)]
