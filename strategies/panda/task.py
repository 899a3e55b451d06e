"""What a panda search is asked: the rules of a life, and how many lives there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..hyperparameter import Hyperparameter
from ..records import LegResult
from ..search.task import SearchTask
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
