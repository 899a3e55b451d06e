"""How a life is brought back when a leg fails, when it memorises, or when its rate is too high."""

from dataclasses import replace

from ..records import LegRequest, LegResult
from .diagnosis import Sign
from .diary import shift, step_text
from .life_state import LifeInputs, LifeState, arrive, begin_decay, budget_left, go_back, log
from .rate_probes import STEP
from .second_life import begin_again
from .states import ResumePoint, within_bounds

MOST_TROUBLES = 8  # spikes and divergences that one life is brought back from
NEAR_DAYS = 2.0  # a trouble so soon after another is attributed to the rate, not to the batches
AT_ONCE_DAYS = 0.125
EARLY = 0.5  # of the budget that is left: a best end of a day no later than that is given up for a second panda


def recover(inputs: LifeInputs, state: LifeState, leg: LegRequest, result: LegResult) -> LifeState:
    """The state after a leg that diverged or failed: back at the newest healthy point, or over.

    A first spike leaves the batches out, one that repeats lowers the rate. One that comes at once after batches were
    left out is attributed to the batches too: more are left out.
    """
    at, why = result.metrics.get("guard_step", leg.from_step), result.detail or f"the training {result.end.value}"
    is_first = not any(abs(at - earlier) <= NEAR_DAYS * inputs.day_length for earlier in state.troubles)
    is_at_once = leg.skip_batches > 0 and at - leg.from_step <= AT_ONCE_DAYS * inputs.day_length
    state = replace(state, tried_from=None, troubles=(*state.troubles, at))
    if len(state.troubles) > MOST_TROUBLES:
        return replace(log(state, at, f"{why}: given up after {MOST_TROUBLES} rescues"), is_over=True)
    healthy = result.metrics.get("guard_healthy_step")
    if healthy is None:
        return lower(inputs, state, state.here, why)
    to = ResumePoint(leg.name, leg.trial, state.day, healthy, state.here.path)
    skip = 2 * max(1, int(result.metrics.get("guard_batches", 0.0)), leg.skip_batches * is_at_once)
    state, why = replace(state, skip_batches=skip), f"{why}, {skip} batches skipped"
    is_spike = result.metrics.get("guard_sigma", 0.0) > 0.0
    if not (is_spike and (is_first or is_at_once)):
        return lower(inputs, state, to, why)
    state = log(go_back(state, to, to.path), at, f"{why}: back to {step_text(to.step)}")
    return begin_decay(inputs, state) if state.is_decaying else state


def respond(inputs: LifeInputs, state: LifeState, sign: Sign, best: ResumePoint) -> LifeState:
    """The state after what the last days showed; `best` is the best point of the present training."""
    if sign is Sign.MEMORISES:
        return _leave_memorising(inputs, state, best)
    if sign is Sign.NONE_AS_GOOD:
        return _take_lower_probe(inputs, state, best)
    return _leave_high_rate(inputs, state, best) if sign is Sign.RATE_TOO_HIGH else state


def lower(inputs: LifeInputs, state: LifeState, to: ResumePoint, why: str) -> LifeState:
    """The state rolled back to a point, to continue from there with a lower rate."""
    before = to.path.at(inputs.rate, to.step)
    after = before / STEP if state.is_decaying else within_bounds(inputs.rules.rate, before / STEP)
    text = f"{why}: back to {step_text(to.step)}, {shift(inputs.rate, before, after)}"
    state = log(go_back(state, to, to.path.cut(to.step).with_value(inputs.rate, to.step, after)), to.step, text)
    return begin_decay(inputs, state) if state.is_decaying else state


def _leave_memorising(inputs: LifeInputs, state: LifeState, best: ResumePoint) -> LifeState:
    """A second panda; else back to the best point, and down to zero from there."""
    why = f"{Sign.MEMORISES.value} since {step_text(best.step)}"
    second = begin_again(inputs, state, best, why)
    if second is not None:
        return second
    rate = best.path.at(inputs.rate, best.step)
    state = log(state, best.step, f"{why}: back there, {inputs.rate} {rate:.4g} decays to zero")
    return begin_decay(inputs, go_back(state, best, best.path))


def _leave_high_rate(inputs: LifeInputs, state: LifeState, best: ResumePoint) -> LifeState:
    """A second panda where the best point came early; else back to that point with a lower rate."""
    why, most = Sign.RATE_TOO_HIGH.value, best.path.at(inputs.rate, best.step) / STEP
    is_early = best.step <= EARLY * budget_left(inputs, state)
    second = begin_again(inputs, state, best, why, most) if is_early else None
    return second if second is not None else lower(inputs, state, best, why)


def _take_lower_probe(inputs: LifeInputs, state: LifeState, best: ResumePoint) -> LifeState:
    """On with the probe of the next lower rate; where there is none, back to the best point with a lower rate."""
    rate = best.path.at(inputs.rate, 0.0)
    to = inputs.probes.next_lower(rate, inputs.rate)
    if to is None:
        return lower(inputs, state, best, Sign.NONE_AS_GOOD.value)
    change = shift(inputs.rate, rate, to.path.at(inputs.rate, 0.0))
    state = log(state, to.step, f"{Sign.NONE_AS_GOOD.value}: on with the probe of {change}")
    return arrive(replace(state, training=(), troubles=()), to)
