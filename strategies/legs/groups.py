"""Which legs are given to a worker together, to be trained as one batch where their shapes allow it.

Rounding depends on what shares a batch, so a group is a function of the requested legs, never of time or of which
worker is free; it is recorded in its legs, and a leg that is retried is trained in the same group.
"""

from collections.abc import Sequence
from itertools import pairwise

from ..records import LegRequest, Value

LEAST, MOST = 4, 512  # a part for a further worker has at least LEAST legs; a group has at most MOST


def plan_groups(requests: Sequence[LegRequest], workers: int) -> tuple[tuple[str, ...], ...]:
    """The names of the legs of each group, two or more; ungrouped legs are trained alone, as guarded ones always are.

    `workers` is how many workers there may be: each kind is divided into as many groups where it has enough legs.
    """
    kinds: dict[tuple[object, ...], list[LegRequest]] = {}
    for request in (leg for leg in requests if not leg.is_guarded and not leg.skip_batches):
        kinds.setdefault(_kind(request), []).append(request)
    groups = (group for legs in kinds.values() for group in _cut(sorted(legs, key=_shape), workers))
    return tuple(tuple(leg.name for leg in group) for group in groups if len(group) > 1)


def _kind(request: LegRequest) -> tuple[object, ...]:
    """What the legs of a group have in common: the stretch, the batch size and the optimiser."""
    configuration = request.configuration
    settings = (repr(configuration.get(name)) for name in ("batch_size", "optimizer"))
    return (request.from_step, request.to_step, request.parent is None, request.keeps_checkpoint, *settings)


def _shape(request: LegRequest) -> list[tuple[str, str]]:
    """The values likely to determine the model's shape, as a sort key that keeps legs of one shape together."""
    return [(name, repr(value)) for name, value in sorted(request.configuration.items()) if _is_discrete(value)]


def _is_discrete(value: Value) -> bool:
    return isinstance(value, (bool, int, str))


def _cut(legs: Sequence[LegRequest], workers: int) -> list[Sequence[LegRequest]]:
    """The legs in their order, divided evenly among the workers within the limits of a group's size."""
    count = max(1, min(workers, len(legs) // LEAST), -(-len(legs) // MOST))
    edges = [round(len(legs) * part / count) for part in range(count + 1)]
    return [legs[start:end] for start, end in pairwise(edges)]
