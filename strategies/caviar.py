"""Caviar: many configurations at once, on common seeds, and the best goes on against the incumbent.

A search is a pure function of what has ended: the same history, in any order, gives the same next legs.
Decisions are taken on complete rungs only, in the order of trials, so that speed does not leak in.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from .halving import SearchPlan, plan_search, survivors
from .proposals import first_wave, second_wave
from .records import Configuration, LegEnd, LegRequest, LegResult, Purpose
from .search_task import INCUMBENT, Finished, Propose, Ranked, SearchTask
from .smoothing import smoothed
from .space import derive_seed


def decide(task: SearchTask, history: Sequence[LegResult]) -> Propose | Finished:
    """The next legs, or the end of the search; legs of other purposes in the history are ignored."""
    incumbent = task.space.validate(task.incumbent, strict=False)
    plan = plan_search(task.challengers, task.full_runs, task.budget, task.unit, task.resumable)
    wave = first_wave(task.space, incumbent, task.warm, task.seed, plan.first)
    trials = {_trial(index): configuration for index, configuration in enumerate((incumbent, *wave))}
    if not wave:
        return _without_challengers(incumbent)
    results = _by_leg(history)
    alive = tuple(trials)
    for rung in range(len(plan.rungs)):
        legs = tuple(_leg(task, plan, trial, trials[trial], rung) for trial in alive)
        if any(leg.name not in results for leg in legs):
            return Propose(legs)
        alive = survivors(_completed(alive, rung, results), plan.kept, INCUMBENT)
    return _second_wave(task, plan, trials, results)


def _second_wave(
    task: SearchTask, plan: SearchPlan, trials: dict[str, Configuration], results: Mapping[str, LegResult]
) -> Propose | Finished:
    last = len(plan.rungs) - 1
    worth = _worth(task, trials, last, results)
    best = sorted(worth, key=lambda trial: (-worth[trial], trial))[:2]
    if not best or not plan.second:
        return _finish(task, plan, trials, results)
    parents = [trials[trial] for trial in best]
    wave = second_wave(task.space, parents, trials.values(), task.seed, plan.second)
    more = {_trial(len(trials) + index): configuration for index, configuration in enumerate(wave)}
    legs = tuple(_leg(task, plan, trial, configuration, last, is_first=True) for trial, configuration in more.items())
    if any(leg.name not in results for leg in legs):
        return Propose(legs)
    return _finish(task, plan, {**trials, **more}, results)


def _finish(
    task: SearchTask, plan: SearchPlan, trials: Mapping[str, Configuration], results: Mapping[str, LegResult]
) -> Finished:
    """The end: the challenger of the highest expected score at the full budget, and what can be claimed about it."""
    last = len(plan.rungs) - 1
    worth = _worth(task, trials, last, results)
    challengers = sorted((trial for trial in worth if trial != INCUMBENT), key=lambda trial: (-worth[trial], trial))
    winner = challengers[0] if challengers else INCUMBENT
    is_above = bool(challengers) and worth[winner] > worth.get(INCUMBENT, -math.inf)
    tried = [trial for trial in trials if trial != INCUMBENT]
    sound = sum(all(_score(leg) is not None for leg in _legs_of(trial, last, results)) for trial in tried)
    is_sound = 2 * sound >= len(tried)
    failed = not challengers or (not is_sound and not is_above)
    scores = {trial: _score(results.get(_name(trial, last))) for trial in (INCUMBENT, winner)}
    completed = f"{sound} of {len(tried)} challengers completed"
    return Finished(
        winner=trials[winner],
        winner_trial=winner,
        incumbent_score=scores[INCUMBENT],
        winner_score=scores[winner],
        nothing_better=is_sound and not failed and not is_above,
        failed=failed,
        reason=(f"the search failed: {completed}" if failed else _reason(task, winner, worth, scores, completed))
        + _incumbent_end(last, results),
        ranking=_ranking(trials, last, results, worth),
    )


def _worth(
    task: SearchTask, trials: Mapping[str, Configuration], rung: int, results: Mapping[str, LegResult]
) -> dict[str, float]:
    """The expected score of each trial that completed the rung, from its own score and its neighbours'."""
    scores = {trial: _score(results.get(_name(trial, rung))) for trial in trials}
    return smoothed(task.space, trials, {trial: score for trial, score in scores.items() if score is not None})


def _reason(
    task: SearchTask, winner: str, worth: Mapping[str, float], scores: Mapping[str, float | None], completed: str
) -> str:
    """The search in a clause, in the metric's own direction. Where the bare scores say otherwise, it says so."""
    ours, theirs = scores[INCUMBENT], scores[winner]
    if ours is None or theirs is None:
        return f"{winner} is the best challenger; {completed}"
    sign = -1.0 if task.lower_is_better else 1.0
    if worth[winner] > worth[INCUMBENT]:
        lucky = "" if theirs > ours else ", which similar trials do not bear out"
        return (
            f"{winner} scored {sign * theirs:.6g} in the search, the incumbent {sign * ours:.6g}{lucky}; chosen by its"
            f" own score and those of similar trials; {completed}"
        )
    lucky = "" if theirs <= ours else ", similar trials considered"
    return f"no challenger did better than the incumbent's {sign * ours:.6g} in the search{lucky}; {completed}"


def _incumbent_end(last: int, results: Mapping[str, LegResult]) -> str:
    """What became of an incumbent that did not complete; empty when it did."""
    legs = _legs_of(INCUMBENT, last, results)
    if legs and _score(legs[-1]) is None:
        how = LegEnd.DIVERGED if legs[-1].end is LegEnd.COMPLETED else legs[-1].end
        return f"; the incumbent did not complete ({how.replace('_', ' ')})"
    return ""


def _without_challengers(incumbent: Configuration) -> Finished:
    return Finished(
        winner=incumbent,
        winner_trial=INCUMBENT,
        incumbent_score=None,
        winner_score=None,
        nothing_better=True,
        failed=False,
        reason="nothing to search: the space allows no configuration but the incumbent",
        ranking=((INCUMBENT, incumbent, None),),
    )


def _ranking(
    trials: Mapping[str, Configuration], last: int, results: Mapping[str, LegResult], worth: Mapping[str, float]
) -> tuple[Ranked, ...]:
    places: list[tuple[tuple[int, float], Ranked]] = []
    for trial, configuration in trials.items():
        legs = _legs_of(trial, last, results)
        score = next((_score(leg) for leg in reversed(legs) if _score(leg) is not None), None)
        ended = legs[-1] if legs else None
        if score is not None and _score(ended) is not None:
            place = (
                0 if ended is not None and ended.request.name == _name(trial, last) else 1,
                -worth.get(trial, score),
            )
        else:
            place = (2 if ended is not None and ended.end in (LegEnd.DIVERGED, LegEnd.COMPLETED) else 3, 0.0)
        places.append((place, (trial, configuration, score)))
    return tuple(ranked for _, ranked in sorted(places, key=lambda entry: entry[0]))


def _completed(trials: Iterable[str], rung: int, results: Mapping[str, LegResult]) -> list[str]:
    """Trials with a finite score at the rung, best first; equal scores in the order of trials."""
    scores = {trial: _score(results.get(_name(trial, rung))) for trial in trials}
    return sorted(
        (trial for trial, score in scores.items() if score is not None),
        key=lambda trial: (-(scores[trial] or 0.0), trial),
    )


def _leg(
    task: SearchTask, plan: SearchPlan, trial: str, configuration: Configuration, rung: int, is_first: bool = False
) -> LegRequest:
    """The trial's leg to a rung: from the rung below, or from the initialisation."""
    has_parent = rung > 0 and not is_first
    return LegRequest(
        name=_name(trial, rung),
        trial=trial,
        purpose=Purpose.SEARCH,
        configuration=configuration,
        seed=derive_seed(task.seed, "search", "seed"),
        split_seed=derive_seed(task.seed, "search", "split"),
        from_step=plan.rungs[rung - 1] if has_parent else 0.0,
        to_step=plan.rungs[rung],
        parent=_name(trial, rung - 1) if has_parent else None,
        keeps_checkpoint=rung < len(plan.rungs) - 1,
    )


def _by_leg(history: Iterable[LegResult]) -> dict[str, LegResult]:
    """Results of the search by leg; of two for one leg the later attempt, whatever their order."""
    found: dict[str, LegResult] = {}
    for result in sorted(history, key=lambda one: (one.attempts, one.end, repr(one.score))):
        if result.request.purpose is Purpose.SEARCH:
            found[result.request.name] = result
    return found


def _legs_of(trial: str, last: int, results: Mapping[str, LegResult]) -> list[LegResult]:
    names = [_name(trial, rung) for rung in range(last + 1)]
    return [results[name] for name in names if name in results]


def _score(result: LegResult | None) -> float | None:
    if result is None or result.end is not LegEnd.COMPLETED or result.score is None:
        return None
    return result.score if math.isfinite(result.score) else None


def _trial(index: int) -> str:
    return f"search.{index:03d}"


def _name(trial: str, rung: int) -> str:
    return f"{trial}.r{rung}"
