"""How a panda is brought up, the states it can go on from, and what a life leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..hyperparameter import Hyperparameter
from ..legs.names import INCUMBENT, day_leg, read_name, rung_leg
from ..records import Configuration, LegRequest, LegResult, Purpose, Role
from ..space import derive_seed
from .diary import Evening, Nudge
from .task import PandaRules
from .value_path import Path

RING = 24  # evenings, beside the probes and the best one, that a life may go back to
INCUMBENT_LEG = rung_leg(INCUMBENT, 0)  # the incumbent's own full run, beside the first life
TAIL_SHARE = 0.3  # of the budget that decays to zero at the end


@dataclass(frozen=True, slots=True)
class Morning:
    """A state to go on from: the leg whose checkpoint it is (None: the initialisation), and how it stood there."""

    leg: str | None
    trial: str
    day: int
    step: float
    path: Path
    score: float | None = None
    training_loss: float | None = None


@dataclass(slots=True)
class Grown:
    """What a life has left so far: `best` is None while no evening had a score, `day` is the last one, `spent` in the
    budget's unit counts probes and what was gone back on, `ring` names the legs that it may go back to."""

    best: Morning | None = None
    evenings: list[Evening] = field(default_factory=list)
    nudges: list[Nudge] = field(default_factory=list)
    spent: float = 0.0
    day: int = 0
    ring: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a leg begins and ends, and on which batches it starts."""

    parent: str | None
    start: float
    end: float
    skip_batches: int = 0


def leg_of(rules: PandaRules, seed: int, trial: str, day: int, stretch: Stretch, path: Path) -> LegRequest:
    """The leg of one day, with its values as they stand on the path; probes are legs of day 0."""
    task = rules.search
    return LegRequest(
        name=day_leg(trial, day),
        trial=trial,
        purpose=Purpose.SEARCH,
        configuration=path.within(task.incumbent, task.space),
        seed=seed,
        split_seed=derive_seed(task.seed, "search", "split"),
        from_step=stretch.start,
        to_step=stretch.end,
        parent=stretch.parent,
        keeps_checkpoint=True,
        skip_batches=stretch.skip_batches,
        is_guarded=True,
        role=Role.CANDIDATE,
        number=read_name(trial).number,
    )


def morning_after(leg: LegRequest, result: LegResult, day: int, path: Path) -> Morning:
    """The state at a leg's end."""
    loss = result.metrics.get("guard_loss")
    return Morning(leg.name, leg.trial, day, leg.to_step, path, result.score, loss)


def cost_of(leg: LegRequest, result: LegResult) -> float:
    """The steps that a leg took, to where it ended early if that is known."""
    return result.metrics.get("guard_step", leg.to_step) - leg.from_step


def start_values(rules: PandaRules, configuration: Configuration) -> dict[str, float]:
    """What a configuration gives a life to start with: of a schedule its highest value, inside the bounds."""
    found: dict[str, float] = {}
    for one in rules.moves:
        value = configuration.get(one.name)
        if isinstance(value, tuple):
            value = max(level for _, level in value)
        if isinstance(value, int | float):
            found[one.name] = within_bounds(one, float(value))
    return found


def within_bounds(one: Hyperparameter, value: float) -> float:
    """The nearest value that the range allows."""
    low, high = (value if bound is None else bound for bound in (one.low, one.high))
    return min(max(value, low), high)


def values_at_start(path: Path, rate: str) -> Mapping[str, float]:
    """What the next life begins with: a path's first values, and the highest that its rate came to."""
    return path.values_at(0.0) | {rate: max(value for _, value in path.schedule(rate))}
