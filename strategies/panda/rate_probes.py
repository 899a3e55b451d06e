"""The start of a panda: short probes of rates from the initialisation, and the one that it goes on from."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..legs.names import search_trial
from ..records import LegEnd, LegRequest, LegResult
from ..search.task import Propose
from .states import ResumePoint, Seeds, Stretch, cost_of, leg_of, point_after, within_bounds
from .task import PandaRules
from .value_path import Path, whole

STEP = math.sqrt(10.0)  # the factor between neighbouring rates
FIRST = (0, 1, -1)  # exponents of STEP, the first of them the rate that the panda was given
WALK_DOWN = 2  # exponents at once where every probe died; what lies between is tried later
PROBE_SHARE = 0.02  # of the budget; with half of it the best of noisy probes is often a rate that dies later
MOST_PROBES = 10  # a fifth of the budget
NEARLY = 0.2  # of what the best probe learnt: a lower rate that lacks no more is taken, short probes favour high ones


@dataclass(frozen=True, slots=True)
class Probes:
    """The probes that lived, by exponent of STEP, and the rates of all, lowest first.

    `chosen`: the exponent to go on from, None where all died. `first_score`: that of the initialisation (higher is
    better), None where it is unknown. `spent`: what all took, in the budget's unit.
    """

    living: Mapping[int, ResumePoint]
    tried: tuple[float, ...]
    chosen: int | None
    first_score: float | None
    spent: float

    def next_lower(self, rate: float, name: str) -> ResumePoint | None:
        """The living probe of the next lower rate, whose first steps are paid for; `name` is the rate's."""
        below = [point for point in self.living.values() if point.path.at(name, 0.0) < 0.9 * rate]
        return max(below, key=lambda point: point.path.at(name, 0.0), default=None)


def probe(
    rules: PandaRules, seeds: Seeds, start: Mapping[str, float], results: Mapping[str, LegResult], trials: int
) -> Probes | Propose:
    """What the probes showed, or the legs that must end before more can be said.

    `start`: the values that the life begins with. `trials`: the number of the trial before the first probe's.
    """
    name, rate = rules.rate.name, start[rules.rate.name]
    end = max(whole(PROBE_SHARE * rules.search.budget, rules.search.unit), rules.least)
    legs: dict[int, LegRequest] = {}
    scores: dict[int, float | None] = {}

    def is_allowed(exponent: int) -> bool:
        probed = rate * STEP**exponent
        return abs(within_bounds(rules.rate, probed) / probed - 1.0) < 1e-9

    while wanted := next_exponents(scores, MOST_PROBES, is_allowed):
        for exponent in wanted:
            trial = search_trial(trials + len(legs) + 1)
            path = Path.of({**start, name: rate * STEP**exponent})
            legs[exponent] = leg_of(rules, seeds, trial, 0, Stretch(None, 0.0, end), path)
        if any(legs[exponent].name not in results for exponent in wanted):
            return Propose(tuple(legs[exponent] for exponent in wanted))
        scores |= {exponent: _score(results[legs[exponent].name]) for exponent in wanted}
    living = {
        exponent: point_after(leg, results[leg.name], 0, Path.of({**start, name: rate * STEP**exponent}))
        for exponent, leg in legs.items()
        if scores[exponent] is not None
    }
    first_score = next((score for leg in legs.values() for step, score in results[leg.name].curve if step == 0.0), None)
    tried = tuple(rate * STEP**exponent for exponent in sorted(scores))
    spent = sum(cost_of(leg, results[leg.name]) for leg in legs.values())
    return Probes(living, tried, _choose(scores, first_score), first_score, spent)


def next_exponents(
    scores: Mapping[int, float | None], most: int, is_allowed: Callable[[int], bool] = lambda _: True
) -> tuple[int, ...]:
    """The exponents to probe next; none when both neighbours of the best are known or `most` probes are made.

    `scores`: what ended so far, by exponent, higher is better; None for a probe that died.
    """
    room = most - len(scores)
    if not scores:
        return tuple(exponent for exponent in FIRST if is_allowed(exponent))[:room]
    alive = best_first(scores)
    wanted = (alive[0] + 1, alive[0] - 1) if alive else (min(scores) - WALK_DOWN, min(scores) - 1)
    new = [exponent for exponent in wanted if exponent not in scores and is_allowed(exponent)]
    return tuple(new[: min(room, 2 if alive else 1)])


def best_first(scores: Mapping[int, float | None]) -> list[int]:
    """The exponents of the probes that lived, highest score first, of equals the lower rate."""
    alive = {exponent: score for exponent, score in scores.items() if score is not None}
    return sorted(alive, key=lambda exponent: (-alive[exponent], exponent))


def _score(result: LegResult) -> float | None:
    return result.score if result.end is LegEnd.COMPLETED else None


def _choose(scores: Mapping[int, float | None], first_score: float | None) -> int | None:
    """The lowest exponent below the best one that scored nearly as well; None where all probes died."""
    alive = best_first(scores)
    if not alive:
        return None
    chosen, top = alive[0], scores[alive[0]] or 0.0
    bar = top - NEARLY * max(0.0 if first_score is None else top - first_score, 0.0)
    while (below := scores.get(chosen - 1)) is not None and below >= bar:
        chosen -= 1
    return chosen
