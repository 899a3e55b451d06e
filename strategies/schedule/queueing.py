"""Which campaigns start, with which resources, and for each that waits a sentence that says why.

Campaigns are ordered by priority plus points for waiting, so that nothing waits forever. One that does not fit yet
reserves what is free of its needs, so that smaller ones behind it cannot overtake it repeatedly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .grants import Grant, Machine, Need, Room, Running

POINTS_A_DAY = 4.0  # of waiting; a priority of 100 is worth 25 days
BASELINE_POINTS, MANUAL_POINTS = 10.0, 20.0  # later verdicts need the baseline; a person waits for a manual start
RETRY_DELAYS_S = (5.0, 60.0, 600.0, 3600.0, 21600.0)
"""Delays after a campaign's process died, by how often in a row. If it then dies once more, about seven hours after
the first time, it is given up: enough time to free a full disk, and still reported on the same day."""


class Hold(StrEnum):
    """What a campaign that waits is held up by, as its sentence says."""

    BUDGET = "budget"  # the hours of its model
    HOUSE_BUDGET = "house budget"  # the hours of all models
    WINDOW = "window"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Hours of training that one model, or all (`whose` empty), may use in a 'month' or 'year', and when it renews."""

    span: str
    hours: float
    used_hours: float
    renews_at: datetime
    whose: str = ""


_AT_WINDOW, _DEFERRED, _NEEDS, _FOR_ALL = "waits for its window", "deferred to ", "it needs about ", " for all models"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open campaign that is not running.

    `hours` of training are still expected; None: unknown. `opens_at` is when its window opens; None: it is open.
    `gpus` are those that it had before. `hindrance` says what else prevents its start; empty where nothing does.
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
    """The campaigns to start with their grants, why each of the others waits, and warnings to a person."""

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
    """What starts now. Limits and windows do not defer a campaign that a person requested or that has begun; the
    person is warned."""
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
            warnings.append((one.id, f"started manually, although the rules would make it wait: {put_off}"))
    return Decision(tuple(room.granted()), tuple(waits.items()), tuple(warnings))


def hold_of(why: str) -> Hold:
    """What holds up a campaign for which `decide` gave this sentence."""
    if why.startswith(_AT_WINDOW):
        return Hold.WINDOW
    if why.startswith((_DEFERRED, _NEEDS)):
        return Hold.HOUSE_BUDGET if _FOR_ALL in why else Hold.BUDGET
    return Hold.OTHER


def retry_delay_s(failures: int) -> float | None:
    """How long a campaign waits after its process died that many times in a row; None: it is given up."""
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
    """For each model the campaign that is running or may be next: its baseline, then the oldest."""
    ordered = sorted(waiting, key=lambda one: (not one.is_baseline, one.id), reverse=True)
    return {one.model_id: one.id for one in ordered} | {one.model_id: one.id for one in running}


def _later(one: Waiting, now: datetime) -> str:
    if one.not_before is None or one.not_before <= now:
        return ""
    times = "once" if one.failures == 1 else f"{one.failures} times in a row"
    why = f"its process died {times}" if one.failures else "it was put off, see the last errors"
    return f"{why}; the next attempt is at {one.not_before:%H:%M} UTC on {_day(one.not_before)}"


def _put_off(one: Waiting, allowances: Sequence[Allowance], promised: float, now: datetime) -> str:
    """Why limits or windows defer it; empty where they do not."""
    for allowance in allowances:
        used = allowance.used_hours + (0.0 if allowance.whose else promised)
        if used + (one.hours or 0.0) <= allowance.hours and used < allowance.hours:
            continue
        whose = "" if allowance.whose else _FOR_ALL
        if one.hours is not None and one.hours > allowance.hours:
            return (
                f"{_NEEDS}{_hours(one.hours)} of training, but only {allowance.hours:g} a {allowance.span}"
                f"{whose} are allowed: raise hours_a_{allowance.span} under [limits], or start it manually:"
                f" retuned retune {one.model}"
            )
        needs = "" if one.hours is None else f", and this campaign needs about {_hours(one.hours)}"
        return (
            f"{_DEFERRED}{_day(allowance.renews_at)}: {used:.0f} of this {allowance.span}'s {allowance.hours:g} hours"
            f"{whose} are used{needs}"
        )
    if one.opens_at is not None and one.opens_at > now:
        return f"{_AT_WINDOW}, which opens on {_day(one.opens_at)} at {one.opens_at:%H:%M} UTC"
    return ""


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B}"


def _hours(hours: float) -> str:
    return f"{hours:.0f} hours" if hours >= 10 else f"{hours:.2g} hour{'s' * (hours != 1)}"
