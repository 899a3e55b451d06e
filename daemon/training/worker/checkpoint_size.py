"""The size of the checkpoint that a leg writes, against the limit that its owner set."""

import contextlib
import os
import time
from pathlib import Path

from ...foreign_files import remove

LOOK_S = 1.0  # between two looks at what may be a folder of many files
NAMES = ("checkpoint", "checkpoint.new")  # the latter is a recipe's, while it is written


class CheckpointSize:
    """Watches the checkpoint in a leg's folder; without a limit (0) it never finds anything."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._places = [folder / name for name in NAMES]
        self._limit_bytes = limit_bytes
        self._looked_at = 0.0
        self._found: int | None = None

    def fault(self, *, is_over: bool = False) -> str | None:
        """What is wrong with it, as a sentence; None: nothing. While the leg runs, only one call a second looks."""
        if not self._limit_bytes:
            return None
        now = time.monotonic()
        if self._found is None and (is_over or now - self._looked_at > LOOK_S):
            self._looked_at = now
            size = sum(map(size_of, self._places))
            self._found = size if size > self._limit_bytes else None
        if self._found is None:
            return None
        found, limit = (f"{size / 2**20:,.1f} MiB" for size in (self._found, self._limit_bytes))
        return (
            f"its checkpoint has {found}, the limit is {limit}; write less state to RETUNED_CHECKPOINT_OUT, or raise "
            "checkpoint_limit under [training]"
        )

    def clear(self) -> None:
        """Remove one that is too large: nothing starts from it, and its room may be needed."""
        if self._found is not None:
            for place in self._places:
                remove(place)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; links count for nothing."""
    total = 0
    with contextlib.suppress(OSError):
        total += os.lstat(path).st_size if path.is_file() and not path.is_symlink() else 0
    if path.is_dir() and not path.is_symlink():
        for folder, _, names in os.walk(path):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_size
    return total
