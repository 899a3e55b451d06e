"""Caviar: many configurations at once, on common seeds, and the best goes on against the incumbent.

A first wave over the space, of which the bad ones die early; then small waves, each where a model of the scores so far
holds the most hope, the last one where it expects the best.

A search is a pure function of what has ended: the same history, in any order, gives the same next legs.
Decisions are taken on complete rungs only, in the order of trials, so that speed does not leak in.
"""

from collections.abc import Iterable, Mapping, Sequence

from ..legs.names import INCUMBENT, read_name, rung_leg, search_trial
from ..records import Configuration, LegEnd, LegRequest, LegResult, Purpose
from ..search.successive_halving import SearchPlan, plan_search, survivors
from ..search.task import Finished, Propose, Ranked, SearchTask
from ..space import derive_seed
from .expected_scores import hope, smoothed
from .proposals import first_wave, next_wave
from .scores import (
    by_leg,
    completed_scores,
    legs_of,
    score_of,
    seen_below,
    seen_in,
    stop_rule,
)

LEAST_HOPE = 0.3
"""Standard deviations of its uncertainty by which a winner's expected gain must lie above 0 to be worth pairs. Measured
in simulation with unit noise, two dimensions: it ends a third of the searches in which nothing changed, and 0 to 6 % of
those on quadratic landscapes in which the optimum moved by one standard deviation (a cone: 20 %)."""


def decide(task: SearchTask, history: Sequence[LegResult]) -> Propose | Finished:
    """The next legs, or the end of the search; legs of other purposes in the history are ignored."""
    incumbent = task.space.validate(task.incumbent, strict=False)
    plan = plan_search(task.challengers, task.full_runs, task.budget, task.unit, task.resumable)
    wave = first_wave(task.space, incumbent, task.warm, task.seed, plan.first, task.sampler)
    trials = {search_trial(index): configuration for index, configuration in enumerate((incumbent, *wave))}
    if not wave:
        return _without_challengers(incumbent)
    results = by_leg(history)
    alive = tuple(trials)
    for rung in range(len(plan.rungs)):
        legs = tuple(_leg(task, plan, trial, trials[trial], rung) for trial in alive)
        if any(leg.name not in results for leg in legs):
            return Propose(legs)
        alive = survivors(_completed(alive, rung, results), plan.kept, INCUMBENT)
    last = len(plan.rungs) - 1
    for number, count in enumerate(plan.waves, start=1):
        found = _recorded(task, len(trials), count, last, results) or next_wave(
            task.space,
            (*seen_in(trials, last, results), *task.earlier),
            tuple(trials.values()),
            task.seed,
            count,
            is_last=number == len(plan.waves),
            sampler=task.sampler,
        )
        more = {search_trial(len(trials) + index): configuration for index, configuration in enumerate(found)}
        legs = tuple(_leg(task, plan, trial, one, last, is_first=True) for trial, one in more.items())
        if any(leg.name not in results for leg in legs):
            may_stop = task.stops_hopeless and not task.resumable
            return Propose(legs, stop_rule(trials, last, results, task.budget) if may_stop else None)
        trials |= more
    return _finish(task, plan, trials, results)


def _recorded(
    task: SearchTask, start: int, count: int, rung: int, results: Mapping[str, LegResult]
) -> tuple[Configuration, ...]:
    """The configurations of a wave that has been trained; empty where one of it is missing."""
    legs = [results.get(rung_leg(search_trial(start + index), rung)) for index in range(count)]
    known = [task.space.validate(leg.request.configuration, strict=False) for leg in legs if leg is not None]
    return tuple(known) if len(known) == count else ()


def _finish(
    task: SearchTask, plan: SearchPlan, trials: Mapping[str, Configuration], results: Mapping[str, LegResult]
) -> Finished:
    """The end: the challenger of the highest expected score at the full budget, and what can be claimed about it."""
    last = len(plan.rungs) - 1
    worth = _worth(task, trials, last, results)
    challengers = sorted((trial for trial in worth if trial != INCUMBENT), key=lambda trial: (-worth[trial], trial))
    winner = challengers[0] if challengers else INCUMBENT
    is_above = bool(challengers) and _is_above(task, trials, last, results, worth, winner)
    tried = [trial for trial in trials if trial != INCUMBENT]
    finished = sum(all(score_of(leg) is not None for leg in legs_of(trial, last, results)) for trial in tried)
    stopped = [leg for trial in tried for leg in legs_of(trial, last, results) if leg.end is LegEnd.STOPPED]
    is_sound = 2 * (finished + len(stopped)) >= len(tried)  # those that were stopped are known to be worse
    failed = not challengers or (not is_sound and not is_above)
    scores = {trial: score_of(results.get(rung_leg(trial, last))) for trial in (INCUMBENT, winner)}
    completed = f"{finished} of {len(tried)} challengers completed" + _stopped_early(stopped)
    return Finished(
        winner=trials[winner],
        winner_trial=winner,
        incumbent_score=scores[INCUMBENT],
        winner_score=scores[winner],
        nothing_better=is_sound and not failed and not is_above,
        failed=failed,
        reason=(f"the search failed: {completed}" if failed else _reason(task, winner, is_above, scores, completed))
        + _incumbent_end(last, results),
        ranking=_ranking(trials, last, results, worth),
    )


def _stopped_early(legs: Sequence[LegResult]) -> str:
    """How many runs were stopped as hopeless and the steps of theirs that it saved, as a clause; empty for none."""
    if not legs:
        return ""
    whole = sum(leg.request.to_step - leg.request.from_step for leg in legs)
    saved = 1.0 - sum(leg.trained for leg in legs) / whole
    return f", {len(legs)} stopped early, hopeless by the median rule, which saved {100 * saved:.0f} % of their steps"


def _is_above(
    task: SearchTask,
    trials: Mapping[str, Configuration],
    rung: int,
    results: Mapping[str, LegResult],
    worth: Mapping[str, float],
    winner: str,
) -> bool:
    """Whether the winner promises enough for pairs to be trained."""
    if INCUMBENT not in worth:
        return True
    others = seen_below(trials, rung, results) + task.earlier
    return worth[winner] > worth[INCUMBENT] and (
        hope(task.space, trials, completed_scores(trials, rung, results), others, winner, INCUMBENT) >= LEAST_HOPE
    )


def _worth(
    task: SearchTask, trials: Mapping[str, Configuration], rung: int, results: Mapping[str, LegResult]
) -> dict[str, float]:
    """The expected score of each trial that completed the rung, from its own score and its neighbours'."""
    others = seen_below(trials, rung, results) + task.earlier
    return smoothed(task.space, trials, completed_scores(trials, rung, results), others)


def _reason(task: SearchTask, winner: str, is_above: bool, scores: Mapping[str, float | None], completed: str) -> str:
    """The search in a clause, in the metric's own direction. Where the bare scores say otherwise, it says so."""
    ours, theirs = scores[INCUMBENT], scores[winner]
    if ours is None or theirs is None:
        return f"{winner} is the best challenger; {completed}"
    sign = -1.0 if task.lower_is_better else 1.0
    if is_above:
        lucky = "" if theirs > ours else ", which similar trials do not bear out"
        return (
            f"{winner} scored {sign * theirs:.6g} in the search, the incumbent {sign * ours:.6g}{lucky}; chosen by its"
            f" own score and those of similar trials; {completed}"
        )
    lucky = "" if theirs <= ours else ", similar trials considered"
    return f"no challenger did better than the incumbent's {sign * ours:.6g} in the search{lucky}; {completed}"


def _incumbent_end(last: int, results: Mapping[str, LegResult]) -> str:
    """What became of an incumbent that did not complete; empty when it did."""
    legs = legs_of(INCUMBENT, last, results)
    if legs and score_of(legs[-1]) is None:
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
        legs = legs_of(trial, last, results)
        score = next((score_of(leg) for leg in reversed(legs) if score_of(leg) is not None), None)
        ended = legs[-1] if legs else None
        if score is not None and score_of(ended) is not None:
            is_full = ended is not None and ended.request.name == rung_leg(trial, last)
            place = (0 if is_full else 1, -worth.get(trial, score))
        else:
            place = (_PLACES_WITHOUT_SCORE.get(ended.end, 4) if ended is not None else 4, 0.0)
        places.append((place, (trial, configuration, score)))
    return tuple(ranked for _, ranked in sorted(places, key=lambda entry: entry[0]))


_PLACES_WITHOUT_SCORE = {LegEnd.STOPPED: 2, LegEnd.DIVERGED: 3, LegEnd.COMPLETED: 3}  # the score was not finite


def _completed(trials: Iterable[str], rung: int, results: Mapping[str, LegResult]) -> list[str]:
    """Trials with a finite score at the rung, best first; equal scores in the order of trials."""
    scores = completed_scores(trials, rung, results)
    return sorted(scores, key=lambda trial: (-scores[trial], trial))


def _leg(
    task: SearchTask, plan: SearchPlan, trial: str, configuration: Configuration, rung: int, is_first: bool = False
) -> LegRequest:
    """The trial's leg to a rung: from the rung below, or from the initialisation."""
    has_parent, named = rung > 0 and not is_first, read_name(trial)
    return LegRequest(
        name=rung_leg(trial, rung),
        trial=trial,
        purpose=Purpose.SEARCH,
        configuration=configuration,
        seed=derive_seed(task.seed, "search", "seed"),
        split_seed=derive_seed(task.seed, "search", "split"),
        from_step=plan.rungs[rung - 1] if has_parent else 0.0,
        to_step=plan.rungs[rung],
        parent=rung_leg(trial, rung - 1) if has_parent else None,
        keeps_checkpoint=rung < len(plan.rungs) - 1,
        role=named.role,
        number=named.number,
    )
