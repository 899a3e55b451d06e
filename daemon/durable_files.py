"""Files that are written whole, or not at all, and survive a power failure."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Mapping[str, object], syncs_name: bool = True) -> None:
    """Replace a file as a whole; it is on the disk when this returns, its name too unless another sync follows."""
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    with passing.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    passing.rename(path)
    if syncs_name:
        sync_folder(path.parent)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file is not there or holds no object."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make what a file or a folder holds survive a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
