"""The digest: what was re-evaluated since the last one, what is fresh, what is open, what is next, for one owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ..words import counted
from .message import AlertMessage, Event, Kind, Severity

SHOWN = 15
"""The most lines of one part of a digest."""
_OUTCOMES = ("broken", "stale", "degraded", "inconclusive", "fresh")


class Every(StrEnum):
    """How often a digest is sent."""

    OFF = "off"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Judged:
    """A re-evaluation that ended: its model, number, verdict in lower case, and why in a sentence."""

    model: str
    campaign_id: int
    outcome: str
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Upcoming:
    """A model's next due date."""

    model: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class OwnersPart:
    """What a digest tells an owner: re-evaluations that ended, titles of alerts that are open, what is next, what came
    of adoptions that were measured meanwhile, and what re-tuning each model has earned, as sentences."""

    owner: str
    judged: tuple[Judged, ...]
    alerts: tuple[str, ...] = ()
    upcoming: tuple[Upcoming, ...] = ()
    measured: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened and nothing is open; then no digest is sent. An account alone is no news."""
        return not (self.judged or self.alerts or self.measured)


def last_date(every: Every, day: int, hour: int, now: datetime) -> datetime | None:
    """The last moment, in UTC, at which a digest was due, `now` included; None: never.

    `day`: of the week, 1 is Monday, or of the month.
    """
    if every is Every.OFF:
        return None
    today = now.astimezone(UTC).replace(hour=hour, minute=0, second=0, microsecond=0)
    if every is Every.WEEKLY:
        date = today - timedelta(days=(today.isoweekday() - day) % 7)
        return date if date <= now else date - timedelta(days=7)
    date = today.replace(day=day)
    return date if date <= now else (date.replace(day=1) - timedelta(days=1)).replace(day=day)


def digest_message(part: OwnersPart, since: datetime, now: datetime, *, id: str, place: str) -> AlertMessage:
    """The digest for one owner about the time from `since` to `now`; `place`: host and state folder."""
    count = len(part.judged)
    fresh = sorted({each.model for each in part.judged if each.outcome == "fresh"})
    lines = [
        f"From {since:%Y-%m-%d} to {now:%Y-%m-%d}: {counted(count, 're-evaluation')} ended{_outcomes(part.judged)}."
    ]
    lines += [f"Fresh, nothing to do: {_listed(fresh)}."] if fresh else []
    others = [each for each in part.judged if each.outcome != "fresh"]
    lines += _cut([f"{each.model}: {each.outcome.upper()} (campaign {each.campaign_id}). {each.sentence}".rstrip()
                   for each in others], "re-evaluation")  # fmt: skip
    lines += _cut([f"Open: {title}." for title in part.alerts], "alert")
    lines += _cut(part.measured, "adoption")
    lines += _cut(part.accounts, "model")
    if part.upcoming:
        shown = (f"{each.model} on {each.due_at:%Y-%m-%d}" for each in part.upcoming[:SHOWN])
        lines.append(f"Next: {', '.join(shown)}.")
    return AlertMessage(
        id=id, event=Event.DIGEST, kind=Kind.INCONCLUSIVE, severity=Severity.INFO, key=id,
        title=f"Digest for {part.owner}: {counted(count, 're-evaluation')}, {counted(len(part.alerts), 'open alert')}",
        sentences=tuple(lines), owner=part.owner, at=now, opened_at=now, facts=(("Where", place),),
        commands=("retuned alerts", "retuned schedule"),
        details={"judged": [[each.model, each.campaign_id, each.outcome] for each in part.judged]},
    )  # fmt: skip


def _outcomes(judged: Sequence[Judged]) -> str:
    counts = [(outcome, sum(each.outcome == outcome for each in judged)) for outcome in _OUTCOMES]
    parts = ", ".join(f"{count} {outcome.upper()}" for outcome, count in counts if count)
    return f" ({parts})" if parts else ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _cut(lines: Sequence[str], noun: str) -> list[str]:
    more = [f"and {counted(len(lines) - SHOWN, f'more {noun}')}: retuned alerts"] if len(lines) > SHOWN else []
    return [*lines[:SHOWN], *more]
