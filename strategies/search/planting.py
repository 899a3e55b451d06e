"""Settings known to be bad, planted in place of good ones to check that they are detected."""

from dataclasses import dataclass

from ..errors import InputError
from ..hyperparameter import Hyperparameter, Kind
from ..records import Configuration, Value
from ..space import Space, configuration_key

FACTOR = 8.0
_RATES = ("lr", "learning_rate")


@dataclass(frozen=True, slots=True)
class Plant:
    """A configuration known to be bad: the stored settings with one hyperparameter changed, and how."""

    hyperparameter: str
    configuration: Configuration
    how: str


def plants(space: Space, configuration: Configuration) -> tuple[Plant, ...]:
    """Configurations known to be bad, in the order to try them: the learning rate times FACTOR, then at its far bound.

    The hyperparameter is the one called lr or learning_rate, else the first on a log scale, else the first range
    that a search may change. The far bound is the one farther away on the unit interval; times FACTOR may lie outside
    the search space, as stale settings may, and is left out for a range with a step. Raises InputError for a space
    without a range.
    """
    chosen = _chosen(space, configuration)
    here = configuration[chosen.name]
    bound = chosen.from_unit(0.0 if chosen.to_unit(here) > 0.5 else 1.0)
    values: list[tuple[Value, str]] = [(bound, "the far bound of the search space")]
    if chosen.kind in (Kind.FLOAT, Kind.SCHEDULE) and chosen.step is None:
        values.insert(0, (_raised(here), f"x {FACTOR:g}"))
    planted_by_key: dict[str, Plant] = {}
    for value, how in values:
        planted = {**configuration, chosen.name: value}
        if configuration_key(planted) != configuration_key(configuration):
            planted_by_key.setdefault(configuration_key(planted), Plant(chosen.name, planted, how))
    return tuple(planted_by_key.values())


def _chosen(space: Space, configuration: Configuration) -> Hyperparameter:
    ranges = [
        hyperparameter
        for hyperparameter in space.movable
        if hyperparameter.low is not None and hyperparameter.name in configuration
    ]
    rates = [
        hyperparameter
        for hyperparameter in ranges
        if hyperparameter.name.lower() in _RATES and hyperparameter.kind is not Kind.INT
    ]
    logs = [hyperparameter for hyperparameter in ranges if hyperparameter.log and hyperparameter.kind is not Kind.INT]
    candidates = [*rates, *logs, *ranges]
    if not candidates:
        raise InputError(
            "the search space has no range to plant a bad value in",
            "a hyperparameter in use with low and high",
            "declare one in the model file, then: retuned register FILE",
        )
    return candidates[0]


def _raised(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple((step, level * FACTOR) for step, level in value)
    assert isinstance(value, float)
    return value * FACTOR
