"""Scripts in a folder that look as though they trained a model."""

import re
from pathlib import Path

_TRAINS = re.compile(r"(?i)\b(epochs?|fit|train\w*|learning_rate|lr|backward|boost\w*|loss)\b")
_NAMED = re.compile(r"(?i).*(train|fit|main|run|model|learn|tune).*")
_SUFFIXES = (".py", ".sh", ".R", ".r", ".jl", ".awk")
_MOST, _FIRST_BYTES = 500, 1 << 16


def training_scripts(folder: Path) -> tuple[Path, ...]:
    """Those in the folder and one below, the likeliest first."""
    found = []
    for path in sorted([*folder.glob("*"), *folder.glob("*/*.py")])[:_MOST]:
        if (
            path.suffix in _SUFFIXES
            and path.is_file()
            and not path.name.startswith(("test_", "setup", "conftest", "."))
        ):
            hits = len(_TRAINS.findall(_start_of(path)))
            found += [(-(hits + 20 * bool(_NAMED.fullmatch(path.stem))), path)] if hits >= 3 else []
    return tuple(path for _, path in sorted(found))


def _start_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_FIRST_BYTES).decode(errors="replace")
    except OSError:
        return ""
