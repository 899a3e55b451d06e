"""Which legs are handed to a worker together, to be trained as one batch where their shapes allow it.

Rounding depends on what shares a batch, so a group is a function of what was asked for, never of time or of who is
free; it is written into its legs, and a leg that is trained once more is trained in the same company.
"""

from collections.abc import Sequence
from itertools import pairwise

from ..records import LegRequest, Value

LEAST, MOST = 4, 512  # a group is cut for a further worker when the parts have so many; more are never together


def plan_groups(requests: Sequence[LegRequest], ways: int) -> tuple[tuple[str, ...], ...]:
    """The names of the legs of each group, two or more; legs in none are trained alone, as guarded ones always are.

    `ways` is how many workers there may be: as many groups of one kind, if there are legs enough.
    """
    kinds: dict[tuple[object, ...], list[LegRequest]] = {}
    for request in (one for one in requests if not one.is_guarded and not one.skip_batches):
        kinds.setdefault(_kind(request), []).append(request)
    groups = (group for legs in kinds.values() for group in _cut(sorted(legs, key=_shape), ways))
    return tuple(tuple(leg.name for leg in group) for group in groups if len(group) > 1)


def _kind(request: LegRequest) -> tuple[object, ...]:
    """What the legs of a group have in common: the stretch, the batch size and the optimiser."""
    configuration = request.configuration
    settings = (repr(configuration.get(name)) for name in ("batch_size", "optimizer"))
    return (request.from_step, request.to_step, request.parent is None, request.keeps_checkpoint, *settings)


def _shape(request: LegRequest) -> list[tuple[str, str]]:
    """What is likely to shape the model, to sort by: legs of one shape shall not be cut apart without need."""
    return [(name, repr(value)) for name, value in sorted(request.configuration.items()) if _is_discrete(value)]


def _is_discrete(value: Value) -> bool:
    return isinstance(value, (bool, int, str))


def _cut(legs: Sequence[LegRequest], ways: int) -> list[Sequence[LegRequest]]:
    count = max(1, min(ways, len(legs) // LEAST), -(-len(legs) // MOST))
    edges = [round(len(legs) * part / count) for part in range(count + 1)]
    return [legs[start:end] for start, end in pairwise(edges)]
