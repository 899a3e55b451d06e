"""The range that a first draft gives to an argument, from the table of known names and its current value."""

import math
import re
from dataclasses import dataclass, replace

from ..hyperparameter import Kind
from ..records import Value
from ..values import LARGEST_INT
from .known_names import CHOICES, SWITCHES, WELL_KNOWN, Known
from .meanings import BOOSTERS, has_several_meanings, meant_by
from .program import NOWHERE, Argument, Surrounding, plain

_USUAL_OF_BOOSTERS = {
    "learning rate": (0.01, 0.3),
    "leaves of a tree": (8, 128),
    "least rows of a leaf": (5, 100),
    "L2 regularisation": (0.01, 10.0),
}
"""By noun; a range that is drawn around an unusual value of today holds what is usual, too."""
_SHORTEST = 2  # letters of a name that says nothing


@dataclass(frozen=True, slots=True)
class Range:
    """The values to search, and in words where they come from. `rank` orders those of several hyperparameters."""

    kind: Kind
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()
    why: str = ""
    rank: int = 5


def known_range(argument: Argument, around: Surrounding = NOWHERE) -> Range | None:
    """The range that a first draft gives to an argument; None for one whose name says nothing. `around`: what the
    source says of it."""
    name = plain(argument.name.rpartition(".")[2])
    if argument.choices and not _all_numbers(argument.choices):
        return _of_choices(argument, name)
    if argument.choices:
        kind = Kind.INT if all(type(choice) is int for choice in argument.choices) else Kind.FLOAT
        return Range(kind, choices=argument.choices, why="the choices that the script allows", rank=3)
    if argument.kind is Kind.BOOL:
        return Range(Kind.BOOL, why="a switch", rank=6) if SWITCHES.fullmatch(name) else None
    if isinstance(argument.default, str | tuple):
        return None
    meant = meant_by(argument, around)
    if meant is not None:
        found = range_of(meant[0], argument)
        return replace(found, why=f"{found.why}; {meant[1]}")
    known = _known_by(name) or (_known_by_hint(argument) if len(name) <= _SHORTEST else None)
    if known is None or _is_computed(known, argument):
        return None
    usual = _USUAL_OF_BOOSTERS.get(known.noun) if BOOSTERS.search(" ".join(sorted(around.words))) else None
    found = range_of(replace(known, most=1.0) if usual and known.noun == "learning rate" else known, argument)
    if usual is not None and found.low is not None and found.high is not None:
        low, high = min(found.low, usual[0]), max(found.high, usual[1])
        found = replace(found, low=low, high=high, why=f"{found.why}, and what boosters usually take")
    return found if not has_several_meanings(argument) else _unsure(argument, known, found)


def _known_by(name: str) -> Known | None:
    return next((known for known in WELL_KNOWN if re.fullmatch(known.names, name)), None)


def _known_by_hint(argument: Argument) -> Known | None:
    """What the first words of an option's help name: "batch size for the loader" of -b."""
    words = plain(argument.hint[:100]).split("_")
    return next((known for count in (3, 2, 1) if (known := _known_by("_".join(words[:count])))), None)


def _is_computed(known: Known, argument: Argument) -> bool:
    """Whether a size is zero: the program then computes it, or does without."""
    value = argument.number
    return known.log and known.kind is Kind.INT and value is not None and value <= 0


def _unsure(argument: Argument, known: Known, found: Range) -> Range:
    """The range of a name with several meanings of which nothing says which is meant."""
    value, doubt = argument.number, f"{plain(argument.name)} means several things, and nothing says which"
    near = around_value(argument)
    if value is None or known.low <= value <= known.high or near is None:
        return replace(found, why=f"{found.why}, if it is that: {doubt}")
    return replace(near, why=f"{doubt}: a tenth to ten times the current value", rank=known.rank)


def range_of(known: Known, argument: Argument) -> Range:
    """A well-known range, moved to where the current value is."""
    value = argument.number
    kind = argument.kind if argument.kind in (Kind.INT, Kind.FLOAT) else known.kind
    if kind is Kind.INT and known.kind is Kind.FLOAT:
        kind = Kind.FLOAT  # --lr with the default 1
    if kind is Kind.FLOAT and known.kind is Kind.INT and argument.kind is not Kind.FLOAT:
        kind = Kind.INT
    low, high, log, why = known.low, known.high, known.log, f"{known.noun}: its usual range"
    if value is not None and known.factor and value > 0:
        low, high, log = value / known.factor, value * known.factor, True
        why = f"{known.noun}: {known.factor:g} times as small and as large as now"
    elif value is not None and known.log and value <= 0:
        low, log, why = (
            min(0.0, value),
            False,
            f"{known.noun}: its usual range; linear, because the value is {value:g} now",
        )
    if value is not None and not low <= value <= high:
        low, high = _widened(low, high, value)
        why += ", widened to hold the value"
    most = max(known.most, value or 0.0)
    if high > most:
        high, why = most, f"{known.noun}: {known.factor:g} times as small as now, and up to {most:g}"
    low, high = _rounded(low, high, kind, log)
    return Range(kind, low, high, log, why=why, rank=known.rank)


def _widened(low: float, high: float, value: float) -> tuple[float, float]:
    """The range with room beyond the value; a share stays below 1."""
    if value < low:
        return (value / 2 if value > 0 else value), high
    return low, ((1 + value) / 2 if high <= 1 and value < 1 else value if value <= 1 else 2 * value)


def around_value(argument: Argument) -> Range | None:
    """A range around the value of a number whose name says nothing; None without one."""
    value = argument.number
    if value is None or value <= 0 or argument.kind not in (Kind.INT, Kind.FLOAT):
        return None
    low, high = _rounded(value / 10, value * 10, argument.kind, True)
    return Range(argument.kind, low, high, True, why="a tenth to ten times the current value, for want of more", rank=7)


def fixed(kind: Kind) -> Range:
    """No range: the value stays as it is."""
    return Range(kind)


def _of_choices(argument: Argument, name: str) -> Range | None:
    if not CHOICES.fullmatch(name) or len(argument.choices) < 2:
        return None
    return Range(Kind.CATEGORICAL, choices=argument.choices, why="the choices that the script allows", rank=4)


def _all_numbers(values: tuple[Value, ...]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _rounded(low: float, high: float, kind: Kind, log: bool) -> tuple[float, float]:
    """Bounds that a person would write; whole numbers for an int, above zero where the range is logarithmic."""
    if kind is Kind.INT:
        low = max(1 if log else -LARGEST_INT, min(math.floor(low), LARGEST_INT - 1))
        high = min(math.ceil(high), LARGEST_INT)
    else:
        low, near = float(f"{low:.2g}"), float(f"{high:.2g}")
        high = high if high < 1 <= near else near  # a beta or discount of 1 is none
    if log and low <= 0:
        low = 1e-12
    return (low, high) if low < high else (low, low + 1)
