"""Points of a training that can be resumed, the legs that lead to them, and what a life leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..hyperparameter import Hyperparameter
from ..legs.names import INCUMBENT, day_leg, read_name, rung_leg
from ..records import Configuration, LegRequest, LegResult, Purpose, Role
from ..space import derive_seed
from .diary import DayEnd, Nudge
from .task import PandaRules
from .value_path import Path

RING = 24  # ends of days, beside the probes and the best one, that a life may go back to
INCUMBENT_LEG = rung_leg(INCUMBENT, 0)  # the incumbent's own full run, beside the first life
TAIL_SHARE = 0.3  # of the budget: over so much of it the rate decays to zero at the end


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """A point that training can resume from: the leg whose checkpoint it is (None: the initialisation), the path of
    values up to there, and how the training stood: score (higher is better) and training loss (lower is better), None
    where unknown. `step` is in the budget's unit."""

    leg: str | None
    trial: str
    day: int
    step: float
    path: Path
    score: float | None = None
    training_loss: float | None = None


@dataclass(frozen=True, slots=True)
class LifeSoFar:
    """What a life has left so far.

    `best`: the point of the highest score, None while no day had one. `spent`, in the budget's unit, counts probes and
    what was gone back on. `day` is the last one that ended. `ring` names the legs that it may go back to.
    """

    best: ResumePoint | None = None
    day_ends: tuple[DayEnd, ...] = ()
    nudges: tuple[Nudge, ...] = ()
    spent: float = 0.0
    day: int = 0
    ring: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seeds:
    """A life's own seed, and that of the split, which all legs of a search share."""

    life: int
    split: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a leg begins and ends, in the budget's unit, and how many batches it leaves out first."""

    parent: str | None
    start: float
    end: float
    skip_batches: int = 0


def seeds_of(rules: PandaRules, number: int) -> Seeds:
    """The seeds of a life; the first one shares its seed with the incumbent's full run."""
    names = ("seed",) if number == 0 else ("panda", number)
    seed = rules.search.seed
    return Seeds(derive_seed(seed, "search", *names), derive_seed(seed, "search", "split"))


def leg_of(rules: PandaRules, seeds: Seeds, trial: str, day: int, stretch: Stretch, path: Path) -> LegRequest:
    """The leg of one day, with its values as they stand on the path; probes are legs of day 0."""
    task = rules.search
    return LegRequest(
        name=day_leg(trial, day),
        trial=trial,
        purpose=Purpose.SEARCH,
        configuration=path.within(task.incumbent, task.space),
        seed=seeds.life,
        split_seed=seeds.split,
        from_step=stretch.start,
        to_step=stretch.end,
        parent=stretch.parent,
        keeps_checkpoint=True,
        skip_batches=stretch.skip_batches,
        is_guarded=True,
        role=Role.CANDIDATE,
        number=read_name(trial).number,
    )


def point_after(leg: LegRequest, result: LegResult, day: int, path: Path) -> ResumePoint:
    """The point at a leg's end; `path` holds the values that it was trained with."""
    loss = result.metrics.get("guard_loss")
    return ResumePoint(leg.name, leg.trial, day, leg.to_step, path, result.score, loss)


def cost_of(leg: LegRequest, result: LegResult) -> float:
    """What a leg took of the budget, in its unit: up to where it ended early, if that is known."""
    return result.metrics.get("guard_step", leg.to_step) - leg.from_step


def start_values(rules: PandaRules, configuration: Configuration) -> dict[str, float]:
    """What a configuration gives a life to start with: of a schedule its highest value, inside the bounds."""
    values: dict[str, float] = {}
    for hyperparameter in rules.moves:
        value = configuration.get(hyperparameter.name)
        if isinstance(value, tuple):
            value = max(level for _, level in value)
        if isinstance(value, int | float):
            values[hyperparameter.name] = within_bounds(hyperparameter, float(value))
    return values


def within_bounds(hyperparameter: Hyperparameter, value: float) -> float:
    """The nearest value that the range allows; a bound of None allows all."""
    low, high = (value if bound is None else bound for bound in (hyperparameter.low, hyperparameter.high))
    return min(max(value, low), high)


def values_at_start(path: Path, rate: str) -> Mapping[str, float]:
    """What the next life begins with: a path's first values, and the highest that its rate came to."""
    return path.values_at(0.0) | {rate: max(value for _, value in path.schedule(rate))}
