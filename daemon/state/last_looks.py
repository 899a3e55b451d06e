"""When somebody last looked at the fleet, and what has happened since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...strategies.errors import StateError
from .faults import get_fact, set_fact
from .store import Store, from_text, to_text

A_VISIT = timedelta(minutes=30)
"""Looks with less time between them are one visit."""
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SinceThen:
    """What has happened since a moment: verdicts by outcome, alerts that were raised, settings that became current."""

    verdicts: Mapping[str, int]
    alerts: int
    settings: int


def note_look(store: Store, who: str, now: datetime) -> datetime | None:
    """Record that somebody looks now; when their visit before this one ended, None on the first."""
    known = get_fact(store, _fact(who))
    before, last = (None, None) if known is None else (_moment(known[0].get("before")), known[1])
    if last is not None and now - last >= A_VISIT:
        before = last
    if last is None or not timedelta(0) <= now - last < NOTED_EVERY:
        try:
            set_fact(store, _fact(who), {"before": None if before is None else to_text(before)}, now)
        except StateError:  # a full disk must not keep anybody from looking
            return before
    return before


def since_then(store: Store, then: datetime) -> SinceThen:
    """What has happened since."""
    at = (to_text(then),)
    verdicts = store.rows(
        """SELECT verdict ->> '$.outcome' AS outcome, count(*) AS n FROM campaigns
        WHERE kind = 'retune' AND verdict IS NOT NULL AND ended_at > ? GROUP BY 1 ORDER BY 1""",
        at,
    )
    (others,) = store.rows(
        """SELECT (SELECT count(*) FROM alerts WHERE created_at > :then) AS alerts,
        (SELECT count(*) FROM settings WHERE created_at > :then AND version > 1) AS settings""",
        {"then": at[0]},
    )
    return SinceThen({row["outcome"]: row["n"] for row in verdicts}, others["alerts"], others["settings"])


def _fact(who: str) -> str:
    return f"looked: {who}"


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)
