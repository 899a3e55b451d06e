"""What another tool knows of a model, as hyperparameters of a draft: values alone, and the parameters of a sweep."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..hyperparameter import Kind
from ..records import Value
from .constants import usable
from .draft import DraftedHyperparameter
from .drafted_hyperparameters import name_of
from .program import Argument, Surrounding, kind_of, plain
from .roles import Role, roles_of
from .well_known import Range, around_value, fixed, known_range

_MOST = 8
_LOGARITHMIC = frozenset({"log_uniform_values", "q_log_uniform_values", "inv_log_uniform_values"})
_EXPONENTS = frozenset({"log_uniform", "q_log_uniform", "inv_log_uniform"})


def from_values(values: Iterable[Argument], source: str) -> tuple[DraftedHyperparameter, ...]:
    """The hyperparameters among values by name: the best known ones, or where none is known the numbers."""
    listed = tuple(values)
    roles = roles_of(listed)
    known = [one for one in listed if roles[one.place or one.name] is Role.SEARCHED]
    around = Surrounding(words=frozenset(plain(one.name) for one in listed))
    ranged = [(one, found) for one in known if (found := known_range(one, around)) is not None]
    if not ranged:
        others = [one for one in listed if roles[one.place or one.name] is Role.OTHER]
        ranged = [(one, found) for one in others if (found := around_value(one)) is not None]
    ranged = sorted(ranged, key=lambda pair: pair[1].rank)[:_MOST]
    names: set[str] = set()
    made = []
    for argument, its_range in ranged:
        name = name_of(argument, names)
        names.add(name)
        value = argument.default
        value = float(value) if its_range.kind is Kind.FLOAT and isinstance(value, int) else value
        made.append(DraftedHyperparameter(name, its_range, value, source))
    return tuple(made)


def from_sweep(parameters: Mapping[Any, Any], source: str, prefix: str = "") -> tuple[DraftedHyperparameter, ...]:
    """The parameters of a W&B sweep; their current values are not in it. What has no finite range is left out."""
    found: list[DraftedHyperparameter] = []
    for name, table in parameters.items():
        if not isinstance(name, str) or not isinstance(table, Mapping):
            continue
        if isinstance(table.get("parameters"), Mapping) and len(prefix) < 200:
            found += from_sweep(table["parameters"], source, f"{prefix}{name}.")
            continue
        one = _of_sweep(name_of(Argument(f"{prefix}{name}"), {other.name for other in found}), table, source)
        found += [one] if one is not None else []
    return tuple(found)


def _of_sweep(name: str, table: Mapping[Any, Any], source: str) -> DraftedHyperparameter | None:
    if "values" in table:
        values = table["values"] if isinstance(table["values"], list) else []
        choices = tuple(value for value in map(usable, values) if value is not None)
        return with_choices(name, choices, None, source)
    if "value" in table:
        value = usable(table["value"])
        kind = kind_of(value) or Kind.CATEGORICAL
        return None if value is None else DraftedHyperparameter(name, fixed(kind), value, source)
    bounds = _bounds(table)
    if bounds is None:
        return None
    low, high, log = bounds
    are_whole = all(type(table.get(key)) is int for key in ("min", "max"))
    is_int = are_whole and str(table.get("distribution", "int_uniform")) in ("int_uniform", "q_uniform")
    step = usable(table.get("q")) if str(table.get("distribution")) == "q_uniform" else None
    if not isinstance(step, int | float) or step <= 0:
        step = None
    kind = Kind.INT if is_int else Kind.FLOAT
    return DraftedHyperparameter(name, Range(kind, low, high, log, why=source), None, step=step if step != 1 else None)


def with_choices(
    name: str, choices: tuple[Value, ...], value: Value | None, source: str
) -> DraftedHyperparameter | None:
    """A hyperparameter with a list of values; None for an empty list."""
    if not choices:
        return None
    if all(isinstance(choice, bool) for choice in choices) and len(set(choices)) == 2:
        return DraftedHyperparameter(name, Range(Kind.BOOL, why=source), value, source)
    are_numbers = all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in choices)
    kind = Kind.CATEGORICAL
    if are_numbers:
        kind = Kind.INT if all(isinstance(choice, int) for choice in choices) else Kind.FLOAT
        choices = tuple(dict.fromkeys(choices)) if kind is Kind.INT else _as_floats(choices)
    distinct = tuple(choice for index, choice in enumerate(choices) if not _is_in(choice, choices[:index]))
    return DraftedHyperparameter(name, Range(kind, choices=distinct, why=source), value, source)


def _as_floats(choices: tuple[Value, ...]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(float(choice) for choice in choices if isinstance(choice, int | float)))


def _is_in(choice: Value, others: tuple[Value, ...]) -> bool:
    return any(type(choice) is type(other) and choice == other for other in others)


def _bounds(table: Mapping[Any, Any]) -> tuple[float, float, bool] | None:
    """Low, high and whether the range is logarithmic; None where there is no finite range."""
    kind = str(table.get("distribution", "uniform"))
    numbers = [usable(table.get(key)) for key in ("min", "max", "mu", "sigma")]
    low, high, mean, spread = (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None for value in numbers
    )
    if kind.endswith("normal"):
        if mean is None or spread is None:
            return None
        low, high = mean - 2 * spread, mean + 2 * spread
    if low is None or high is None or not low < high:
        return None
    if (kind in _EXPONENTS or kind.endswith("log_normal")) and high < 300:
        return math.exp(low), math.exp(high), True
    return low, high, kind in _LOGARITHMIC and low > 0
