"""The search space: which configurations are allowed, their places in the unit cube, and their neighbours."""

import hashlib
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .errors import InputError
from .hyperparameter import Hyperparameter, Kind, same
from .records import Configuration, Value

__all__ = ["Hyperparameter", "Kind", "Space", "configuration_key", "derive_seed"]

MOVED_AT_ONCE = 1.0  # coordinates that a neighbour changes on average, at least one


@dataclass(frozen=True, slots=True)
class Space:
    """Hyperparameters in order of declaration; a condition looks back only. Built and checked by `Space.of`."""

    hyperparameters: tuple[Hyperparameter, ...]

    @classmethod
    def of(cls, hyperparameters: Iterable[Hyperparameter]) -> "Space":
        """The space of these hyperparameters. Raises InputError naming the first that cannot be searched."""
        declared = tuple(hyperparameters)
        parents: dict[str, Hyperparameter] = {}
        later = {one.name: one for one in declared}
        for one in declared:
            if one.name in parents:
                raise InputError(f"hyperparameter {one.name!r} is declared twice", "a name stands once", "rename one")
            _check_values(one)
            _check_condition(one, parents, later)
            parents[one.name] = one
        return cls(declared)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        return tuple(one.name for one in self.hyperparameters)

    @property
    def movable(self) -> tuple[Hyperparameter, ...]:
        """Those a search may move, in order."""
        return tuple(one for one in self.hyperparameters if not one.is_fixed)

    def active(self, configuration: Configuration) -> tuple[str, ...]:
        """The names that exist in this configuration, conditions on conditions included."""
        names: list[str] = []
        for one in self.hyperparameters:
            if _is_active(one, configuration, names):
                names.append(one.name)
        return tuple(names)

    def validate(self, configuration: Mapping[str, object], strict: bool = True) -> Configuration:
        """The configuration in canonical types and order, inactive names dropped.

        With `strict` False (the incumbent's stored values) a value outside its bounds or choices is kept.
        Raises InputError for an unknown name, a missing active one, a wrong type, or a value not allowed.
        """
        unknown = next((name for name in configuration if name not in self.names), None)
        if unknown is not None:
            raise InputError(f"unknown hyperparameter {unknown!r}", "the space has " + ", ".join(self.names))
        valid: dict[str, Value] = {}
        active: list[str] = []
        for one in self.hyperparameters:
            if not _is_active(one, valid, active):
                continue
            if one.name not in configuration:
                raise InputError(f"hyperparameter {one.name!r} has no value", f"it allows {one.allowed}", "give it one")
            reason = one.explain(configuration[one.name]) if strict else None
            if reason is not None:
                raise InputError(reason)
            valid[one.name] = one.canonical(configuration[one.name])
            active.append(one.name)
        return valid

    def outside(self, configuration: Configuration) -> tuple[str, ...]:
        """One sentence for each value outside its bounds or choices: what to say about an incumbent."""
        active = set(self.active(configuration))
        present = [one for one in self.hyperparameters if one.name in active and one.name in configuration]
        reasons = (one.explain(configuration[one.name]) for one in present)
        return tuple(reason for reason in reasons if reason is not None)

    def to_unit(self, configuration: Configuration) -> tuple[float, ...]:
        """The configuration's place in the unit cube, one coordinate a hyperparameter; 0.5 where it is inactive."""
        active = set(self.active(configuration))
        return tuple(
            one.to_unit(configuration[one.name]) if one.name in active else 0.5 for one in self.hyperparameters
        )

    def from_unit(self, point: Sequence[float], base: Configuration | None = None) -> Configuration:
        """The configuration at a place in the unit cube; `base` gives the values of fixed hyperparameters."""
        built: dict[str, Value] = {}
        active: list[str] = []
        for one, place in zip(self.hyperparameters, point, strict=True):
            if _is_active(one, built, active):
                built[one.name] = _fixed_value(one, base or {}) if one.is_fixed else one.from_unit(place)
                active.append(one.name)
        return built

    def neighbour(self, configuration: Configuration, generator: random.Random, scale: float) -> Configuration:
        """Another allowed configuration near this one, mostly one or two coordinates away; itself where all are fixed.

        `scale` is the standard deviation of a step, as a share of the range. A hyperparameter that a
        move brings to life starts anywhere in its range.
        """
        active = set(self.active(configuration))
        candidates = [one for one in self.movable if one.name in active]
        if not candidates:
            return configuration
        share = min(1.0, MOVED_AT_ONCE / len(candidates))
        chosen = {one.name for one in candidates if generator.random() < share}
        chosen = chosen or {generator.choice(candidates).name}
        built: dict[str, Value] = {}
        alive: list[str] = []
        for one in self.hyperparameters:
            if not _is_active(one, built, alive):
                continue
            alive.append(one.name)
            if one.is_fixed:
                built[one.name] = _fixed_value(one, configuration)
            elif one.name not in active:
                built[one.name] = one.from_unit(generator.random())
            else:
                value = configuration[one.name]
                built[one.name] = one.moved(value, generator, scale) if one.name in chosen else one.nearest(value)
        return built

    def enumerate(self, base: Configuration, limit: int) -> tuple[Configuration, ...] | None:
        """Every configuration in order of declaration; None where there are more than `limit`, or a range of floats."""
        found: list[dict[str, Value]] = [{}]
        for one in self.hyperparameters:
            grown: list[dict[str, Value]] = []
            for built in found:
                if not _is_active(one, built, list(built)):
                    grown.append(built)
                    continue
                values = _values(one, base, limit)
                if values is None or len(grown) + len(values) > limit:
                    return None
                grown.extend({**built, one.name: value} for value in values)
            found = grown
        return tuple(found)


def configuration_key(configuration: Configuration) -> str:
    """A short stable text, the same for configurations that differ in order or beyond 12 digits only."""
    canonical = json.dumps({name: _printed(value) for name, value in configuration.items()}, sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=12).hexdigest()


def derive_seed(seed: int, *names: str | int) -> int:
    """The seed in [0, 2**31) of the thing so named under a parent seed; stable across versions and machines."""
    text = json.dumps([seed, *names])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1


def _is_active(one: Hyperparameter, configuration: Configuration, active: Sequence[str]) -> bool:
    if one.when is None:
        return True
    parent, values = one.when
    return parent in active and any(same(configuration.get(parent), value) for value in values)


def _fixed_value(one: Hyperparameter, base: Configuration) -> Value:
    value = base.get(one.name, one.stored)
    if value is None and one.options:
        value = one.options[0]
    if value is None:
        raise InputError(f"hyperparameter {one.name!r} is fixed and has no value", "", "give it a stored value")
    return value


def _values(one: Hyperparameter, base: Configuration, limit: int) -> tuple[Value, ...] | None:
    if one.is_fixed:
        return (_fixed_value(one, base),)
    if one.low is None or one.high is None:
        return one.options
    if one.kind is not Kind.INT or one.high - one.low >= limit:
        return None
    return tuple(range(int(one.low), int(one.high) + 1))


def _printed(value: Value) -> object:
    if isinstance(value, tuple):
        return [[f"{step:.12g}", f"{level:.12g}"] for step, level in value]
    return f"{value + 0.0:.12g}" if isinstance(value, float) else value


def _check_values(one: Hyperparameter) -> None:
    """Raise InputError where the range or the choices cannot be searched."""
    named = f"hyperparameter {one.name!r}"
    if (one.low is None) != (one.high is None):
        raise InputError(f"{named} has only one of low and high", "a range has both", "give both or neither")
    if one.low is not None and one.high is not None:
        _check_range(one, named, one.low, one.high)
    elif one.log:
        raise InputError(f"{named} has log but no range", "log needs low and high", "give both or leave log out")
    if one.kind is Kind.SCHEDULE and one.choices:
        raise InputError(f"{named} is a schedule with choices", "a schedule has low and high", "use categorical")
    untold = replace(one, choices=())  # so that a choice of the wrong type is told the type, not the choices
    for index, choice in enumerate(one.choices):
        untold.canonical(choice)
        if any(same(choice, earlier) for earlier in one.choices[:index]):
            raise InputError(f"{named} has the choice {choice!r} twice", "each choice stands once", "remove one")
    if one.stored is not None:
        one.canonical(one.stored)
    if one.is_fixed and one.when is not None and one.stored is None and not one.options:
        raise InputError(f"{named} is conditional and fixed, without a value", "", "give it a range, choices or stored")


def _check_range(one: Hyperparameter, named: str, low: float, high: float) -> None:
    if one.choices or one.kind in (Kind.CATEGORICAL, Kind.BOOL):
        raise InputError(f"{named} has a range from {low:g} to {high:g}", "", "give either a range or choices")
    if not (math.isfinite(low) and math.isfinite(high) and math.isfinite(high - low)):
        raise InputError(f"{named} has a range from {low:g} to {high:g}", "bounds are finite numbers")
    if low >= high:
        raise InputError(
            f"{named} has low = {low:g} and high = {high:g}", "low lies below high", "leave both out to fix the value"
        )
    if one.log and low <= 0:
        raise InputError(f"{named} has log = true and low = {low:g}", "a log range lies above 0", "raise low")
    if one.kind is Kind.INT and (low != int(low) or high != int(high) or max(abs(low), abs(high)) > 2**52):
        raise InputError(f"{named} is an int from {low:g} to {high:g}", "its bounds are whole numbers below 2**52")


def _check_condition(
    one: Hyperparameter, parents: Mapping[str, Hyperparameter], declared: Mapping[str, Hyperparameter]
) -> None:
    """Raise InputError where the condition can never be decided."""
    if one.when is None:
        return
    name, values = one.when
    named = f"hyperparameter {one.name!r}"
    if name not in declared:
        raise InputError(f"{named} depends on {name!r}, which is unknown", "the space has " + ", ".join(declared))
    if name not in parents:
        if _leads_back(one.name, declared):
            raise InputError(f"{named} depends on itself by way of {name!r}", "", "remove one of the conditions")
        raise InputError(f"{named} depends on {name!r}, declared later", "a condition looks back", f"move {name!r} up")
    parent = parents[name]
    if parent.kind is Kind.SCHEDULE or (parent.kind is Kind.FLOAT and parent.low is not None):
        raise InputError(f"{named} depends on {name!r}, which is a {parent.kind} range", "a condition needs choices")
    if not values:
        raise InputError(f"{named} depends on no value of {name!r}", f"it allows {parent.allowed}", "name at least one")
    reason = next((text for text in map(parent.explain, values) if text is not None), None)
    if reason is not None:
        raise InputError(f"{named} can never be active: {reason}")


def _leads_back(name: str, declared: Mapping[str, Hyperparameter]) -> bool:
    seen: set[str] = set()
    here = name
    while here in declared and here not in seen:
        seen.add(here)
        when = declared[here].when
        if when is None:
            return False
        here = when[0]
    return here in declared
