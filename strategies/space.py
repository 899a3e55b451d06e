"""The search space: which configurations are allowed, their places in the unit cube, and their neighbours."""

import contextlib
import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .errors import InputError
from .hyperparameter import Hyperparameter, Kind, same
from .records import Configuration, Value
from .space_checks import check_condition, check_values

__all__ = ["Hyperparameter", "Kind", "Space", "configuration_key", "derive_seed"]

_AT_THE_END = 0.03  # of a range in orders of magnitude
MOVED_AT_ONCE = 1.0  # coordinates that a neighbour changes on average; it always changes at least one


@dataclass(frozen=True, slots=True)
class Space:
    """Hyperparameters in order of declaration; conditions refer to earlier ones. Built and checked by `Space.of`."""

    hyperparameters: tuple[Hyperparameter, ...]

    @classmethod
    def of(cls, hyperparameters: Iterable[Hyperparameter]) -> "Space":
        """The space of these hyperparameters. Raises InputError naming the first that cannot be searched."""
        declared = tuple(hyperparameters)
        parents: dict[str, Hyperparameter] = {}
        later = {parameter.name: parameter for parameter in declared}
        for parameter in declared:
            if parameter.name in parents:
                raise InputError(
                    f"hyperparameter {parameter.name!r} is declared twice", "names are unique", "rename one"
                )
            check_values(parameter)
            check_condition(parameter, parents, later)
            parents[parameter.name] = parameter
        return cls(declared)

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        return tuple(parameter.name for parameter in self.hyperparameters)

    @property
    def movable(self) -> tuple[Hyperparameter, ...]:
        """The hyperparameters that a search may change, in order."""
        return tuple(parameter for parameter in self.hyperparameters if not parameter.is_fixed)

    def active(self, configuration: Configuration) -> tuple[str, ...]:
        """The names that exist in this configuration, nested conditions included."""
        names: list[str] = []
        for parameter in self.hyperparameters:
            if _is_active(parameter, configuration, names):
                names.append(parameter.name)
        return tuple(names)

    def validate(self, configuration: Mapping[str, object], strict: bool = True) -> Configuration:
        """The configuration in canonical types and order, inactive names dropped.

        With `strict` False (the incumbent's stored values) a value outside its bounds or choices is kept.
        Raises InputError for an unknown name, a missing active one, a wrong type, or a value not allowed.
        """
        unknown = next((name for name in configuration if name not in self.names), None)
        if unknown is not None:
            raise InputError(f"unknown hyperparameter {unknown!r}", "declared: " + ", ".join(self.names))
        valid: dict[str, Value] = {}
        active: list[str] = []
        for parameter in self.hyperparameters:
            if not _is_active(parameter, valid, active):
                continue
            if parameter.name not in configuration:
                raise InputError(
                    f"hyperparameter {parameter.name!r} has no value",
                    f"allowed: {parameter.allowed}",
                    "give it a value",
                )
            reason = parameter.explain(configuration[parameter.name]) if strict else None
            if reason is not None:
                raise InputError(reason)
            valid[parameter.name] = parameter.canonical(configuration[parameter.name])
            active.append(parameter.name)
        return valid

    def allowed(self, configurations: Iterable[Configuration]) -> tuple[Configuration, ...]:
        """Those of the configurations that the space allows, in canonical form and in their order."""
        valid: list[Configuration] = []
        for configuration in configurations:
            with contextlib.suppress(InputError):
                valid.append(self.validate(configuration))
        return tuple(valid)

    def outside(self, configuration: Configuration) -> tuple[str, ...]:
        """A sentence for each value outside its bounds or choices, to report about an incumbent."""
        active = set(self.active(configuration))
        present = [
            parameter
            for parameter in self.hyperparameters
            if parameter.name in active and parameter.name in configuration
        ]
        reasons = (parameter.explain(configuration[parameter.name]) for parameter in present)
        return tuple(reason for reason in reasons if reason is not None)

    def at_an_end(self, configuration: Configuration) -> str:
        """A sentence about values at an end of a range in orders of magnitude, which few quantities end at, while a
        linear range often ends where the quantity does; empty where there is none."""
        active, found = set(self.active(configuration)), []
        for parameter in self.movable:
            if parameter.name not in active or not parameter.log or parameter.low is None or parameter.high is None:
                continue
            place = parameter.to_unit(configuration[parameter.name])
            for end, bound in (("lower", parameter.low), ("upper", parameter.high)):
                if abs(place - parameter.to_unit(bound)) <= _AT_THE_END:
                    found.append(f"{parameter.name} ({end} end of {parameter.low:g} to {parameter.high:g})")
        if not found:
            return ""
        lies = "lies at an end of its range" if len(found) == 1 else "lie at an end of their ranges"
        return (
            f"{' and '.join(found)} {lies}: better values may lie beyond. Adopt these first, they stay; then widen the "
            "range in the model file, register that and re-tune."
        )

    def to_unit(self, configuration: Configuration) -> tuple[float, ...]:
        """The configuration's place in the unit cube, one coordinate per hyperparameter; 0.5 where it is inactive."""
        active = set(self.active(configuration))
        return tuple(
            parameter.to_unit(configuration[parameter.name]) if parameter.name in active else 0.5
            for parameter in self.hyperparameters
        )

    def from_unit(
        self, point: Sequence[float], base: Configuration | None = None, reach: float | None = None
    ) -> Configuration:
        """The configuration at a place in the unit cube; `base` gives the values of fixed hyperparameters.

        With `reach` the cube spans only what lies within that fraction of each range around `base`; a hyperparameter
        that `base` does not have spans its range.
        """
        built: dict[str, Value] = {}
        active: list[str] = []
        for parameter, place in zip(self.hyperparameters, point, strict=True):
            if not _is_active(parameter, built, active):
                continue
            active.append(parameter.name)
            if parameter.is_fixed:
                built[parameter.name] = _fixed_value(parameter, base or {})
            elif reach is None or base is None or parameter.name not in base:
                built[parameter.name] = parameter.from_unit(place)
            else:
                built[parameter.name] = parameter.near(base[parameter.name], place, reach)
        return built

    def neighbour(
        self, configuration: Configuration, generator: random.Random, scale: float, moves_all: bool = False
    ) -> Configuration:
        """Another allowed configuration near this one, mostly one or two coordinates away; itself where all are fixed.

        `scale` is the standard deviation of a step, as a fraction of the range; `moves_all`: in every coordinate, but
        a choice may stay. A hyperparameter that the move activates starts anywhere in its range.
        """
        active = set(self.active(configuration))
        candidates = [parameter for parameter in self.movable if parameter.name in active]
        if not candidates:
            return configuration
        share = min(1.0, MOVED_AT_ONCE / len(candidates))
        chosen = {parameter.name for parameter in candidates if generator.random() < share}
        chosen = chosen or {generator.choice(candidates).name}
        built: dict[str, Value] = {}
        alive: list[str] = []
        for parameter in self.hyperparameters:
            if not _is_active(parameter, built, alive):
                continue
            alive.append(parameter.name)
            if parameter.is_fixed:
                built[parameter.name] = _fixed_value(parameter, configuration)
            elif parameter.name not in active:
                built[parameter.name] = parameter.from_unit(generator.random())
            else:
                value = configuration[parameter.name]
                if moves_all:
                    built[parameter.name] = parameter.drifted(value, generator, scale)
                elif parameter.name in chosen:
                    built[parameter.name] = parameter.moved(value, generator, scale)
                else:
                    built[parameter.name] = parameter.nearest(value)
        return built

    def enumerate(self, base: Configuration, limit: int) -> tuple[Configuration, ...] | None:
        """Every configuration in order of declaration; None for more than `limit` or floats without step."""
        configurations: list[dict[str, Value]] = [{}]
        for parameter in self.hyperparameters:
            extended: list[dict[str, Value]] = []
            for built in configurations:
                if not _is_active(parameter, built, list(built)):
                    extended.append(built)
                    continue
                values = _values(parameter, base, limit)
                if values is None or len(extended) + len(values) > limit:
                    return None
                extended.extend({**built, parameter.name: value} for value in values)
            configurations = extended
        return tuple(configurations)


def configuration_key(configuration: Configuration) -> str:
    """A short stable hash, equal for configurations that differ only in order or beyond 12 digits."""
    canonical = json.dumps({name: _printed(value) for name, value in configuration.items()}, sort_keys=True)
    return hashlib.blake2b(canonical.encode(), digest_size=12).hexdigest()


def derive_seed(seed: int, *names: str | int) -> int:
    """The seed in [0, 2**31) for these names under a parent seed; stable across versions and machines."""
    text = json.dumps([seed, *names])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") >> 1


def _is_active(parameter: Hyperparameter, configuration: Configuration, active: Sequence[str]) -> bool:
    if parameter.when is None:
        return True
    parent, values = parameter.when
    return parent in active and any(same(configuration.get(parent), value) for value in values)


def _fixed_value(parameter: Hyperparameter, base: Configuration) -> Value:
    value = base.get(parameter.name, parameter.stored)
    if value is None and parameter.options:
        value = parameter.options[0]
    if value is None:
        raise InputError(f"hyperparameter {parameter.name!r} is fixed and has no value", "", "give it a stored value")
    return value


def _values(parameter: Hyperparameter, base: Configuration, limit: int) -> tuple[Value, ...] | None:
    if parameter.is_fixed:
        return (_fixed_value(parameter, base),)
    if parameter.low is None or parameter.high is None:
        return parameter.options
    grid = parameter.grid
    return None if grid is None or grid.count > limit else tuple(grid)


def _printed(value: Value) -> object:
    if isinstance(value, tuple):
        return [[f"{step:.12g}", f"{level:.12g}"] for step, level in value]
    return f"{value + 0.0:.12g}" if isinstance(value, float) else value
