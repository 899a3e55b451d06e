"""Whether the files and programs that a model file names exist: checked at registration, not when it is read again."""

import ast
import difflib
import glob
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from ...strategies.errors import InputError
from ...strategies.search.samplers import LEAST_OPTUNA, Sampler
from ..start_errors import program_of, shebang_fault
from .config_template import read_template
from .model_file import ModelFile
from .settings_file import read_settings


def check_paths(model: ModelFile) -> None:
    """Raise InputError for the first of workdir, python, recipe, command, data, settings and the search's sampler that
    is missing."""
    training = model.training
    if not training.workdir.is_dir():
        raise InputError(
            f"training.workdir: there is no folder {training.workdir}", remedy="correct it or create the folder"
        )
    if training.python is not None and not _can_run(training.python):
        raise InputError(
            f"training.python: {training.python} is not an executable program",
            "allowed: the path of an interpreter, such as .venv/bin/python",
            "omit the key to use the interpreter that runs retuned",
        )
    if training.recipe_file is not None and training.recipe_class is not None:
        _check_recipe(training.recipe_file, training.recipe_class)
    if training.argv is not None:
        _check_program("training.command", training.argv[0], training.workdir)
    if training.template is not None:
        read_template(training.template, model.places, training.values)
    _check_data(model)
    settings = model.settings_file
    if settings is not None and not settings.parent.is_dir():
        raise InputError(
            f"settings.file: there is no folder {settings.parent}", remedy="correct the path or create the folder"
        )
    if model.settings.keys:
        read_settings(model)
    if model.settings.hook is not None:
        _check_program("settings.hook", model.settings.hook[0], training.workdir)
    _check_sampler(model.search.sampler)


def _check_recipe(path: Path, name: str) -> None:
    try:
        body = ast.parse(path.read_bytes(), filename=str(path)).body
    except OSError as error:
        raise InputError(
            f"training.recipe: {path} cannot be read: {error.strerror}", remedy="correct the path"
        ) from None
    except (SyntaxError, ValueError) as error:
        line = f"line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else str(error)
        raise InputError(f"training.recipe: {path} is not valid Python: {line}", remedy="correct that line") from None
    classes = [node.name for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.ClassDef)]
    imported = [alias.asname or alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names]
    if name in classes or name in imported:
        return
    near = difflib.get_close_matches(name, classes, n=1)
    raise InputError(
        f"training.recipe: {path} has no class {name}",
        f"its classes are {', '.join(classes)}" if classes else "it has no class at all",
        f"did you mean '{near[0]}'?" if near else "write recipe = 'file.py:Class' with a class of that file",
    )


def _check_program(key: str, program: str, workdir: Path) -> None:
    if "{" in program:
        return
    exists = _can_run(workdir / program) if "/" in program else shutil.which(program) is not None
    if not exists:
        where = str(workdir / program) if "/" in program else f"{program} on the PATH"
        raise InputError(
            f"{key}: there is no program {where}",
            "allowed: a program on the PATH, or a path relative to workdir or absolute",
            "correct it, or make the file executable with chmod +x",
        )
    path = program_of(program, workdir, os.environ)
    fault = None if path is None else shebang_fault(path)
    if fault is not None:
        raise InputError(f"{key}: {fault}")


def _check_data(model: ModelFile) -> None:
    data = model.data
    if data is None:
        return
    if data.prepare is not None:
        # The prepare command may fetch the data, which need not exist yet.
        _check_program("data.prepare", data.prepare[0], model.training.workdir)
    elif data.path is not None and not data.path.exists():
        raise InputError(f"data.path: there is nothing at {data.path}", remedy="correct the path")
    elif data.glob is not None and not any(map(os.path.isfile, glob.iglob(data.glob, recursive=True))):
        raise InputError(f"data.glob: no file matches {data.glob}", remedy="correct the pattern; ** crosses folders")


def _check_sampler(sampler: Sampler) -> None:
    """Check that the sampler's library is installed, without importing it: the campaign's process does that."""
    if not sampler.is_optuna:
        return
    from importlib import metadata  # slow to load, and most models name no sampler

    version = None if find_spec("optuna") is None else metadata.version("optuna")
    if version is None or int(version.partition(".")[0]) < LEAST_OPTUNA:
        raise InputError(*sampler.refusal(version))


def _can_run(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
