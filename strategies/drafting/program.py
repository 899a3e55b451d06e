"""What is known of a training program before anything is run: its arguments, and where its metric may be found."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..hyperparameter import Kind
from ..records import Value


@dataclass(frozen=True, slots=True)
class Argument:
    """One value that a program takes, on its command line or in its configuration file.

    `words` write it on the command line, "{}" for the value; `switch` has the texts for true and false of a flag that
    takes no value ("" for nothing), `truths` those of a flag that takes one. `kind` None: a text. `place`: its dotted
    place in a configuration file, where it stands in one. `is_variable`: it is read from the environment. `hint`: what
    its help says.
    """

    name: str
    words: tuple[str, ...] = ()
    kind: Kind | None = None
    default: Value | None = None
    choices: tuple[Value, ...] = ()
    switch: tuple[str, str] | None = None
    truths: tuple[str, str] | None = None
    is_required: bool = False
    place: str = ""
    is_variable: bool = False
    hint: str = ""

    @property
    def number(self) -> float | None:
        """The current value where it is a number, or not known (None); None for other values, too."""
        return None if isinstance(self.default, bool | str | tuple) else self.default

    @property
    def is_positional(self) -> bool:
        """Whether the program knows it by its place alone."""
        return self.words == ("{}",)

    @property
    def shown(self) -> str:
        """How a person calls it."""
        flag = self.words[0].removesuffix("{}").rstrip("=") if self.words else ""
        return self.place or flag or self.name

    @property
    def shown_with_value(self) -> str:
        """The same with its current value where that is a number: a text may be a secret."""
        is_number = self.kind in (Kind.INT, Kind.FLOAT) and self.default is not None
        return f"{self.shown} ({self.default})" if is_number else self.shown


@dataclass(frozen=True, slots=True)
class MetricSight:
    """A place where a program seems to tell a metric: `how` is "report" (a report line), "print" (found by `pattern`,
    or with the epoch by `curve`, where that is printed), "file" (`key` of a JSON file, or `column` of a
    table) or "log" (a tracker, which retuned does not read). `context`: the words before it ("Test set: Average").
    `file`: what the source says of the file's path, the whole, or its name where `is_below` something else. `module`:
    the file's name, where the program imports the source."""

    name: str
    line: int
    how: str
    pattern: str = ""
    curve: str = ""
    key: str = ""
    column: str = ""
    context: str = ""
    file: str = ""
    is_below: bool = False
    module: str = ""

    @property
    def place(self) -> str:
        """Where in the source, as a person says it."""
        return f"line {self.line} of {self.module}" if self.module else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What stands around an argument in a source: all names in small letters, and by an argument's plain name what it
    is handed to."""

    words: frozenset[str] = frozenset()
    handed_to: Mapping[str, frozenset[str]] = field(default_factory=dict)


NOWHERE = Surrounding()


@dataclass(frozen=True, slots=True)
class Program:
    """All that a program's source or help says. `parser` names what reads its command line ("" for nothing), `config`
    is the (folder, name) that Hydra reads, `constants` are values that nothing outside can set, `around` helps to tell
    what ambiguous names mean. `subcommand`: the one of its commands that trains, where that is sure. `unknown_prints`:
    numbers that are printed under names that no table of metrics has."""

    arguments: tuple[Argument, ...] = ()
    metrics: tuple[MetricSight, ...] = ()
    constants: tuple[Argument, ...] = ()
    parser: str = ""
    config: tuple[str, str] | None = None
    reads_a_file: bool = False
    has_subcommands: bool = False
    subcommand: str = ""
    around: Surrounding = NOWHERE
    unknown_prints: tuple[MetricSight, ...] = ()

    @property
    def has_open_arguments(self) -> bool:
        """Whether its help may name more arguments than its source."""
        return self.parser not in ("", "argv", "hydra")


def plain(name: str) -> str:
    """A name to compare by: lower case, words joined by underscores, without leading dashes."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def kind_of(value: object) -> Kind | None:
    """The kind of a value; None for a text or none."""
    if isinstance(value, bool):
        return Kind.BOOL
    if isinstance(value, int):
        return Kind.INT
    return Kind.FLOAT if isinstance(value, float) else None
