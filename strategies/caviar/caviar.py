"""Caviar: many configurations at once, on common seeds; the best one challenges the incumbent.

A first wave covers the space, and successive halving stops its bad trials early; then small waves follow where a model
of the scores so far promises the most, the last one where it expects the highest score.

A search is a pure function of the ended legs: the same history, in any order, gives the same next legs.
Decisions are made on complete rungs only, in the order of trials, so that speed has no influence.
"""

from collections.abc import Iterable, Mapping, Sequence

from threadpoolctl import threadpool_limits

from ..legs.names import INCUMBENT, read_name, rung_leg, search_trial
from ..records import Configuration, LegEnd, LegRequest, LegResult, Purpose
from ..search.least_search import LEAST_CHALLENGERS_SEEN, least_challengers, too_few
from ..search.observations import Observations
from ..search.successive_halving import LEAST_WAVE, WAVES, SearchPlan, later_waves, plan_search, survivors
from ..search.task import Finished, Propose, Ranked, SearchTask
from ..space import configuration_key, derive_seed
from .expected_scores import smoothed, standardized_improvement
from .proposals import first_wave, next_wave
from .scores import (
    by_leg,
    completed_scores,
    legs_of,
    observations_below,
    observations_in,
    score_of,
    stop_rule,
)

LEAST_IMPROVEMENT = 0.3
"""The least expected improvement of a winner, in standard deviations of its uncertainty, that is worth training pairs.
Measured in simulation with unit noise, two dimensions: it ends a third of the searches in which nothing changed, and 0
to 6% of those on quadratic functions whose optimum moved by one standard deviation (a cone: 20%)."""

CLEARLY_ABOVE = 1.0
"""Standard deviations of a run's score by which a winner scores above the incumbent and is tested whatever the model of
the scores says."""


def decide(task: SearchTask, history: Sequence[LegResult]) -> Propose | Finished:
    """The next legs, or the end of the search. Legs of other purposes in the history are ignored.

    Matrices of a few hundred rows take longer on several cores than on one, and their last digits would depend on how
    many there are.
    """
    with threadpool_limits(1, user_api="blas"):
        return _decide(task, history)


def _decide(task: SearchTask, history: Sequence[LegResult]) -> Propose | Finished:
    incumbent = task.space.validate(task.incumbent, strict=False)
    plan = plan_search(task.challengers, task.full_runs, task.budget, task.unit, task.resumable)
    results = by_leg(history)
    wave = _recorded(task, 1, plan.first, 0, results) or first_wave(
        task.space, incumbent, task.warm, task.seed, plan.first, task.sampler
    )
    trials = {search_trial(index): configuration for index, configuration in enumerate((incumbent, *wave))}
    if not wave:
        return _without_challengers(incumbent)
    alive = tuple(trials)
    for rung in range(len(plan.rungs)):
        legs = tuple(_leg(task, plan, trial, trials[trial], rung) for trial in alive)
        if any(leg.name not in results for leg in legs):
            return Propose(legs)
        alive = survivors(_completed(alive, rung, results), plan.kept, INCUMBENT)
    last, stages = len(plan.rungs) - 1, [(plan.waves, task.earlier)]
    if task.more:
        size = max(LEAST_WAVE, task.more // WAVES)
        stages.append((later_waves(task.more, size), _others(task)))
    for waves, others in stages:
        for number, count in enumerate(waves, start=1):
            proposed = _recorded(task, len(trials), count, last, results) or next_wave(
                task.space,
                (*observations_in(trials, last, results), *others),
                tuple(trials.values()),
                task.seed,
                count,
                is_last=number == len(waves),
                sampler=task.sampler,
                noise=task.noise,
                floor=task.floor,
            )
            more = {search_trial(len(trials) + index): configuration for index, configuration in enumerate(proposed)}
            legs = tuple(
                _leg(task, plan, trial, configuration, last, is_first=True) for trial, configuration in more.items()
            )
            if any(leg.name not in results for leg in legs):
                may_stop = task.stops_hopeless and not task.resumable
                return Propose(legs, stop_rule(trials, last, results, task.budget) if may_stop else None)
            trials |= more
    return _finish(task, plan, trials, results)


def _others(task: SearchTask) -> tuple[Observations, ...]:
    """What a search knows besides its own scores."""
    return task.earlier if task.paired is None else (task.paired, *task.earlier)


def _recorded(
    task: SearchTask, start: int, count: int, rung: int, results: Mapping[str, LegResult]
) -> tuple[Configuration, ...]:
    """The configurations of a wave that has been trained; empty where a trial of it is missing."""
    legs = [results.get(rung_leg(search_trial(start + index), rung)) for index in range(count)]
    trained = [task.space.validate(leg.request.configuration, strict=False) for leg in legs if leg is not None]
    return tuple(trained) if len(trained) == count else ()


def _finish(
    task: SearchTask, plan: SearchPlan, trials: Mapping[str, Configuration], results: Mapping[str, LegResult]
) -> Finished:
    """The end: the challenger of the highest expected score at the full budget, and what the search can claim of it.

    One that pairs have tested already is not named again.
    """
    last = len(plan.rungs) - 1
    expected = _expected_scores(task, trials, last, results)
    tested = {configuration_key(tested) for tested, _ in task.paired.scores} if task.paired is not None else set()
    challengers = sorted(
        (trial for trial in expected if trial != INCUMBENT and configuration_key(trials[trial]) not in tested),
        key=lambda trial: (-expected[trial], trial),
    )
    winner = challengers[0] if challengers else INCUMBENT
    is_above = bool(challengers) and _is_above(task, trials, last, results, expected, winner)
    tried = [trial for trial in trials if trial != INCUMBENT]
    finished = sum(all(score_of(leg) is not None for leg in legs_of(trial, last, results)) for trial in tried)
    stopped = [leg for trial in tried for leg in legs_of(trial, last, results) if leg.end is LegEnd.STOPPED]
    is_sound = 2 * (finished + len(stopped)) >= len(tried)  # stopped runs are known to be worse
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
        ranking=_ranking(trials, last, results, expected),
        too_small=_too_small(task, trials[INCUMBENT], len(tried), finished, is_sound),
    )


def _too_small(task: SearchTask, incumbent: Configuration, tried: int, finished: int, is_sound: bool) -> str:
    """Why the search cannot have seen whether anything is better, as a clause; empty where it could."""
    held = task.space.enumerate(incumbent, LEAST_CHALLENGERS_SEEN)
    others = {configuration_key(configuration) for configuration in held or ()} - {configuration_key(incumbent)}
    least = least_challengers(task.challengers, None if held is None else len(others))
    few = too_few(tried, least, task.full_runs is not None, task.least_budget_s)
    if few or is_sound:
        return few
    return f"{finished} of {tried} challengers completed, and half of them must; read the output of the others"


def _stopped_early(legs: Sequence[LegResult]) -> str:
    """How many runs were stopped as hopeless and how many of their steps that saved, as a clause; empty for none."""
    if not legs:
        return ""
    whole = sum(leg.request.to_step - leg.request.from_step for leg in legs)
    saved = 1.0 - sum(leg.trained for leg in legs) / whole
    return f", {len(legs)} stopped early, hopeless by the median rule, which saved {100 * saved:.0f}% of their steps"


def _is_above(
    task: SearchTask,
    trials: Mapping[str, Configuration],
    rung: int,
    results: Mapping[str, LegResult],
    expected: Mapping[str, float],
    winner: str,
) -> bool:
    """Whether the winner's improvement, expected or as scored, is worth training pairs."""
    scores = completed_scores(trials, rung, results)
    if INCUMBENT not in expected:
        return True
    if task.noise is not None and scores[winner] - scores[INCUMBENT] > CLEARLY_ABOVE * task.noise:
        return True
    others = observations_below(trials, rung, results) + _others(task)
    return expected[winner] > expected[INCUMBENT] and (
        standardized_improvement(task.space, trials, scores, others, winner, INCUMBENT, task.noise, task.floor)
        >= LEAST_IMPROVEMENT
    )


def _expected_scores(
    task: SearchTask, trials: Mapping[str, Configuration], rung: int, results: Mapping[str, LegResult]
) -> dict[str, float]:
    """The expected score of each trial that completed the rung, from its own score and its neighbours'."""
    others = observations_below(trials, rung, results) + _others(task)
    return smoothed(task.space, trials, completed_scores(trials, rung, results), others, task.noise, task.floor)


def _reason(task: SearchTask, winner: str, is_above: bool, scores: Mapping[str, float | None], completed: str) -> str:
    """The search in a clause, in the metric's own direction; it says where the raw scores rank the two otherwise."""
    ours, theirs = scores[INCUMBENT], scores[winner]
    if ours is None or theirs is None:
        return f"{winner} is the best challenger; {completed}"
    sign = -1.0 if task.lower_is_better else 1.0
    if is_above:
        lucky = "" if theirs > ours else ", which similar trials do not support"
        return (
            f"{winner} scored {sign * theirs:.6g} in the search, the incumbent {sign * ours:.6g}{lucky}; chosen by its"
            f" own score and those of similar trials; {completed}"
        )
    lucky = "" if theirs <= ours else ", similar trials considered"
    return f"no challenger did better than the incumbent's {sign * ours:.6g} in the search{lucky}; {completed}"


def _incumbent_end(last: int, results: Mapping[str, LegResult]) -> str:
    """How an incumbent that did not complete ended, as a clause; empty when it completed."""
    legs = legs_of(INCUMBENT, last, results)
    if legs and score_of(legs[-1]) is None:
        end = LegEnd.DIVERGED if legs[-1].end is LegEnd.COMPLETED else legs[-1].end
        return f"; the incumbent did not complete ({end.replace('_', ' ')})"
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
    trials: Mapping[str, Configuration], last: int, results: Mapping[str, LegResult], expected: Mapping[str, float]
) -> tuple[Ranked, ...]:
    places: list[tuple[tuple[int, float], Ranked]] = []
    for trial, configuration in trials.items():
        legs = legs_of(trial, last, results)
        score = next((score_of(leg) for leg in reversed(legs) if score_of(leg) is not None), None)
        ended = legs[-1] if legs else None
        if score is not None and score_of(ended) is not None:
            is_full = ended is not None and ended.request.name == rung_leg(trial, last)
            place = (0 if is_full else 1, -expected.get(trial, score))
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
