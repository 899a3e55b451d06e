"""The stretches of a drift record whose scores may be compared: what an owner changed interrupts the line.

Data and environment do not: their changes are what the record is kept for. Other settings, other code, another
training, budget, metric or source of data are the owner's own doing, and look like drift where they are joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .drift import DriftPoint

SHORT = 6  # characters of a fingerprint that people read


@dataclass(frozen=True, slots=True)
class Segment:
    """Points, in order, that share what they are about. `start`: the place of the first in the record, from 0.

    `label` says what they share; `why` what changed before the first, empty for the record's first segment.
    """

    start: int
    points: tuple[DriftPoint, ...]
    label: str
    why: str


def segments(points: Sequence[DriftPoint]) -> tuple[Segment, ...]:
    """The record in its stretches, oldest first."""
    starts = [at for at, point in enumerate(points) if at == 0 or changed(points[at - 1], point)]
    ends = [*starts[1:], len(points)][: len(starts)]
    varying = [name for name in _OWN if len({_text(point, name) for point in points}) > 1]
    return tuple(
        Segment(
            start=start,
            points=tuple(points[start:end]),
            label=_label(points[start], varying),
            why=changed(points[start - 1], points[start]) if start else "",
        )
        for start, end in zip(starts, ends, strict=True)
    )


def changed(before: DriftPoint, now: DriftPoint) -> str:
    """What an owner changed between two points, as 'settings v1 -> v2, code 1a2b3c -> 4d5e6f'; empty for nothing."""
    changes = [_change(name, _text(before, name), _text(now, name)) for name in _OWN if not _is_same(before, now, name)]
    return ", ".join(changes)


def _change(name: str, before: str, now: str) -> str:
    return f"{name} changed" if name in _UNSAID or before == now else f"{name} {before} -> {now}"


def _label(point: DriftPoint, varying: Sequence[str]) -> str:
    """What the points share: always the settings and the code, anything else where it is not the same throughout."""
    named = [name for name in _OWN if name in _ALWAYS or (name in varying and name not in _UNSAID)]
    return ", ".join(f"{name} {_text(point, name)}" for name in named)


def _is_same(before: DriftPoint, now: DriftPoint, name: str) -> bool:
    """Whether both share a part; of code, what is imported counts where both points know it."""
    if name != "code":
        return _text(before, name) == _text(now, name)
    if bool(before.named_code) == bool(now.named_code):
        return before.code == now.code
    return (before.named_code or before.code) == (now.named_code or now.code)


def _text(point: DriftPoint, name: str) -> str:
    return {
        "settings": f"v{point.settings_version}",
        "code": point.code[:SHORT] or "unknown",
        "training command": point.training,
        "budget": point.budget,
        "metric": point.metric + (" (lower is better)" if point.lower_is_better else ""),
        "data source": point.source or "none",
    }[name]


_OWN = ("settings", "code", "training command", "budget", "metric", "data source")
_ALWAYS = ("settings", "code")
_UNSAID = ("training command",)  # its words may hold what is nobody's business
