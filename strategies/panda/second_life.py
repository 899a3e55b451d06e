"""A second panda within a life: the training begins again at the initialisation, with a lower rate.

The best rate of a short probe is three to thirty times too high for a whole run that comes to memorise its rows. There
the sum of the rate over the steps to the best end of a day is what carries over: it gives the second panda its rate
(measured in benchmarks/panda.py).
"""

import math
from dataclasses import replace

from .diary import shift
from .life_state import LifeInputs, LifeState, budget_left, log
from .states import INCUMBENT_LEG, TAIL_SHARE, ResumePoint, within_bounds
from .task import PandaRules
from .value_path import Path

LOWER_FROM = 0.6  # of the rate: above it a second panda would only repeat the first
LEAST_FOR_SECOND = 0.25  # of the budget
AS_FAR = 0.7  # of the sum of the rate up to the best end of a day: at a lower rate less of it goes as far


def begin_again(
    inputs: LifeInputs, state: LifeState, best: ResumePoint, why: str, most: float = math.inf
) -> LifeState | None:
    """The state with a second panda at the initialisation, `most` as its rate at most; None where there was one
    already, or where that is no new rate."""
    if state.here.trial == inputs.second_trial:
        return None
    further = _came_further(inputs, best)
    lower = lower_rate(inputs.rules, best, budget_left(inputs, state), most, further)
    if lower is None:
        return None
    rate, like = best.path.at(inputs.rate, best.step), "" if further is None else ", to come as far as the incumbent"
    text = f"{why}: a second panda from the beginning, {shift(inputs.rate, rate, lower)}{like}"
    path = Path.of({**best.path.values_at(0.0), inputs.rate: lower})
    here = ResumePoint(None, inputs.second_trial, state.day, 0.0, path)
    return replace(log(state, best.step, text), here=here, training=(), troubles=())


def lower_rate(
    rules: PandaRules, best: ResumePoint, left: float, most: float = math.inf, further: float | None = None
) -> float | None:
    """The rate, `most` at most, of a second panda that learns as much with what is left as the first one had at its
    best; None where that is no new rate or too little is left. `left` is in the budget's unit. `further`: how far, as
    a sum of the rate over steps, a run came that did better."""
    name = rules.rate.name
    if left < LEAST_FOR_SECOND * rules.search.budget:
        return None
    came = AS_FAR * best.path.summed(name, best.step) if further is None else further
    lower = within_bounds(rules.rate, min(came / ((1.0 - TAIL_SHARE / 2.0) * left), most))
    return lower if lower < LOWER_FROM * best.path.at(name, best.step) else None


def _came_further(inputs: LifeInputs, best: ResumePoint) -> float | None:
    """The sum of the rate over the incumbent's full run, where that did better than this life so far; else None."""
    incumbent = inputs.results.get(INCUMBENT_LEG)
    if incumbent is None or incumbent.score is None or incumbent.score <= (best.score or 0.0):
        return None
    value = incumbent.request.configuration[inputs.rate]
    points = value if isinstance(value, tuple) else ((0.0, float(value)),)
    return Path(((inputs.rate, points),)).summed(inputs.rate, inputs.budget)
