"""Whether a declared hyperparameter can be searched: its range or choices, and its condition."""

import math
from collections.abc import Mapping
from dataclasses import replace

from .errors import InputError
from .grid import check_step
from .hyperparameter import Hyperparameter, Kind, same
from .values import LARGEST_INT


def check_values(parameter: Hyperparameter) -> None:
    """Raise InputError where the range or the choices cannot be searched."""
    named = f"hyperparameter {parameter.name!r}"
    if (parameter.low is None) != (parameter.high is None):
        raise InputError(f"{named} has only one of low and high", "a range has both", "give both or neither")
    if parameter.low is not None and parameter.high is not None:
        _check_range(parameter, named, parameter.low, parameter.high)
    elif parameter.log or parameter.step is not None:
        word = "log" if parameter.log else "step"
        raise InputError(f"{named} has {word} but no range", f"{word} needs low and high", f"give both, or no {word}")
    if parameter.kind is Kind.SCHEDULE and parameter.choices:
        raise InputError(f"{named} is a schedule with choices", "a schedule has low and high", "use categorical")
    unrestricted = replace(
        parameter, choices=()
    )  # so that the message for a wrong type names the type, not the choices
    for index, choice in enumerate(parameter.choices):
        unrestricted.canonical(choice)
        if any(same(choice, earlier) for earlier in parameter.choices[:index]):
            raise InputError(f"{named} has the choice {choice!r} twice", "choices are unique", "remove one")
    if parameter.stored is not None:
        parameter.canonical(parameter.stored)
    if parameter.is_fixed and parameter.when is not None and parameter.stored is None and not parameter.options:
        raise InputError(f"{named} is conditional and fixed, without a value", "", "give it a range, choices or stored")


def _check_range(parameter: Hyperparameter, named: str, low: float, high: float) -> None:
    if parameter.choices or parameter.kind in (Kind.CATEGORICAL, Kind.BOOL):
        raise InputError(f"{named} has a range from {low:g} to {high:g}", "", "give either a range or choices")
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
        raise InputError(f"{named} has a range from {low:g} to {high:g}", "bounds are finite numbers")
    if low >= high:
        raise InputError(
            f"{named} has low = {low:g} and high = {high:g}", "low must be below high", "to fix the value, give neither"
        )
    if parameter.log and low <= 0:
        raise InputError(f"{named} has log = true and low = {low:g}", "a log range must be above 0", "raise low")
    if parameter.kind is Kind.INT and (low != int(low) or high != int(high) or max(abs(low), abs(high)) > LARGEST_INT):
        raise InputError(
            f"{named} is an int from {low:g} to {high:g}", "bounds of an int are whole numbers below 2**52"
        )
    if parameter.step is not None and parameter.kind is Kind.SCHEDULE:
        raise InputError(f"{named} is a schedule with a step", "steps are for floats and ints", "leave step out")
    if parameter.step is not None:
        check_step(named, low, high, parameter.step, parameter.kind is Kind.INT, parameter.log)


def check_condition(
    parameter: Hyperparameter, parents: Mapping[str, Hyperparameter], declared: Mapping[str, Hyperparameter]
) -> None:
    """Raise InputError where the condition can never be decided."""
    if parameter.when is None:
        return
    name, values = parameter.when
    named = f"hyperparameter {parameter.name!r}"
    if name not in declared:
        raise InputError(f"{named} depends on {name!r}, which is unknown", "declared: " + ", ".join(declared))
    if name not in parents:
        if _leads_back(parameter.name, declared):
            raise InputError(f"{named} depends on itself through {name!r}", "", "remove one of the conditions")
        raise InputError(
            f"{named} depends on {name!r}, declared later", "conditions refer to earlier ones", f"move {name!r} up"
        )
    parent = parents[name]
    if parent.kind is Kind.SCHEDULE or (parent.kind is Kind.FLOAT and parent.low is not None):
        raise InputError(f"{named} depends on {name!r}, which is a {parent.kind} range", "a condition needs choices")
    if not values:
        raise InputError(f"{named} depends on no value of {name!r}", f"allowed: {parent.allowed}", "name at least one")
    reason = next((text for text in map(parent.explain, values) if text is not None), None)
    if reason is not None:
        raise InputError(f"{named} can never be active: {reason}")


def _leads_back(name: str, declared: Mapping[str, Hyperparameter]) -> bool:
    """Whether the chain of conditions that starts at the name runs in a circle."""
    seen: set[str] = set()
    here = name
    while here in declared and here not in seen:
        seen.add(here)
        when = declared[here].when
        if when is None:
            return False
        here = when[0]
    return here in declared
