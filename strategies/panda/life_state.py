"""How a life stands between two decisions, and the plain steps that lead from one standing to the next.

Nothing here is changed in place: every function takes a state and gives a new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..records import LegResult
from .diagnosis import best_of
from .diary import PANDA, DayEnd, Nudge
from .rate_probes import Probes
from .states import RING, LifeSoFar, ResumePoint, Seeds
from .task import PandaRules
from .value_path import Path


@dataclass(frozen=True, slots=True)
class LifeInputs:
    """What the decisions of a life are based on, the same for all its days.

    `results` by the leg's name. `second_trial`: the trial of a second panda from the initialisation, if there comes
    one. `day_length` in the budget's unit.
    """

    rules: PandaRules
    seeds: Seeds
    results: Mapping[str, LegResult]
    probes: Probes
    second_trial: str
    day_length: float

    @property
    def rate(self) -> str:
        """The name of the learning rate."""
        return self.rules.rate.name

    @property
    def budget(self) -> float:
        """What one life may spend, in the search's unit."""
        return self.rules.search.budget


@dataclass(frozen=True, slots=True)
class LifeState:
    """How a life stands within a day.

    `here`: where the next leg begins, with the values that it will have. `day`: the day that is being lived. `spent`
    of the budget, in its unit. `training`: the scored points of the present training, in order; `archive`: those of
    all. `best`: the highest score of the archive. `troubles`: the steps at which the present training went wrong.
    `skip_batches`: how many the next leg leaves out. `tried_from`: in daily mode, the point before today's move.
    """

    here: ResumePoint
    day: int
    spent: float
    is_over: bool = False
    is_decaying: bool = False
    is_held: bool = False
    training: tuple[ResumePoint, ...] = ()
    archive: tuple[ResumePoint, ...] = ()
    best: ResumePoint | None = None
    day_ends: tuple[DayEnd, ...] = ()
    nudges: tuple[Nudge, ...] = ()
    troubles: tuple[float, ...] = ()
    skip_batches: int = 0
    tried_from: ResumePoint | None = None
    moves_taken_back: int = 0


def budget_left(inputs: LifeInputs, state: LifeState) -> float:
    """What is left of the budget, in its unit."""
    return inputs.budget - state.spent


def log(state: LifeState, step: float, text: str, by: str = PANDA) -> LifeState:
    """The state with one more entry in the log of its day."""
    return replace(state, nudges=(*state.nudges, Nudge(state.day, step, text, by)))


def arrive(state: LifeState, point: ResumePoint) -> LifeState:
    """The state with a scored point to go on from, remembered."""
    return replace(
        state,
        here=point,
        training=(*state.training, point),
        archive=(*state.archive, point),
        best=point if state.best is None else best_of((state.best, point)),
    )


def go_back(state: LifeState, point: ResumePoint, path: Path) -> LifeState:
    """The state gone back to an earlier point, to go on from there with the values of `path`."""
    earlier = (past for past in state.training if past.day < point.day and past.trial == point.trial)
    scored = (point,) if point.score is not None else ()
    return replace(state, training=(*earlier, *scored), here=replace(point, path=path))


def change_path(state: LifeState, path: Path) -> LifeState:
    """The state with other values from where it stands."""
    return replace(state, here=replace(state.here, path=path))


def begin_decay(inputs: LifeInputs, state: LifeState) -> LifeState:
    """The state with a rate that decays to zero over all that is left of the budget."""
    step, unit = state.here.step, inputs.rules.search.unit
    path = state.here.path.cut(step).with_decay(inputs.rate, step, step + budget_left(inputs, state), unit)
    return replace(change_path(state, path), is_decaying=True)


def so_far(inputs: LifeInputs, state: LifeState, days: int) -> LifeSoFar:
    """What the life has left by now; `days` have ended."""
    return LifeSoFar(state.best, state.day_ends, state.nudges, state.spent, days, _ring(inputs, state))


def _ring(inputs: LifeInputs, state: LifeState) -> tuple[str, ...]:
    """The legs that it may go back to: the last ends of days, the best of all, the probes, and where it stands."""
    kept = [*state.archive[-RING:], *inputs.probes.living.values(), *state.training[-1:], state.here]
    kept += [state.best] if state.best is not None else []
    kept += [best_of(state.training)] if state.training else []
    return tuple(dict.fromkeys(point.leg for point in kept if point.leg is not None))
