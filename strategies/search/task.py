"""The input and the answers of a search, whichever strategy runs it."""

from dataclasses import dataclass

from ..records import BudgetUnit, Configuration, LegRequest
from ..space import Space
from .median_stopping import StopRule
from .observations import Observations
from .samplers import Sampler

DEFAULT_CHALLENGERS = 18


@dataclass(frozen=True, slots=True)
class SearchTask:
    """The input of a search. `budget` is that of one full training in `unit`.

    `warm`: top configurations of earlier campaigns, best first. `earlier`: the scores of those campaigns at the
    full budget, one group per campaign, weighted by how well they agree with the current scores. `full_runs`: the
    highest cost in full trainings, None for no cap; `least_budget_s`: the compute budget that would cap it no lower
    than the least search (least_search.py), None where it is not known. `lower_is_better`: of the metric, for
    sentences; scores are already signed. `sampler`: what proposes; halving and the choice of the winner are the same
    for all. `stops_hopeless`: runs that cannot be resumed may be stopped early, see median_stopping.py. `noise`: the
    standard deviation of a run's score, None where it is not known. `floor`: the score as which the owner counts
    anything worse; None for none. `more`: trials of a second stage, which goes on where the pairs of the first
    challenger, `paired`, confirmed nothing; 0 for the first stage.
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
    least_budget_s: float | None = None
    lower_is_better: bool = False
    earlier: tuple[Observations, ...] = ()
    sampler: Sampler = Sampler.AUTO
    stops_hopeless: bool = False
    noise: float | None = None
    floor: float | None = None
    more: int = 0
    paired: Observations | None = None


@dataclass(frozen=True, slots=True)
class Propose:
    """All legs of the current rung, including those that have ended: all must end before the next decision.

    `rule` decides which of them are stopped early; None: none are.
    """

    legs: tuple[LegRequest, ...]
    rule: StopRule | None = None


Ranked = tuple[str, Configuration, float | None]
"""(trial, configuration, score or None); the score is the one at the highest rung the trial completed."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a search. Scores are development scores: used to select, never reported as an improvement.

    The winner is the challenger of the highest expected score, given its own score and those of similar trials
    (expected_scores.py); the ranking at the full budget is based on that too.

    `nothing_better` claims that a sound search found no configuration above the incumbent; `failed` that the search
    says nothing about the settings. In both cases no challenger is worth confirming; where no challenger completed,
    the winner is the incumbent. `too_small`: as a clause, why the search cannot have seen whether anything is better;
    empty where it could (least_search.py). `ranking`: trials at the full budget first, then those left at a lower rung,
    then those stopped as hopeless, then diverged ones, then all others.
    """

    winner: Configuration
    winner_trial: str
    incumbent_score: float | None
    winner_score: float | None
    nothing_better: bool
    failed: bool
    reason: str
    ranking: tuple[Ranked, ...]
    too_small: str = ""
