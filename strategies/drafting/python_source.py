"""What a Python program's source says about its arguments and its metric."""

import ast
from collections.abc import Callable, Mapping

from ..records import Value
from .absl_source import absl_arguments
from .argparse_source import argparse_arguments, has_subparsers, optparse_arguments
from .argv_source import argv_arguments, uses_argv
from .constants import configured_constants, constant_arguments, last_name, module_constants
from .environment_source import environment_arguments
from .function_source import (
    click_arguments,
    dataclass_arguments,
    fire_arguments,
    fire_command,
    tap_arguments,
    typer_arguments,
)
from .help_text import help_arguments
from .library_logs import library_sights
from .metric_sights import metric_sights
from .program import Argument, Program, plain
from .structured_source import structured_arguments
from .surroundings_of_names import surrounding
from .syntax import read_syntax
from .unknown_prints import unknown_prints

_Reader = Callable[[ast.Module, Mapping[str, Value]], tuple[Argument, ...]]
_READERS: Mapping[str, _Reader] = {
    "argparse": argparse_arguments,
    "click": click_arguments,
    "typer": typer_arguments,
    "fire": fire_arguments,
    "transformers": lambda tree, names: dataclass_arguments(tree, names, uses_hyphens=False),
    "simple_parsing": lambda tree, names: dataclass_arguments(tree, names, uses_hyphens=False),
    "absl": absl_arguments,
    "tap": tap_arguments,
    "optparse": optparse_arguments,
    "docopt": lambda tree, names: help_arguments(ast.get_docstring(tree) or ""),
    "tyro": lambda tree, names: dataclass_arguments(tree, names, uses_hyphens=True),
}
_OTHERS = ("hydra", "omegaconf", "jsonargparse", "configargparse", "plac")
_FILE_FORMATS = frozenset({"yaml", "json", "tomllib", "toml", "tomli", "omegaconf", "ruamel", "configparser"})


def read_python(source: str) -> Program | None:
    """What the source says; None where it is no Python that this Python can parse."""
    return read_syntax(source, _read, None)


def _read(tree: ast.Module) -> Program:
    names, imported = module_constants(tree), _imports(tree)
    arguments: tuple[Argument, ...] = ()
    parser = ""
    for library, reader in _READERS.items():
        if library in imported and not arguments:
            arguments = reader(tree, names)
            parser = library if arguments else parser
    parser = parser or next(
        (library for library in (*_OTHERS, *_READERS) if library in imported and (library not in ("transformers",))), ""
    )
    if not parser and uses_argv(tree):
        parser, arguments = "argv", argv_arguments(tree, names)
    if not parser and _runs_configurator(tree):
        parser, arguments = "configurator", configured_constants(tree)
    config = _hydra_config(tree) if "hydra" in imported else None
    structured = () if config is None or arguments else structured_arguments(tree, names, config[1])
    arguments = arguments or structured
    subcommand = fire_command(tree) if parser == "fire" or "fire" in imported else None
    own = {plain(argument.name) for argument in arguments}
    variables = tuple(one for one in environment_arguments(tree, names) if plain(one.name) not in own)
    printed = metric_sights(tree)
    return Program(
        arguments=(*arguments, *variables),
        metrics=(*printed, *library_sights(tree, imported, printed)),
        constants=constant_arguments(tree),
        parser=parser,
        config=None if structured else config,
        reads_a_file=bool(imported & _FILE_FORMATS),
        has_subcommands=has_subparsers(tree) or subcommand is not None,
        subcommand=subcommand or "",
        around=surrounding(tree),
        unknown_prints=unknown_prints(tree),
    )


def _imports(tree: ast.Module) -> frozenset[str]:
    """The top-level names of everything that the program imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return frozenset(found)


def _runs_configurator(tree: ast.Module) -> bool:
    """Whether the program runs a file that sets its constants from the command line, `--name=value`."""
    runs = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) == "exec"]
    texts = [part.value for call in runs for part in ast.walk(call) if isinstance(part, ast.Constant)]
    return any(isinstance(text, str) and text.endswith("configurator.py") for text in texts)


def _hydra_config(tree: ast.Module) -> tuple[str, str] | None:
    """(folder, name) of `@hydra.main(config_path=..., config_name=...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "main":
            given = {word.arg: word.value for word in node.keywords if word.arg}
            texts = {key: value.value for key, value in given.items() if isinstance(value, ast.Constant)}
            name = texts.get("config_name")
            if isinstance(name, str):
                folder = texts.get("config_path")
                return (folder if isinstance(folder, str) else "", name)
    return None
