"""Which campaigns are started, with what of the machine, and for each that waits one sentence why.

The order: priority, and points for waiting, so that nothing waits for ever. A campaign that does not fit yet keeps
what is free of what it needs, so that smaller ones behind it cannot overtake it again and again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .grants import Grant, Machine, Need, Room, Running

POINTS_A_DAY = 4.0  # of waiting; a priority of 100 is worth 25 days
BASELINE_POINTS, MANUAL_POINTS = 10.0, 20.0  # later verdicts need the one, a person waits for the other
RETRY_DELAYS_S = (5.0, 60.0, 600.0, 3600.0, 21600.0)
"""Waits after a campaign's process died, by how often in a row. After one more death, about seven hours from the
first, it is given up: long enough for somebody to free a full disk, short enough to be told the same day."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Hours of training that one model, or all (`whose` empty), may use in a 'month' or 'year' until it renews."""

    span: str
    hours: float
    used_hours: float
    renews_at: datetime
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open campaign that does not run.

    `hours`: of training that it is expected to take yet, None: unknown. `opens_at`: when its window opens, None: it
    is open. `gpus`: those that it had before. `hindrance`: what else keeps it from being started, in words.
    """

    id: int
    model_id: int
    model: str
    queued_at: datetime
    priority: int = 0
    is_baseline: bool = False
    is_manual: bool = False
    has_begun: bool = False
    need: Need = field(default_factory=Need)
    hours: float | None = None
    opens_at: datetime | None = None
    not_before: datetime | None = None
    failures: int = 0
    allowances: tuple[Allowance, ...] = ()
    gpus: tuple[int, ...] = ()
    hindrance: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Campaigns to be started with their grants; why each other one waits; what a person is to be warned of."""

    starts: tuple[tuple[int, Grant], ...]
    waits: tuple[tuple[int, str], ...]
    warnings: tuple[tuple[int, str], ...] = ()


def decide(
    waiting: Sequence[Waiting],
    running: Sequence[Running],
    machine: Machine,
    house: Sequence[Allowance],
    now: datetime,
) -> Decision:
    """What is started now. A campaign that a person asked for, or that has begun, is not put off by limits and
    windows; the person is warned."""
    room = Room(machine, list(running))
    first = _first_of_models(waiting, running)
    waits: dict[int, str] = {}
    warnings: list[tuple[int, str]] = []
    for one in sorted(waiting, key=lambda campaign: (-_points(campaign, now), campaign.id)):
        put_off = _put_off(one, (*one.allowances, *house), room.hours_left, now)
        is_free = one.is_manual or one.has_begun
        why = (
            one.hindrance
            or _later(one, now)
            or (f"waits for campaign {first[one.model_id]} of {one.model}" if first[one.model_id] != one.id else "")
            or ("" if is_free else put_off)
            or room.take(Running(one.id, one.model_id, Grant(0), one.hours or 0.0), one.need, one.gpus)
        )
        if why:
            waits[one.id] = why
        elif put_off and one.is_manual and not one.has_begun:
            warnings.append((one.id, f"started by hand, although by the rules it would wait: {put_off}"))
    return Decision(tuple(room.granted()), tuple(waits.items()), tuple(warnings))


def retry_delay_s(failures: int) -> float | None:
    """How long a campaign waits whose process died so often in a row; None: it is given up."""
    return RETRY_DELAYS_S[failures - 1] if failures <= len(RETRY_DELAYS_S) else None


def _points(one: Waiting, now: datetime) -> float:
    waited_days = max(0.0, (now - one.queued_at).total_seconds()) / 86400.0
    return (
        one.priority
        + POINTS_A_DAY * waited_days
        + BASELINE_POINTS * one.is_baseline
        + MANUAL_POINTS * one.is_manual
    )  # fmt: skip


def _first_of_models(waiting: Sequence[Waiting], running: Sequence[Running]) -> dict[int, int]:
    """The campaign of each model that runs or may be next: its baseline, then the oldest."""
    ordered = sorted(waiting, key=lambda one: (not one.is_baseline, one.id), reverse=True)
    return {one.model_id: one.id for one in ordered} | {one.model_id: one.id for one in running}


def _later(one: Waiting, now: datetime) -> str:
    if one.not_before is None or one.not_before <= now:
        return ""
    times = "once" if one.failures == 1 else f"{one.failures} times in a row"
    return f"its process died {times}; it is tried again at {one.not_before:%H:%M} UTC on {_day(one.not_before)}"


def _put_off(one: Waiting, allowances: Sequence[Allowance], promised: float, now: datetime) -> str:
    """Why limits and windows put it off; empty where they do not."""
    for allowance in allowances:
        used = allowance.used_hours + (0.0 if allowance.whose else promised)
        if used + (one.hours or 0.0) <= allowance.hours and used < allowance.hours:
            continue
        whose = "" if allowance.whose else " of all models"
        if one.hours is not None and one.hours > allowance.hours:
            return (
                f"it needs about {_hours(one.hours)} of training, and {allowance.hours:g} a {allowance.span}{whose} are"
                f" allowed: raise hours_a_{allowance.span} under [limits], or start it by hand: retuned retune"
                f" {one.model}"
            )
        needs = "" if one.hours is None else f" and this one needs about {_hours(one.hours)}"
        return (
            f"deferred to {_day(allowance.renews_at)}: {used:.0f} of {allowance.hours:g} hours of this"
            f" {allowance.span}{whose} are used{needs}"
        )
    if one.opens_at is not None and one.opens_at > now:
        return f"waits for its window, which opens on {_day(one.opens_at)} at {one.opens_at:%H:%M} UTC"
    return ""


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B}"


def _hours(hours: float) -> str:
    return f"{hours:.0f} hours" if hours >= 10 else f"{hours:.2g} hour{'s' * (hours != 1)}"
