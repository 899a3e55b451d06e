"""The Python files that a program imports from its own folders.

Imports are read in the source; nothing is run. They are looked up where Python would find the owner's own modules:
beside the script, in its working directory, and in `src` below that. What lies elsewhere is the environment's.
"""

import ast
import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_FILES = 500
MOST_FILE_BYTES = 1 << 20  # a larger file counts, and is not searched for imports
_PYTHON_ENDINGS = frozenset({".py", ".pyw", ""})
_IMPORTERS = frozenset({"import_module", "__import__"})


@dataclass(frozen=True, slots=True)
class _Import:
    """A dotted name, and how many folders up it starts: 0 for an absolute one, 1 for the importing file's folder."""

    name: str
    level: int = 0


def imported_files(
    named: Sequence[Path], workdir: Path, modules: Sequence[str] = (), most_files: int = MOST_FILES
) -> tuple[Path, ...]:
    """The files that `named` and `modules` (dotted names) import, nearest first, `named` left out.

    `most_files` at most. A file that this Python cannot parse imports nothing.
    """
    places = (workdir, workdir / "src")
    found: dict[Path, None] = {}
    waiting = deque((path, _places_of(path, places)) for path in named if path.suffix in _PYTHON_ENDINGS)
    for module in modules:
        waiting.extend((path, places) for path in _run_files(module, places) if _is_new(path, found, most_files))
    known = set(named)
    while waiting:
        path, roots = waiting.popleft()
        for wanted in _imports_of(path):
            for below in _files_of(wanted, path, roots):
                if below not in known and _is_new(below, found, most_files):
                    waiting.append((below, roots))
    return tuple(found)


def is_dotted(name: str) -> bool:
    """Whether the text is a module's name, with or without dots."""
    return all(part.isidentifier() for part in name.split("."))


def _places_of(script: Path, places: Sequence[Path]) -> tuple[Path, ...]:
    """Where a script's modules are looked up, as Python does: in its own folder first, links resolved."""
    return tuple(dict.fromkeys((script.parent, Path(os.path.realpath(script)).parent, *places)))


def _is_new(path: Path, found: dict[Path, None], most_files: int) -> bool:
    """Whether the file was not found before and there is room for it; it is kept then."""
    if path in found or len(found) >= most_files:
        return False
    found[path] = None
    return True


def _run_files(module: str, places: Sequence[Path]) -> tuple[Path, ...]:
    """The files that `python -m module` runs."""
    return next((paths for root in places if (paths := _module_files(root, f"{module}.__main__"))), ())


def _files_of(wanted: _Import, importer: Path, roots: Sequence[Path]) -> tuple[Path, ...]:
    """The files of the module in the first root that has any of them; a relative import stays below the roots."""
    if not wanted.level:
        return next((paths for root in roots if (paths := _module_files(root, wanted.name))), ())
    folder = importer.parents[min(wanted.level, len(importer.parents)) - 1]
    return _module_files(folder, wanted.name) if any(folder.is_relative_to(root) for root in roots) else ()


def _module_files(root: Path, name: str) -> tuple[Path, ...]:
    """The packages on the way to a module and the module itself, as far as they are files below `root`."""
    paths, folder = [], root
    for part in name.split("."):
        paths += [path for path in (folder / f"{part}.py", folder / part / "__init__.py") if path.is_file()][-1:]
        folder = folder / part
    return tuple(paths)


def _imports_of(path: Path) -> Iterator[_Import]:
    """What a file imports, wherever in it."""
    try:
        with path.open("rb") as file:
            source = file.read(MOST_FILE_BYTES + 1)
        if len(source) > MOST_FILE_BYTES:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the owner's source, not of ours
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        yield from _imports_in(node)


def _imports_in(node: ast.AST) -> Iterator[_Import]:
    if isinstance(node, ast.Import):
        yield from (_Import(alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        start = f"{node.module}." if node.module else ""
        yield from (_Import(f"{start}{alias.name}" if alias.name != "*" else start[:-1], node.level)
                    for alias in node.names)  # fmt: skip
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        name = node.args[0].value
        if called in _IMPORTERS and isinstance(name, str) and is_dotted(name):
            yield _Import(name)
