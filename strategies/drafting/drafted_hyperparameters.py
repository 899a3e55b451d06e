"""Which arguments of a program are hyperparameters to search, and between which values."""

import re
from collections.abc import Mapping
from dataclasses import replace

from ..errors import InputError
from ..hyperparameter import Hyperparameter, Kind
from .draft import DraftedHyperparameter, Given
from .program import Argument, Program, plain
from .roles import Role, role_of
from .well_known import Range, around_value, fixed, known_range

MOST = 5
"""Hyperparameters that a draft searches: with more, a re-evaluation misses more."""
_MOST_UNKNOWN = 3
_GIVEN_BY_RETUNED = frozenset({Role.SEED, Role.SPLIT_SEED, Role.TRAIN, Role.EVAL, Role.DATA, Role.CONFIG, Role.OUTPUT})
_RESERVED = frozenset({"seed", "split_seed", "data", "train", "eval", "tmp", "config"})


def chosen(
    program: Program, arguments: tuple[Argument, ...], roles: Mapping[str, Role], given: Given | None
) -> tuple[DraftedHyperparameter, ...]:
    """The hyperparameters: those that another tool knows, else the best known of the program's arguments, else its
    constants, which nothing can set yet."""
    if given is not None and given.hyperparameters:
        own = [one for one in given.hyperparameters if _role(one, arguments, roles) not in _GIVEN_BY_RETUNED]
        return tuple(_with_a_fitting_value(_with_value(one, arguments)) for one in own)
    searched = [one for one in arguments if roles[key_of(one)] is Role.SEARCHED]
    ranged = [
        (one, known) for one in searched if (known := known_range(one, program.around)) and _has_a_value(one, known)
    ]
    if not ranged:
        others = [one for one in arguments if roles[key_of(one)] is Role.OTHER]
        ranged = [(one, near) for one in others if (near := around_value(one))][:_MOST_UNKNOWN]
    if not ranged and all(one.is_variable for one in arguments):
        ranged = [(one, known) for one in program.constants
                  if (known := known_range(one, program.around)) and _is_sure(one, known)]  # fmt: skip
    ranged.sort(key=lambda pair: pair[1].rank)
    kept = {key_of(one) for one, _ in ranged[:MOST]} | {key_of(one) for one, _ in ranged if one.is_required}
    names: set[str] = set()
    found = []
    for argument in (*arguments, *program.constants):
        known = next((known for one, known in ranged if one is argument), None)
        if known is not None and key_of(argument) in kept:
            name = name_of(argument, names)
            names.add(name)
            found.append(_with_a_fitting_value(_drafted(argument, name, known)))
    return tuple(found)


def known_too(
    program: Program, arguments: tuple[Argument, ...], roles: Mapping[str, Role],
    hyperparameters: tuple[DraftedHyperparameter, ...],
) -> tuple[str, ...]:  # fmt: skip
    """The well-known arguments that are not searched, because others go before them; with their values."""
    taken = {one.key for one in hyperparameters}
    return tuple(
        one.shown_with_value
        for one in arguments
        if roles[key_of(one)] is Role.SEARCHED and key_of(one) not in taken and one.number is not None
        and one.default is not None and known_range(one, program.around) is not None
    )  # fmt: skip


def _role(one: DraftedHyperparameter, arguments: tuple[Argument, ...], roles: Mapping[str, Role]) -> Role:
    """What the argument of a hyperparameter's name is for, in the program, or where it has none by the name alone."""
    argument = matching(arguments, one.place or one.name.rstrip("_"))
    return role_of(Argument(one.name.rstrip("_"))) if argument is None else roles[key_of(argument)]


def key_of(argument: Argument) -> str:
    """What tells an argument from others."""
    return argument.place or argument.name


def name_of(argument: Argument, taken: set[str]) -> str:
    """The name of the hyperparameter: the argument's, as far as a model file allows it."""
    last = argument.name.rpartition(".")[2]
    whole = argument.name if last in taken else last
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", whole)[:60].lstrip("0123456789.-") or "value"
    while name in taken or name in _RESERVED:
        name += "_"
    return name


def matching(arguments: tuple[Argument, ...], name: str) -> Argument | None:
    """The argument that a hyperparameter of another tool is: the same name, or the same last part of it."""
    by_name = {plain(key_of(one)): one for one in arguments} | {plain(one.name): one for one in arguments}
    last = {plain(one.name.rpartition(".")[2]): one for one in arguments}
    return by_name.get(plain(name)) or last.get(plain(name.rpartition(".")[2]))


def declared(one: DraftedHyperparameter, places: Mapping[str, str]) -> DraftedHyperparameter:
    """The hyperparameter with its place in the configuration file, where it is written there."""
    if one.name not in places:
        return one
    return replace(one, place=places[one.name])


def known_value(name: str, value: object, why: str) -> DraftedHyperparameter | None:
    """A hyperparameter of which only a value is known; None for a value that is no setting of a training."""
    if not isinstance(value, bool | int | float | str):
        return None
    kind = Kind.BOOL if isinstance(value, bool) else Kind.INT if isinstance(value, int) else Kind.FLOAT
    if isinstance(value, str):
        kind = Kind.CATEGORICAL
    argument = Argument(name, kind=None if isinstance(value, str) else kind, default=value)
    found = known_range(argument) or (None if isinstance(value, str) else around_value(argument))
    return DraftedHyperparameter(name, found or fixed(kind), value, why)


def _with_a_fitting_value(one: DraftedHyperparameter) -> DraftedHyperparameter:
    """The hyperparameter; a value of another kind, as of an int whose default is False, is left to a person."""
    if one.value is None:
        return one
    found = one.range
    try:
        Hyperparameter(one.name, found.kind, found.low, found.high, found.log, found.choices).canonical(one.value)
    except InputError:
        return replace(one, value=None)
    return one


def _with_value(one: DraftedHyperparameter, arguments: tuple[Argument, ...]) -> DraftedHyperparameter:
    """The hyperparameter; one without a value has that of the program's argument of its name."""
    argument = matching(arguments, one.name)
    if one.value is not None or argument is None or argument.default is None:
        return one
    own = _drafted(argument, one.name, one.range)
    is_text = isinstance(own.value, str)
    is_fitting = is_text is (one.range.kind is Kind.CATEGORICAL) or one.range.choices
    return replace(one, value=own.value, why_value=own.why_value) if is_fitting else one


def _drafted(argument: Argument, name: str, known: Range) -> DraftedHyperparameter:
    value = argument.default
    if value is None or (isinstance(value, str) and known.kind is not Kind.CATEGORICAL):
        return DraftedHyperparameter(name, known, None, key=key_of(argument))
    if known.kind is Kind.FLOAT and type(value) is int:
        value = float(value)
    where = f"the default of {argument.shown}" if argument.words else f"{argument.name} in the script"
    where = f"{argument.place} in the configuration file" if argument.place else where
    return DraftedHyperparameter(name, known, value, where, key=key_of(argument))


def _has_a_value(argument: Argument, known: Range) -> bool:
    """Whether it has a current value, or is one of those that a person would rather write down than leave out."""
    return argument.default is not None or argument.is_required or known.rank < 2


def _is_sure(argument: Argument, known: Range) -> bool:
    """Whether a constant in a program is likely to be a hyperparameter: one-letter names are not."""
    return len(argument.name) > 1 and argument.kind in (Kind.INT, Kind.FLOAT) and known.rank <= 4
