"""The user's recipe files and our own `retuned.strategies`, made importable beside each other."""

import hashlib
import importlib.util
import sys
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ....strategies.recipe import Recipe

HERE = Path(__file__).resolve().parent
STRATEGIES = HERE.parent.parent.parent / "strategies"
DETAIL_LIMIT = 500


def make_strategies_importable(folder: Path = STRATEGIES) -> None:
    """Make the folder beside ours `retuned.strategies`, installed or not, ahead of any other version of it.

    The trainer and the recipe then share one `Recipe` class; the rest of an installed retuned stays importable.
    """
    try:
        package = importlib.import_module("retuned")
    except ImportError:
        package = types.ModuleType("retuned")
        package.__path__ = []
        sys.modules["retuned"] = package
    name = "retuned.strategies"
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    package.strategies = module  # type: ignore[attr-defined]


def load_recipe(place: str) -> "type[Recipe]":
    """The class of "file.py:Class"; the file's folder goes first on the path, so that it may import its neighbours.

    Raises InputError when there is no such file or class, or it is no recipe; an error in the file itself passes.
    """
    from retuned.strategies.errors import InputError
    from retuned.strategies.recipe import check_recipe

    file, _, name = place.rpartition(":")
    path = Path(file)
    if not file or not path.is_file():
        raise InputError(f"no recipe file in {place!r}", "file.py:Class", "correct [training] recipe in the model file")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    # A name of its own: a user's recipe.py must not meet another module called recipe.
    module_name = "retuned_recipe_" + hashlib.blake2b(file.encode(), digest_size=6).hexdigest()
    module = sys.modules.get(module_name) or _import_file(module_name, path)
    if not hasattr(module, name):
        raise InputError(f"no class {name} in {file}", "file.py:Class", "correct [training] recipe in the model file")
    return check_recipe(getattr(module, name), name)


def _import_file(module_name: str, path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses and pickle look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def one_line(error: BaseException) -> str:
    """What went wrong and where: the message of an InputError as it is, else with the last line outside of torch."""
    from retuned.strategies.errors import RetunedError

    message = " ".join(str(error).split())
    if isinstance(error, RetunedError):
        return message[:DETAIL_LIMIT]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    place = f" ({Path(frames[-1].filename).name} line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {message}"[:DETAIL_LIMIT] + place


def _is_users(filename: str) -> bool:
    """Whether a frame is the user's code: not a library's, not Python's, not ours."""
    path = Path(filename)
    foreign = ("site-packages", "dist-packages", f"python{sys.version_info.major}.{sys.version_info.minor}")
    is_ours = path.is_relative_to(HERE) or path.is_relative_to(STRATEGIES)
    return path.is_file() and not is_ours and not any(part in foreign for part in path.parts)
