"""The scores of a search by trial and rung, for its decisions and its model of the scores."""

import math
from collections.abc import Iterable, Mapping

from ..legs.names import rung_leg
from ..records import Configuration, LegEnd, LegResult, Purpose
from ..search.median_stopping import StopRule
from ..search.observations import Observations, Source

Results = Mapping[str, LegResult]
"""The legs of a search that have ended, by name."""


def by_leg(history: Iterable[LegResult]) -> dict[str, LegResult]:
    """Results of the search by leg; of several for one leg the latest attempt, whatever their order."""
    results_by_leg: dict[str, LegResult] = {}
    for result in sorted(history, key=lambda result: (result.attempts, result.end, repr(result.score))):
        if result.request.purpose is Purpose.SEARCH:
            results_by_leg[result.request.name] = result
    return results_by_leg


def legs_of(trial: str, last: int, results: Results) -> list[LegResult]:
    """The ended legs of a trial up to a rung, in order."""
    names = [rung_leg(trial, rung) for rung in range(last + 1)]
    return [results[name] for name in names if name in results]


def score_of(result: LegResult | None) -> float | None:
    """The finite score of a leg that completed; None for any other."""
    if result is None or result.end is not LegEnd.COMPLETED or result.score is None:
        return None
    return result.score if math.isfinite(result.score) else None


def completed_scores(trials: Iterable[str], rung: int, results: Results) -> dict[str, float]:
    """The scores of the trials that completed the rung."""
    scores = {trial: score_of(results.get(rung_leg(trial, rung))) for trial in trials}
    return {trial: score for trial, score in scores.items() if score is not None}


def stop_rule(trials: Iterable[str], rung: int, results: Results, budget: float) -> StopRule:
    """What later runs at this rung are compared with: those of these trials, all ended, that completed it."""
    legs = [results[rung_leg(trial, rung)] for trial in trials if rung_leg(trial, rung) in results]
    curves = tuple(leg.curve for leg in legs if score_of(leg) is not None)
    return StopRule(curves, sum(leg.end is LegEnd.STOPPED for leg in legs), budget)


def observations_in(trials: Mapping[str, Configuration], last: int, results: Results) -> tuple[Observations, ...]:
    """Scores by rung, the last one first, to propose from.

    A trial that did not complete, such as one stopped as hopeless, counts as the worst that did, so that nothing near
    it is tried again; a trial left at a lower rung appears there only.
    """
    groups: list[Observations] = []
    for rung in range(last, -1, -1):
        scores = completed_scores(trials, rung, results)
        worst = min(scores.values(), default=None)
        if worst is not None:
            ended = [trial for trial in trials if rung_leg(trial, rung) in results]
            pairs = tuple((trials[trial], scores.get(trial, worst)) for trial in ended)
            groups.append(Observations(pairs, Source.FULL if rung == last else Source.RUNG))
    return tuple(groups)


def observations_below(trials: Mapping[str, Configuration], rung: int, results: Results) -> tuple[Observations, ...]:
    """The scores at lower rungs of the trials that completed them."""
    rungs = (completed_scores(trials, lower, results) for lower in range(rung))
    return tuple(
        Observations(tuple((trials[trial], score) for trial, score in scores.items()), Source.RUNG)
        for scores in rungs
        if scores
    )
