"""Panda: one run trained day by day, and the path of values that it took against the incumbent.

The challenger is a schedule: the values of the best life up to its best end of a day, and a rate of zero from there
on, so that a full training replays it. A search is a pure function of what has ended, as with caviar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..legs.names import INCUMBENT
from ..records import Configuration, LegEnd, LegRequest, LegResult, Purpose, Role
from ..search.task import Finished, Propose, Ranked
from ..words import counted
from .diary import DayEnd, Nudge, step_text
from .life import follow_life
from .states import INCUMBENT_LEG, LifeSoFar, ResumePoint, seeds_of, start_values, values_at_start
from .task import PandaTask

DAYS = 20  # in a run, where the owner says nothing else


@dataclass(frozen=True, slots=True)
class Diary:
    """What a watcher sees: ends of days and nudges of all lives, and the trial of the best point so far.

    `days`: how many have ended. `ring`: the legs whose checkpoints may be rolled back to; no others are needed.
    """

    day_ends: tuple[DayEnd, ...]
    nudges: tuple[Nudge, ...]
    best_trial: str | None
    days: int
    ring: frozenset[str] = frozenset()


def decide(task: PandaTask, history: Sequence[LegResult]) -> tuple[Propose | Finished, Diary]:
    """The next legs or the end of the search, and the diary up to there."""
    results = {result.request.name: result for result in history if result.request.purpose is Purpose.SEARCH}
    lives: list[LifeSoFar] = []
    start = start_values(task.rules, task.search.incumbent)
    first = _incumbent_leg(task)
    for number in range(task.lives):
        life, waits = follow_life(task.rules, number, start, results, lives[-1].day if lives else 0)
        lives.append(life)
        if waits is not None:
            legs = waits.legs if first.name in results else (first, *waits.legs)
            return Propose(legs), _diary(lives)
        best = _best(lives)
        if best is not None:
            start = dict(values_at_start(best.path, task.rules.rate.name))
    if first.name not in results:
        return Propose((first,)), _diary(lives)
    return _finish(task, lives, results), _diary(lives)


def replayed(task: PandaTask, best: ResumePoint) -> Configuration:
    """The path to a point as the configuration of a full training."""
    path = best.path.ended(task.rules.rate.name, best.step, task.search.budget)
    return task.search.space.validate(path.within(task.search.incumbent, task.search.space), strict=False)


def _incumbent_leg(task: PandaTask) -> LegRequest:
    """The incumbent's full run on the first life's seed, to know whether the panda did better."""
    seeds = seeds_of(task.rules, 0)
    return LegRequest(
        name=INCUMBENT_LEG,
        trial=INCUMBENT,
        purpose=Purpose.SEARCH,
        configuration=task.search.space.validate(task.search.incumbent, strict=False),
        seed=seeds.life,
        split_seed=seeds.split,
        from_step=0.0,
        to_step=task.search.budget,
        role=Role.INCUMBENT,
        number=0,
    )


def _finish(task: PandaTask, lives: Sequence[LifeSoFar], results: Mapping[str, LegResult]) -> Finished:
    best, incumbent = _best(lives), results[INCUMBENT_LEG]
    theirs = incumbent.score if incumbent.end is LegEnd.COMPLETED else None
    ranking: list[Ranked] = [(INCUMBENT, incumbent.request.configuration, theirs)]
    if best is None:
        last = lives[-1].nudges[-1].text if lives[-1].nudges else "nothing was reported"
        return Finished(
            winner=incumbent.request.configuration,
            winner_trial=INCUMBENT,
            incumbent_score=theirs,
            winner_score=None,
            nothing_better=False,
            failed=True,
            reason=f"the panda failed: {last}",
            ranking=tuple(ranking),
        )
    winner = replayed(task, best)
    ranking += [(point.trial, replayed(task, point), point.score) for point in _best_points(lives)]
    ranking.sort(key=lambda ranked: (ranked[2] is None, -(ranked[2] or 0.0)))
    is_above = theirs is None or (best.score is not None and best.score > theirs)
    return Finished(
        winner=winner,
        winner_trial=best.trial,
        incumbent_score=theirs,
        winner_score=best.score,
        nothing_better=not is_above,
        failed=False,
        reason=_reason(task, lives, best, theirs, is_above) + _incumbent_end(incumbent),
        ranking=tuple(ranking),
        too_small=_too_small(task, lives),
    )


def _too_small(task: PandaTask, lives: Sequence[LifeSoFar]) -> str:
    """Why the search cannot have seen whether anything is better; empty where a life trained to its end."""
    longest = max(lives, key=lambda life: life.spent)
    budget = task.search.budget
    if budget - longest.spent < task.rules.least:
        return ""
    why = f" ({longest.nudges[-1].text})" if longest.nudges else ""
    return f"no life of it trained to its end, the longest {step_text(longest.spent)} of {step_text(budget)}{why}"


def _reason(
    task: PandaTask, lives: Sequence[LifeSoFar], best: ResumePoint, theirs: float | None, is_above: bool
) -> str:
    """The search in a clause, in the metric's own direction."""
    sign = -1.0 if task.search.lower_is_better else 1.0
    nudges = sum(len(life.nudges) for life in lives)
    lived = f"{lives[-1].day} days, {counted(nudges, 'nudge')}"
    lived += f", {len(lives)} lives" if len(lives) > 1 else ""
    ours = f"{sign * (best.score or 0.0):.6g}"
    if theirs is None:
        return f"the panda ({best.trial}) scored {ours} in the search; {lived}"
    if not is_above:
        return f"the panda came to {ours}, no better than the incumbent's {sign * theirs:.6g} in the search; {lived}"
    return f"the panda ({best.trial}) scored {ours} in the search, the incumbent {sign * theirs:.6g}; {lived}"


def _incumbent_end(incumbent: LegResult) -> str:
    if incumbent.end is LegEnd.COMPLETED:
        return ""
    return f"; the incumbent did not complete ({incumbent.end.replace('_', ' ')})"


def _best(lives: Sequence[LifeSoFar]) -> ResumePoint | None:
    """The point of the highest score over all lives, of equals the earlier life's."""
    return max(_best_points(lives), key=lambda point: point.score or 0.0, default=None)


def _best_points(lives: Sequence[LifeSoFar]) -> list[ResumePoint]:
    return [life.best for life in lives if life.best is not None]


def _diary(lives: Sequence[LifeSoFar]) -> Diary:
    best = _best(lives)
    return Diary(
        day_ends=tuple(day_end for life in lives for day_end in life.day_ends),
        nudges=tuple(nudge for life in lives for nudge in life.nudges),
        best_trial=None if best is None else best.trial,
        days=lives[-1].day,
        ring=frozenset(lives[-1].ring),
    )
