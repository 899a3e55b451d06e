"""What a person asks of a life, carried out at the start of a day."""

from dataclasses import replace

from .diary import Wish, WishKind, shift
from .life_state import LifeInputs, LifeState, begin_decay, change_path, go_back, log


def grant(inputs: LifeInputs, state: LifeState, wish: Wish) -> LifeState:
    """The state after a wish; a decay that was under way begins anew from there, unless the values are held."""
    state = replace(state, tried_from=None)
    if wish.kind is WishKind.BACK:
        state = _go_back(state, wish)
    elif wish.kind is WishKind.SET:
        state = _set_values(state, wish)
    else:
        state = _hold(state, wish)
    if not state.is_decaying:
        return state
    state = replace(state, is_decaying=False)
    return state if state.is_held else begin_decay(inputs, state)


def _go_back(state: LifeState, wish: Wish) -> LifeState:
    """Back to the last scored point up to the end of that day; where there is none, nothing changes."""
    past = [point for point in state.archive if point.day <= (wish.to_day or 0)]
    if not past:
        return state
    point = past[-1]
    return log(
        go_back(state, point, point.path.cut(point.step)), point.step, f"back to the end of day {point.day}", wish.by
    )


def _set_values(state: LifeState, wish: Wish) -> LifeState:
    """The wished values from here on; names that the path does not move are passed over."""
    before, step = state.here.path, state.here.step
    values = {name: value for name, value in wish.values.items() if name in before.names}
    path = before
    for name, value in values.items():
        path = path.with_value(name, step, value)
    text = ", ".join(shift(name, before.at(name, step), value) for name, value in values.items())
    return log(change_path(state, path), step, text, wish.by)


def _hold(state: LifeState, wish: Wish) -> LifeState:
    """The present values for all that comes, or free to move again."""
    is_held = wish.kind is WishKind.HOLD
    state = replace(change_path(state, state.here.path.cut(state.here.step)), is_held=is_held)
    return log(state, state.here.step, "holds its values" if is_held else "moves by itself again", wish.by)
