"""One life, followed through the legs that ended: what it asks for next, or what became of it.

A life is a fold: from the state that the probes leave, each recorded day gives the next state. Nothing outlives a call.
"""

from collections.abc import Mapping
from dataclasses import replace

from ..legs.names import search_trial
from ..records import LegEnd, LegRequest, LegResult
from ..search.task import Propose
from .daily_moves import judge_move, try_move
from .diagnosis import best_of, sign_of
from .diary import DayEnd, Nudging, shift, step_text
from .life_state import LifeInputs, LifeState, arrive, begin_decay, budget_left, log, so_far
from .rate_probes import probe
from .rescues import recover, respond
from .states import TAIL_SHARE, LifeSoFar, ResumePoint, Stretch, cost_of, leg_of, point_after, seeds_of
from .task import PandaRules
from .value_path import Path, whole
from .wishes import grant

FAILED = (LegEnd.DIVERGED, LegEnd.CRASHED, LegEnd.SIGNALLED)


def follow_life(
    rules: PandaRules, number: int, start: Mapping[str, float], results: Mapping[str, LegResult], day: int
) -> tuple[LifeSoFar, Propose | None]:
    """The life so far and the legs it waits for; None when it is over.

    `number` tells lives of a campaign apart, `start` are the values it begins with, `day` the last of the life before.
    """
    trials, seeds = 100 * number, seeds_of(rules, number)
    probes = probe(rules, seeds, start, results, trials)
    if isinstance(probes, Propose):
        return LifeSoFar(day=day), probes
    second_trial = search_trial(trials + len(probes.tried) + 1)
    day_length = rules.day_length(tuple(results.values()))
    inputs = LifeInputs(rules, seeds, results, probes, second_trial, day_length)
    state = _begin(inputs, start[rules.rate.name], day)
    while not state.is_over and budget_left(inputs, state) >= rules.least:
        state = _start_day(inputs, replace(state, day=state.day + 1))
        leg = _leg_of_today(inputs, state)
        result = results.get(leg.name)
        if result is None:
            return so_far(inputs, state, state.day - 1), Propose((leg,))
        state = _end_day(inputs, state, leg, result)
    return so_far(inputs, state, state.day), None


def _begin(inputs: LifeInputs, given: float, day: int) -> LifeState:
    """The state at the end of the chosen probe; over where all died. `given`: the rate that the life was given."""
    probes, rate = inputs.probes, inputs.rate
    tried = f"{len(probes.tried)} probes from {rate} {probes.tried[0]:.3g} to {probes.tried[-1]:.3g}"
    state = LifeState(ResumePoint(None, inputs.second_trial, 0, 0.0, Path(())), day, probes.spent)
    if probes.chosen is None:
        return replace(log(state, 0.0, f"{tried} all died"), is_over=True)
    chosen = probes.living[probes.chosen]
    change = shift(rate, given, chosen.path.at(rate, 0.0))
    return log(arrive(state, chosen), chosen.step, f"{tried}: {change}")


def _start_day(inputs: LifeInputs, state: LifeState) -> LifeState:
    """The state with what its day begins with: wishes, the decay when its time has come, in daily mode a small move."""
    for wish in inputs.rules.wishes:
        if wish.day == state.day:
            state = grant(inputs, state, wish)
    if state.is_decaying or state.is_held:
        return state
    remaining = budget_left(inputs, state)
    if remaining <= TAIL_SHARE * inputs.budget + 1e-9:
        text = f"{inputs.rate} decays to zero over the last {step_text(remaining)}"
        return begin_decay(inputs, log(state, state.here.step, text))
    if inputs.rules.nudging is Nudging.DAILY and state.tried_from is None:
        return try_move(inputs, state)
    return state


def _leg_of_today(inputs: LifeInputs, state: LifeState) -> LegRequest:
    """The leg that trains the day: at least the shortest, at most what is left of the budget."""
    rules, here, remaining = inputs.rules, state.here, budget_left(inputs, state)
    end = whole(here.step + min(inputs.day_length, remaining), rules.search.unit)
    end = min(max(end, here.step + rules.least), here.step + remaining)
    stretch = Stretch(here.leg, here.step, end, state.skip_batches)
    return leg_of(rules, inputs.seeds, here.trial, state.day, stretch, here.path)


def _end_day(inputs: LifeInputs, state: LifeState, leg: LegRequest, result: LegResult) -> LifeState:
    """The state after the day's leg: judged by its score, rescued, or over."""
    path, day_ends = state.here.path, state.day_ends
    is_scored = result.end is LegEnd.COMPLETED and result.score is not None
    if is_scored:
        last_rate = path.at(inputs.rate, leg.to_step - inputs.rules.least / 2.0)
        day_ends = (*day_ends, DayEnd(state.day, leg.trial, leg.to_step, result.score, last_rate))
    state = replace(state, skip_batches=0, spent=state.spent + cost_of(leg, result), day_ends=day_ends)
    if is_scored:
        return _judge(inputs, arrive(state, point_after(leg, result, state.day, path)))
    if result.end in FAILED:
        return recover(inputs, state, leg, result)
    text = f"the training ended ({result.end.replace('_', ' ')}): {result.detail}"
    return replace(log(state, state.here.step, text), is_over=True)


def _judge(inputs: LifeInputs, state: LifeState) -> LifeState:
    """The state with a move kept or taken back; without one, after what the last days show of the training."""
    if state.tried_from is not None:
        return judge_move(state, state.tried_from)
    if state.is_decaying or state.is_held:
        return state
    best, first = best_of(state.training), inputs.probes.first_score
    if first is None:
        first = min(point.score for point in state.archive if point.score is not None)
    learnt = max((best.score or 0.0) - first, 0.0)
    return respond(inputs, state, sign_of(state.training, best, learnt), best)
