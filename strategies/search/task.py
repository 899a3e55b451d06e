"""What a search is given and what it answers, whichever strategy looks for the challenger."""

from dataclasses import dataclass

from ..records import BudgetUnit, Configuration, LegRequest
from ..space import Space
from .median_stopping import StopRule
from .observations import Seen
from .samplers import Sampler

DEFAULT_CHALLENGERS = 18


@dataclass(frozen=True, slots=True)
class SearchTask:
    """What a search is given. `budget` is that of one full training in `unit`.

    `warm`: top configurations of earlier campaigns, best first. `earlier`: what those campaigns scored at the full
    budget, a group a campaign, worth as much as the present scores show it to be. `full_runs`: the most it may cost in
    full trainings, None for no cap. `lower_is_better`: of the metric, for sentences; scores are turned round for it.
    `sampler`: who proposes; how a wave is halved and the winner is chosen is the same for all.
    `stops_hopeless`: runs that cannot be resumed may be stopped early, see hopeless.py.
    """

    space: Space
    incumbent: Configuration
    warm: tuple[Configuration, ...]
    seed: int
    budget: float
    unit: BudgetUnit
    resumable: bool
    challengers: int = DEFAULT_CHALLENGERS
    full_runs: float | None = None
    lower_is_better: bool = False
    earlier: tuple[Seen, ...] = ()
    sampler: Sampler = Sampler.AUTO
    stops_hopeless: bool = False


@dataclass(frozen=True, slots=True)
class Propose:
    """All legs of the present rung, those that have ended among them: all must end before the next decision.

    `rule` tells which of them are stopped early; None: they all go their way.
    """

    legs: tuple[LegRequest, ...]
    rule: StopRule | None = None


Ranked = tuple[str, Configuration, float | None]
"""(trial, configuration, score or None); the score is the one at the highest rung the trial completed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a search. Scores are development scores: they select, they are never reported as a gain.

    The winner is the challenger that is expected to score highest, its own score and those of similar trials
    considered (smoothing.py); the ranking at the full budget goes by that as well.

    `nothing_better` claims that a sound search found no configuration above the incumbent; `failed` that
    the search says nothing about the settings. In both cases there is no challenger worth confirming; where
    no challenger completed, the winner is the incumbent. `ranking`: full budget first, then those left at
    a lower rung, then those stopped as hopeless, then diverged ones, then those that ended otherwise.
    """

    winner: Configuration
    winner_trial: str
    incumbent_score: float | None
    winner_score: float | None
    nothing_better: bool
    failed: bool
    reason: str
    ranking: tuple[Ranked, ...]
