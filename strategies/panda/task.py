"""What a panda search is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..hyperparameter import Hyperparameter
from ..records import LegResult
from ..search.task import SearchTask
from .diary import Nudging, Wish
from .value_path import whole


@dataclass(frozen=True, slots=True)
class PandaRules:
    """`day`: its length in the budget's unit; None: `day_s` seconds. `moves`: the rate first, then momentum and weight
    decay where the model has them. `wishes` of people that have been given a day."""

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
        """The shortest leg there is."""
        return 1.0 if self.search.unit == "steps" else self.search.budget / 10000.0

    def day_length(self, results: Sequence[LegResult]) -> float:
        """A day in the budget's unit; one of the clock by the speed of the legs so far."""
        length = self.day
        if length is None:
            timed = [one for one in results if one.score is not None and one.seconds > 0.0]
            steps = sum(one.request.to_step - one.request.from_step for one in timed)
            seconds = sum(one.seconds for one in timed)
            length = (self.day_s or 0.0) * steps / seconds if seconds else 0.0
        return max(whole(length, self.search.unit), self.least)


@dataclass(frozen=True, slots=True)
class PandaTask:
    """The rules of a life, and how many lives: each costs a full run and begins with what the best has learnt."""

    rules: PandaRules
    lives: int = 1

    @property
    def search(self) -> SearchTask:
        """What every search is given."""
        return self.rules.search
