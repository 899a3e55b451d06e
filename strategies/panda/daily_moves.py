"""The daily mode: at the start of a day one value is moved a little; at its end the move is kept or taken back."""

from dataclasses import replace

from ..hyperparameter import Hyperparameter
from .diary import shift, step_text
from .life_state import LifeInputs, LifeState, change_path, go_back, log
from .states import ResumePoint, within_bounds

SMALL_MOVE = 10.0**0.25  # the factor of a daily move
MOMENTUM_MOVE = 0.5  # of the distance between a momentum and one


def try_move(inputs: LifeInputs, state: LifeState) -> LifeState:
    """The state with one value moved: up first, then down, then the next hyperparameter's, a turn for each move that
    was taken back; one that was kept is tried again."""
    here, (turn, is_down) = state.here, divmod(state.moves_taken_back, 2)
    moved = inputs.rules.moves[turn % len(inputs.rules.moves)]
    before = here.path.at(moved.name, here.step)
    after = small_move(moved, before, bool(is_down))
    state = replace(change_path(state, here.path.with_value(moved.name, here.step, after)), tried_from=here)
    return log(state, here.step, f"tries {shift(moved.name, before, after)}")


def judge_move(state: LifeState, before: ResumePoint) -> LifeState:
    """The state with today's move kept, where the score is no lower than `before` it; else back at that point."""
    state = replace(state, tried_from=None)
    if (state.here.score or 0.0) >= (before.score or 0.0):
        return log(state, state.here.step, "better than at the start of the day: kept")
    state = replace(state, moves_taken_back=state.moves_taken_back + 1)
    state = log(state, before.step, f"no better than at the start of the day: taken back, to {step_text(before.step)}")
    return go_back(state, before, before.path)


def small_move(hyperparameter: Hyperparameter, value: float, is_down: bool) -> float:
    """The value of a daily move, within bounds: a momentum moves towards one or away from it, all else by a factor."""
    if hyperparameter.name in ("momentum", "beta1"):
        distance = (1.0 - value) * (1.0 / MOMENTUM_MOVE if is_down else MOMENTUM_MOVE)
        return within_bounds(hyperparameter, 1.0 - distance)
    return within_bounds(hyperparameter, value / SMALL_MOVE if is_down else value * SMALL_MOVE)
