"""What lies around a script: its interpreter, data files, configuration file, and who owns it."""

import csv
import os
import pwd
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from .config_values import SUFFIXES

_TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz")
_NO_DATA = re.compile(r"(?i)(metrics|results?|predictions?|preds?|log|history|requirements|submission|scores?)\b.*")
_CONFIG = re.compile(r"(?i)(config|conf|cfg|hparams|hyperparams|hyperparameters|params|settings|train|default).*")
_PYTHONS = (".venv/bin/python", "venv/bin/python", "env/bin/python", ".conda/bin/python", "conda/bin/python")
_EMAIL = re.compile(r"^\s*email\s*=\s*\"?([^\"#;\n]+)", re.MULTILINE)
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_GENERIC = frozenset({"train", "main", "run", "fit", "script", "model", "program", "training", "trainer", "index"})
_MOST_ENTRIES, _MOST_TABLES = 2000, 20


def data_files(folders: tuple[Path, ...], base: Path) -> tuple[str, ...]:
    """Files of rows in the folders and their `data` folders, the largest first, relative to `base`."""
    found: dict[str, int] = {}
    for folder in dict.fromkeys(below for part in folders for below in (part, part / "data")):
        for path in _files(folder):
            if path.name.lower().endswith(_TABLES) and not _NO_DATA.fullmatch(path.name):
                found[os.path.relpath(path, base)] = path.stat().st_size
    ordered = sorted(found, key=lambda name: (-found[name], name))
    return tuple(name for name in ordered if name.isprintable())[:_MOST_TABLES]


def header_of(path: Path) -> tuple[str, ...]:
    """The column names in the first line of a CSV or TSV file; empty for others."""
    if path.suffix not in (".csv", ".tsv"):
        return ()
    try:
        with path.open("rb") as file:
            line = file.readline(1 << 16).decode("utf-8-sig")
        row = next(csv.reader([line], delimiter="\t" if path.suffix == ".tsv" else ","), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return ()
    return tuple(name.strip() for name in row if name.strip() and name.isprintable())[:200]


def config_file(named: str, folders: tuple[Path, ...], base: Path) -> Path | None:
    """The configuration file of a program that takes one: the one that its argument names by default, else the one
    beside it that is called so; None where there is none."""
    for folder in (base, *folders):
        if named and Path(named).suffix in SUFFIXES and (folder / named).is_file():
            return folder / named
    candidates = [
        path
        for folder in dict.fromkeys((*folders, *(part / below for part in folders for below in ("configs", "conf"))))
        for path in _files(folder)
        if path.suffix in SUFFIXES and _CONFIG.fullmatch(path.stem)
    ]
    return min(candidates, key=lambda path: (path.suffix not in (".yaml", ".yml"), len(path.name)), default=None)


def python_beside(folders: tuple[Path, ...], base: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """The interpreter of a virtual environment in or above the folders, else of the active one, and where it was found;
    two empty texts without one."""
    for folder in dict.fromkeys(above for part in folders for above in (part, part.parent)):
        for name in _PYTHONS:
            if os.access(folder / name, os.X_OK):
                return os.path.relpath(folder / name, base), "the virtual environment beside the script"
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        python = Path(environ.get(variable) or "/nowhere") / "bin" / "python"
        if os.access(python, os.X_OK):
            return str(python), f"the environment that is active now (${variable})"
    return "", ""


def owner_of(folder: Path, environ: Mapping[str, str]) -> tuple[str, str]:
    """Who is alerted: the e-mail address in Git's configuration, else the user; and where it was found."""
    home = Path(environ.get("HOME") or "/nowhere")
    above = [part / ".git" / "config" for part in (folder, *folder.parents)]
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "config"
    for path in (*above, home / ".gitconfig", own):
        section = re.search(r"^\[user\]\s*$(.*?)(?=^\[|\Z)", _text(path), re.MULTILINE | re.DOTALL)
        email = _EMAIL.search(section[1]) if section else None
        if email is not None and email[1].strip().isprintable():
            return email[1].strip(), "the user.email of Git"
    try:
        return pwd.getpwuid(os.getuid()).pw_name, "your user name"
    except KeyError:
        return "", ""


def model_name(script: Path | None, base: Path) -> str:
    """A name for the model: the script's, or its folder's where the script has one of the usual names."""
    stem = "" if script is None else script.stem
    for text in (stem if stem.lower() not in _GENERIC else "", base.name, stem):
        name = _NAME.sub("-", text).strip("-_.")[:64].rstrip("-_.")
        if name:
            return name
    return "model"


def _files(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False):
                if entry.is_file() and not entry.name.startswith("."):
                    yield Path(entry.path)
    except OSError:
        return


def _text(path: Path) -> str:
    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(1 << 16).decode(errors="replace")
    except OSError:
        pass
    return ""
