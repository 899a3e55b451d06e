"""What a panda search is asked: the rules of a life, and how many lives there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import InputError
from ..hyperparameter import Hyperparameter, Kind
from ..records import Configuration, LegResult
from ..search.task import SearchTask
from ..space import Space
from .diary import Nudging, Wish
from .value_path import whole


@dataclass(frozen=True, slots=True)
class PandaRules:
    """The rules of a life.

    `moves`: what it may move, the rate first, then momentum and weight decay where the model has them. `day`: its
    length in the budget's unit; None: `day_s` seconds. `wishes` of people, those without a day among them.
    """

    search: SearchTask
    moves: tuple[Hyperparameter, ...]
    day: float | None
    day_s: float | None = None
    nudging: Nudging = Nudging.START
    wishes: tuple[Wish, ...] = ()

    @property
    def rate(self) -> Hyperparameter:
        """The learning rate."""
        return self.moves[0]

    @property
    def least(self) -> float:
        """The shortest leg that is worth training, in the budget's unit."""
        return 1.0 if self.search.unit == "steps" else self.search.budget / 10000.0

    def day_length(self, results: Sequence[LegResult]) -> float:
        """A day in the budget's unit; one of the clock by the speed of the legs so far."""
        length = self.day
        if length is None:
            timed = [result for result in results if result.score is not None and result.seconds > 0.0]
            steps = sum(result.request.to_step - result.request.from_step for result in timed)
            seconds = sum(result.seconds for result in timed)
            length = (self.day_s or 0.0) * steps / seconds if seconds else 0.0
        return max(whole(length, self.search.unit), self.least)


@dataclass(frozen=True, slots=True)
class PandaTask:
    """The rules of a life, and how many lives: each costs a full run and begins with what the best one learnt."""

    rules: PandaRules
    lives: int = 1

    @property
    def search(self) -> SearchTask:
        """The part of the task that every search is given."""
        return self.rules.search


RATES = ("lr", "learning_rate")


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


OTHERS = ("momentum", "beta1", "weight_decay")
