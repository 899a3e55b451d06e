"""The values in a program's own configuration file, with their dotted places."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...strategies.drafting.constants import usable
from ...strategies.drafting.program import Argument, kind_of
from ...strategies.errors import InputError
from ..config.edited_text import parsed_yaml

SUFFIXES = (".yaml", ".yml", ".json", ".toml")
_LARGEST_BYTES = 256 << 10
_DEEPEST, _MOST = 6, 300
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def values_in(path: Path) -> tuple[Argument, ...]:
    """The numbers, texts and booleans in the file, by place; lists are left out.

    Raises InputError, one line, for a file that cannot be read as its ending says.
    """
    return tuple(_flat(_content(path), "", 0))[:_MOST]


def tables_in(path: Path) -> Mapping[str, Any]:
    """The file's table of keys. Raises InputError as `values_in`."""
    return _content(path)


def hydra_values(folder: Path, name: str) -> tuple[Argument, ...]:
    """The values of a Hydra configuration, its defaults list followed one step. Raises InputError."""
    main = next((path for suffix in ("", ".yaml") if (path := folder / f"{name}{suffix}").is_file()), None)
    if main is None:
        return ()
    content = dict(_content(main))
    entries = content.pop("defaults", [])
    found = {argument.place: argument for argument in _flat(content, "", 0)}
    for entry in entries if isinstance(entries, list) else []:
        for group, option in entry.items() if isinstance(entry, dict) else []:
            path = folder / str(group) / f"{option}.yaml"
            if isinstance(group, str) and isinstance(option, str) and ".." not in path.parts and path.is_file():
                prefix = f"{group.replace('/', '.')}."
                found = {one.place: one for one in _flat(_content(path), prefix, 0)} | found
    return tuple(found.values())[:_MOST]


def _content(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_BYTES + 1)
        if len(raw) > _LARGEST_BYTES:
            raise InputError(f"{path} is larger than 256 KiB", "allowed: a file of settings")
        parsed = _parsed(path.suffix, raw.decode("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", remedy="check the path") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid {path.suffix[1:]}: {str(error)[:200]}", remedy="correct it") from None
    if not isinstance(parsed, Mapping):
        raise InputError(f"{path} holds no table of keys and values", "allowed: names with values")
    return parsed


def _parsed(suffix: str, text: str) -> object:
    if suffix == ".json":
        return json.loads(text)
    if suffix == ".toml":
        return tomllib.loads(text)
    return parsed_yaml(text)


def _flat(table: Mapping[Any, Any], prefix: str, depth: int) -> Iterator[Argument]:
    if depth > _DEEPEST:
        return
    for key, value in list(table.items())[:_MOST]:
        if not isinstance(key, str) or not key.strip() or "." in key or not key.isprintable() or len(key) > 60:
            continue
        place = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{place}.", depth + 1)
            continue
        known = usable(value)
        if isinstance(known, str) and _NUMBER.fullmatch(known):  # YAML reads 1e-3 as a text
            known = usable(float(known))
        if known is not None:
            yield Argument(place, kind=kind_of(known), default=known, place=place)
