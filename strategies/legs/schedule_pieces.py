"""A schedule as a chain of legs with constant values, for trainings that take one value per hyperparameter."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ..records import LegEnd, LegRequest, LegResult
from .names import piece


def stretches(request: LegRequest) -> tuple[LegRequest, ...]:
    """The leg split where a schedule changes value, each piece starting from the previous one's checkpoint.

    A leg without a schedule is returned alone and unchanged. The last piece has the leg's own name, under which a
    later leg finds its checkpoint.
    """
    schedules = {name: value for name, value in request.configuration.items() if isinstance(value, tuple)}
    if not schedules:
        return (request,)
    inner = {step for points in schedules.values() for step, _ in points if request.from_step < step < request.to_step}
    edges = (request.from_step, *sorted(inner), request.to_step)
    pieces: list[LegRequest] = []
    for number, (start, end) in enumerate(pairwise(edges)):
        is_last = end == request.to_step
        constant = {name: _value_at(points, start) for name, points in schedules.items()}
        pieces.append(
            replace(
                request,
                name=request.name if is_last else piece(request.name, number),
                configuration={**request.configuration, **constant},
                from_step=start,
                to_step=end,
                parent=pieces[-1].name if pieces else request.parent,
                keeps_checkpoint=True if not is_last else request.keeps_checkpoint,
            )
        )
    return tuple(pieces)


def joined(request: LegRequest, results: Sequence[LegResult]) -> LegResult:
    """The result of a leg, given those of its pieces in order; a piece that did not complete ends the leg."""
    last = results[-1]
    return replace(
        last,
        request=request,
        curve=tuple(point for result in results for point in result.curve),
        seconds=sum(result.seconds for result in results),
        cpu_s=sum(result.cpu_s for result in results),
        peak_memory_bytes=max(result.peak_memory_bytes for result in results),
        attempts=max(result.attempts for result in results),
        score=last.score if last.end is LegEnd.COMPLETED else None,
    )


def _value_at(points: Sequence[tuple[float, float]], step: float) -> float:
    return next(value for start, value in reversed(points) if start <= step)
