"""Files that are written completely or not at all, and survive a power failure.

Workers use it too, so it needs only the standard library.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .foreign_files import create_plain, read_plain, remove

MOST_BYTES = 64 << 20  # of a JSON file; what we write is far smaller


def write_json(path: Path, content: Mapping[str, object], syncs_name: bool = True) -> None:
    """Replace a file atomically; on return it is on the disk, and so is its name if `syncs_name`."""
    replace_json(path, content, syncs=True)
    if syncs_name:
        sync_folder(path.parent)


def replace_json(path: Path, content: Mapping[str, object], syncs: bool = False) -> None:
    """Replace a file atomically; without `syncs` it may be lost in a power failure, which suits descriptions of
    processes, since these end then too."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(create_plain(temporary), "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        if syncs:
            os.fsync(file.fileno())
    try:
        temporary.rename(path)
    except IsADirectoryError:  # a training put a folder there
        remove(path)
        temporary.rename(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if there is no file or it holds no object."""
    try:
        return load_json(path)
    except (OSError, ValueError, RecursionError):
        return None


def load_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises OSError when it cannot be read or is no regular file, ValueError when it holds
    no object."""
    content = json.loads(read_plain(path, MOST_BYTES))
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object")
    return content


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make the content of a file or a folder survive a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
