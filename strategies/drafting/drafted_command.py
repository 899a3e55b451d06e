"""The command of a draft: each argument written as the program takes it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .draft import DraftedHyperparameter, Surroundings
from .drafted_hyperparameters import key_of, matching
from .program import Argument, Program
from .roles import Role

_PLACEHOLDERS: Mapping[Role, str] = {
    Role.SEED: "{seed}", Role.SPLIT_SEED: "{split_seed}", Role.TRAIN: "{train}", Role.EVAL: "{eval}",
    Role.DATA: "{data}", Role.CONFIG: "{config}",
}  # fmt: skip
_ALWAYS_THERE = frozenset({"PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"})
_SUBCOMMAND = "{TODO_command}"


@dataclass(frozen=True, slots=True)
class Words:
    """A command, what is put into the configuration file beside hyperparameters, the places of those in it by name, the
    path of each output, the arguments that are left out, and what is to do by hand."""

    command: tuple[str, ...]
    values: tuple[tuple[str, str], ...] = ()
    placed: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    todos: tuple[str, ...] = ()
    has_variables: bool = False
    passed: tuple[str, ...] = ()


def command_of(
    program: Program, around: Surroundings, arguments: tuple[Argument, ...], roles: Mapping[str, Role],
    hyperparameters: tuple[DraftedHyperparameter, ...],
) -> Words:  # fmt: skip
    """The command and what goes with it."""
    names = {key_of(argument): one.name for one in hyperparameters
             if (argument := _argument_of(one, arguments)) is not None}  # fmt: skip
    outputs = {key_of(one): _output(one) for one in arguments if roles[key_of(one)] is Role.OUTPUT and _is_told(one)}
    texts = {key_of(one): _text(one, roles[key_of(one)], names, outputs) for one in arguments}
    has_file = any(role is Role.CONFIG for role in roles.values())
    overrides = program.parser in ("hydra", "omegaconf")
    on_line = [one for one in arguments if one.words or (overrides and one.place)]
    positions = _positions([one for one in on_line if one.is_positional], texts)
    written = [
        (one, word) for one in on_line if not one.is_positional for word in _option(one, texts[key_of(one)], names)
    ]
    options = [word for one, word in written if not one.is_variable]
    variables = [word for one, word in written if one.is_variable]
    positions = [program.subcommand or _SUBCOMMAND, *positions] if program.has_subcommands else positions
    ordered = [*options, *positions] if around.options_first else [*positions, *options]
    in_file = [one for one in arguments if has_file and not one.words and one.place]
    told = {key_of(one) for one in on_line + in_file if texts[key_of(one)] is not None}
    return Words(
        command=_started(around, variables, ordered),
        has_variables=bool(variables),
        passed=tuple(one.shown for one in on_line if one.is_variable and one.default is None
                     and texts[key_of(one)] is None and one.shown not in _ALWAYS_THERE),
        values=tuple((one.place, text) for one in in_file
                     if key_of(one) not in names and (text := texts[key_of(one)]) is not None),
        placed={names[key_of(one)]: one.place for one in in_file if key_of(one) in names},
        outputs=outputs,
        left=tuple(one.shown_with_value for one in arguments if key_of(one) not in told and not (has_file and one.place)
                   and not (one.is_variable and one.default is None)),
        todos=tuple(_todos(program, on_line, texts)),
    )  # fmt: skip


def _started(around: Surroundings, variables: list[str], words: list[str]) -> tuple[str, ...]:
    """The whole command; with variables `env` starts it, and the interpreter's path stands in it."""
    if not around.runner or not variables:
        return (*around.runner, *words) if around.runner else ()
    first = around.python.replace("{", "{{").replace("}", "}}") or around.runner[0]
    return ("env", *variables, first, *around.runner[1:], *words)


def _argument_of(one: DraftedHyperparameter, arguments: tuple[Argument, ...]) -> Argument | None:
    if one.key:
        return next((argument for argument in arguments if key_of(argument) == one.key), None)
    return matching(arguments, one.place or one.name)


def _text(argument: Argument, role: Role, names: Mapping[str, str], outputs: Mapping[str, str]) -> str | None:
    """What is written for the argument's value; None: it keeps its default."""
    key = key_of(argument)
    if key in names:
        return f"{{{names[key]}}}"
    if role in _PLACEHOLDERS:
        return _PLACEHOLDERS[role]
    if key in outputs:
        return outputs[key]
    if not argument.is_required:
        return None
    if role is Role.BUDGET:
        return "10"
    return f"{{TODO_{_safe(argument.name)}}}" if argument.default is None else _plain_text(argument)


def _option(argument: Argument, text: str | None, names: Mapping[str, str]) -> Iterator[str]:
    key = key_of(argument)
    if text is None:
        return
    if not argument.words:  # an override of a configuration file
        yield f"{argument.place}={text}"
        return
    if argument.switch is not None:
        if key in names:
            on, off = argument.switch
            yield f"{{{names[key]}:{on}|{off}}}" if off else f"{{{names[key]}:{on}}}"
        return
    if key in names and argument.truths is not None:
        text = f"{{{names[key]}:{'|'.join(argument.truths)}}}"
    yield from (word.replace("{}", text) for word in argument.words)


def _positions(arguments: list[Argument], texts: Mapping[str, str | None]) -> list[str]:
    """The words of the positions up to the last that is written; those before it need theirs."""
    told = [number for number, one in enumerate(arguments) if texts[key_of(one)] is not None]
    words = []
    for one in arguments[: told[-1] + 1] if told else []:
        text = texts[key_of(one)]
        words.append(text if text is not None else _plain_text(one))
    return words


def _plain_text(argument: Argument) -> str:
    """The default as a word of the command; braces stand for themselves there."""
    value = argument.default
    return f"{value!r}" if isinstance(value, float) else str(value).replace("{", "{{").replace("}", "}}")


def _is_told(argument: Argument) -> bool:
    """Whether an output has to be named: a default would be overwritten by every run."""
    return argument.is_required or (isinstance(argument.default, str) and bool(argument.default))


def _output(argument: Argument) -> str:
    default = argument.default if isinstance(argument.default, str) else ""
    name = default.replace("{", "").replace("}", "").rstrip("/").rpartition("/")[2] or _safe(argument.name)
    return f"{{tmp}}/{name}"


def _safe(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter == "_") else "_" for letter in name)


def _todos(program: Program, arguments: list[Argument], texts: Mapping[str, str | None]) -> Iterator[str]:
    unknown = [one.shown for one in arguments if (texts[key_of(one)] or "").startswith("{TODO_")]
    if unknown:
        yield f"{', '.join(unknown)}: no default was found; write a value in place of each {{TODO_...}}"
    if program.has_subcommands and not program.subcommand:
        yield f"the script has commands of its own: write the one that trains in place of {_SUBCOMMAND}"
