"""Which hyperparameters a panda moves; apart from the task, since every model file that is read asks."""

from ..errors import InputError
from ..hyperparameter import Hyperparameter, Kind
from ..records import Configuration
from ..space import Space

RATES = ("lr", "learning_rate")
OTHERS = ("momentum", "beta1", "weight_decay")


def moved_by_panda(space: Space, configuration: Configuration) -> tuple[Hyperparameter, ...]:
    """What a panda may move, the rate first; what has a step stays as it is, since a life moves by factors.

    Raises InputError where there is no rate to move.
    """
    active = set(space.active(configuration))
    floats = {
        hyperparameter.name: hyperparameter
        for hyperparameter in space.hyperparameters
        if hyperparameter.kind in (Kind.FLOAT, Kind.SCHEDULE)
        and not hyperparameter.choices
        and hyperparameter.name in active
    }
    rates = [floats[name] for name in RATES if name in floats and floats[name].low is not None]
    if rates and rates[0].step is not None:
        raise InputError(
            f"its {rates[0].name} has a step of {rates[0].step:g}, and a panda moves the rate by factors",
            "a range without step",
            "leave step out in the model file, or use caviar",
        )
    if not rates:
        raise InputError(
            "it has no learning rate to move",
            f"a float hyperparameter named {' or '.join(RATES)} with low and high",
            "name it so in the model file, or use caviar",
        )
    others = [floats[name] for name in OTHERS if name in floats and floats[name].low is not None]
    return (rates[0], *(other for other in others if other.step is None))
