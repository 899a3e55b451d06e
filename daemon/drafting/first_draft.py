"""The first draft of a model file for a training script: read, asked for its help, written, and checked."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...strategies.drafting.argparse_source import spelling
from ...strategies.drafting.draft import Draft, Given, Surroundings
from ...strategies.drafting.drafting import draft
from ...strategies.drafting.help_text import help_arguments
from ...strategies.drafting.imported_programs import with_imported
from ...strategies.drafting.program import Argument, Program, plain
from ...strategies.drafting.python_source import read_python
from ...strategies.drafting.roles import Role, role_of
from ...strategies.drafting.row_habits import row_habits
from ...strategies.drafting.second_file import with_second_file
from ...strategies.drafting.second_file_doubts import why_not_sure
from ...strategies.drafting.text_source import answers_help, read_text
from ...strategies.drafting.toml_text import model_text
from ...strategies.errors import InputError, StateError
from ..config.model_file import model_file_in
from ..config.model_paths import check_paths
from ..imported_files import imported_files
from .config_values import hydra_values, values_in
from .script_help import ask_for_help
from .surroundings import config_file, data_files, header_of, model_name, owner_of, python_beside

_LARGEST_SOURCE = 2 << 20
_MOST_MODULES = 40
_RUNNERS: Mapping[str, tuple[str, ...]] = {
    ".py": ("python3",), ".sh": ("sh",), ".bash": ("bash",), ".r": ("Rscript",), ".R": ("Rscript",),
    ".awk": ("awk", "-f"), ".jl": ("julia",), ".pl": ("perl",), ".rb": ("ruby",), ".js": ("node",), ".lua": ("lua",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft as text, what was noticed on the way, and in one line why it cannot be registered yet ("": it can).
    `patch`: a diff of the script by which it takes a second file to score on; "" where none is needed, or none sure,
    for which `why_no_patch` is the reason, where it is known."""

    draft: Draft
    text: str
    notes: tuple[str, ...]
    fault: str
    patch: str = ""
    why_no_patch: str = ""


def draft_for(
    script: Path | None, out: Path, environ: Mapping[str, str], *, asks: bool = True, given: Given | None = None
) -> Drafted:
    """The draft for a script, whose model file will be `out`. Only its `--help` is run, and not even that unless
    `asks`. Raises InputError for a script that cannot be read."""
    base = Path(os.path.abspath(out)).parent
    if script is None:
        owner, owner_from = owner_of(base, environ)
        around = Surroundings(model_name(None, base), owner=owner, owner_from=owner_from)
        return _checked(draft(Program(), around, given), out, ())
    source = _source_of(script)
    folders = tuple(dict.fromkeys((Path(os.path.abspath(script)).parent, base)))
    program, notes = _with_modules(_program(script, source), script, base), list[str]()
    around = _around(script, base, folders, environ, program)
    if asks and _may_ask(script, source, program):
        answer = ask_for_help(_start_of(around, base, script), environ)
        program = _with_help(program, answer.text)
        notes += [_unread(script, answer.failure, around)] if answer.failure else []
    habits = row_habits(source, around.columns)
    around = replace(around, time_cut=habits.time_cut, group_cut=habits.group_cut, cuts_again=habits.cuts_again)
    around, more = _with_config(around, program, folders, base, script)
    drafted = _checked(draft(program, around, given), out, (*notes, *more))
    if drafted.draft.is_split:
        return drafted
    patch = _patch(source, str(script))
    return replace(drafted, patch=patch, why_no_patch="" if patch or not source else why_not_sure(source))


def write_new(text: str, out: Path) -> None:
    """Write a text as a new file, whole. Raises InputError where something is there already, StateError where it
    cannot be written."""
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        try:
            os.link(beside, out)  # unlike a rename, it replaces nothing
        finally:
            beside.unlink()
    except FileExistsError:
        raise taken(out) from None
    except OSError as error:
        remedy = "name another place with --out"
        raise StateError(f"{out} cannot be written: {error.strerror}", "", remedy) from None


def taken(out: Path) -> InputError:
    """The refusal to write where something is."""
    return InputError(f"{out} is there already", "nothing is overwritten", "name another file with --out, or move it")


def _checked(drafted: Draft, out: Path, notes: tuple[str, ...]) -> Drafted:
    """The draft with what registering it would say. One that ought to be whole and is not says it in the file."""
    text = model_text(drafted)
    try:
        model = model_file_in(text.encode(), out)
    except InputError as error:
        if "TODO" not in text:
            text = f"# TODO: {error}\n{text}"
        return Drafted(drafted, text, notes, str(error))
    try:
        check_paths(model)
    except InputError as error:
        return Drafted(drafted, text, notes, str(error))
    return Drafted(drafted, text, notes, "")


def _patch(source: str, path: str) -> str:
    """A unified diff of the script at `path` that lets it take a second file to score on; "" where none is sure."""
    changed = with_second_file(source)
    before, after = (re.findall(r"[^\n]*\n|[^\n]+\Z", text) for text in (source, changed or source))
    return "".join(difflib.unified_diff(before, after, path, path))


def _source_of(script: Path) -> str:
    """The program's text; "" for one that is no text. Raises InputError."""
    remedy = "name the program that trains the model"
    if script.suffix == ".ipynb":
        todo = f"jupyter nbconvert --to script {script}"
        raise InputError(f"{script} is a notebook", "allowed: a program that can be started", f"export it: {todo}")
    try:
        if not script.is_file():
            what = "is a folder" if script.is_dir() else "is no file" if script.exists() else "is not there"
            raise InputError(f"{script} {what}", "allowed: a training script or program", remedy)
        with script.open("rb") as file:
            content = file.read(_LARGEST_SOURCE)
    except OSError as error:
        raise InputError(f"{script} cannot be read: {error.strerror}", "", "check its owner and rights") from None
    return "" if b"\0" in content else content.decode("utf-8-sig", errors="replace")


def _unread(script: Path, failure: str, around: Surroundings) -> str:
    """The note that a help was not read; one that lacks a module would not train either, and says with what."""
    note = f"the help of {script.name} was not read: {failure}"
    if "No module named" not in failure or "python3" not in around.runner:
        return note
    python = around.python or around.runner[0]
    return f"{note}; with {python} it would not train either: name the right one, python = '...' under [training]"


def _program(script: Path, source: str) -> Program:
    is_python = script.suffix == ".py" or "python" in source.partition("\n")[0] or not script.suffix
    found = read_python(source) if is_python and source else None
    return read_text(source) if found is None else found


def _with_modules(program: Program, script: Path, base: Path) -> Program:
    """The program with what the modules say that it imports from its own folders, as far as they can be read."""
    if program.parser == "text":
        return program
    paths = imported_files([Path(os.path.abspath(script))], base, most_files=_MOST_MODULES)
    read = [(path.name, read_python(_source_of(path))) for path in paths if os.access(path, os.R_OK)]
    return with_imported(program, [(name, module) for name, module in read if module is not None])


def _may_ask(script: Path, source: str, program: Program) -> bool:
    """Whether `--help` may be given to the program: one that does not know it would begin to train."""
    if program.parser == "text":
        return answers_help(source) or (not source and os.access(script, os.X_OK))
    reads_it = program.parser != "argparse" or "parse_" in source
    return program.has_open_arguments and reads_it


def _start_of(around: Surroundings, base: Path, script: Path) -> list[str]:
    """The words that start the program from any folder, with the model's interpreter."""
    if len(around.runner) == 1:
        return [os.path.abspath(script)]
    first = os.path.abspath(base / around.python) if around.python else around.runner[0]
    return [first, *around.runner[1:-1], os.path.abspath(script)]


def _with_help(program: Program, text: str) -> Program:
    """The program with the arguments that only its help names."""
    own = {plain(name) for argument in program.arguments for name in (argument.name, argument.shown)}
    more = tuple(one for one in help_arguments(text) if plain(one.name) not in own)
    if program.parser != "text":  # the positions of the source are sure, and its parser takes values in one word
        more = tuple(
            replace(one, words=spelling(one.words[0].partition("=")[0])) if "{}" in "".join(one.words) else one
            for one in more
            if not one.is_positional
        )
    return replace(program, arguments=(*program.arguments, *more))


def _around(
    script: Path, base: Path, folders: tuple[Path, ...], environ: Mapping[str, str], program: Program
) -> Surroundings:
    relative = os.path.relpath(script, base)
    runner = _RUNNERS.get(script.suffix)
    if runner is None:
        runner = ("python3",) if program.parser != "text" and not os.access(script, os.X_OK) else ()
    word = relative if runner or "/" in relative else f"./{relative}"
    python, python_from = python_beside(folders, base, environ) if "python3" in runner else ("", "")
    owner, owner_from = owner_of(base, environ)
    tables = data_files(folders, base)
    return Surroundings(
        name=model_name(script, base), script=script.name, runner=(*runner, word.replace("{", "{{").replace("}", "}}")),
        owner=owner, owner_from=owner_from, python=python, python_from=python_from,
        tables=tables, columns=header_of(base / tables[0]) if tables else (), options_first=program.parser == "text",
    )  # fmt: skip


def _with_config(
    around: Surroundings, program: Program, folders: tuple[Path, ...], base: Path, script: Path
) -> tuple[Surroundings, tuple[str, ...]]:
    """The surroundings with the configuration file that the program reads, if it does, and what was wrong with it."""
    try:
        if program.config is not None:
            folder = Path(os.path.abspath(script)).parent / program.config[0]
            return replace(around, config_values=hydra_values(folder, program.config[1])), ()
        named = next((one for one in program.arguments if role_of(one) is Role.CONFIG), None)
        if named is None and not program.reads_a_file:
            return around, ()
        path = config_file(_default(named), folders, base)
        if path is None:
            return around, ()
        return replace(around, config_file=os.path.relpath(path, base), config_values=values_in(path)), ()
    except InputError as error:
        return around, (str(error),)


def _default(argument: Argument | None) -> str:
    return argument.default if argument is not None and isinstance(argument.default, str) else ""
