"""The coming year day by day: what is due, and the training that it takes as far as earlier re-evaluations tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ...config.schedule_tables import HouseScheduleTable
from ..store import Store
from .schedule_list import DAYS_A_MONTH, due_dates

MONTHS = 12
MOST_DATES = 50_000


@dataclass(frozen=True, slots=True)
class DayAhead:
    """A day on which something is due: how many re-evaluations, the hours of training of those whose cost is known, and
    how many that is not known of."""

    day: date
    due: int
    hours: float
    unknown: int


@dataclass(frozen=True, slots=True)
class YearAhead:
    """The days in order. `ends`: the last day that was looked at; before the year is over where there is too much."""

    days: tuple[DayAhead, ...]
    ends: date


def year_ahead(
    store: Store, house: HouseScheduleTable, now: datetime, name: str | None = None, most: int = MOST_DATES
) -> YearAhead:
    """What is due in the coming year, of all active models or of one; at most so many dates are looked at.

    A re-evaluation is taken to need what the model's last one did. Days are those of UTC.
    """
    costs = _hours_of_models(store)
    until = now + timedelta(days=DAYS_A_MONTH * MONTHS)
    due, hours, unknown = dict[date, int](), dict[date, float](), dict[date, int]()
    ends = until.date()
    for place, (due_at, number) in enumerate(due_dates(store, house, until, name)):
        day = due_at.date()
        if place >= most:
            ends = day - timedelta(days=1)
            break
        due[day] = due.get(day, 0) + 1
        cost = costs.get(number)
        hours[day] = hours.get(day, 0.0) + (cost or 0.0)
        unknown[day] = unknown.get(day, 0) + (cost is None)
    return YearAhead(tuple(DayAhead(day, due[day], hours[day], unknown[day]) for day in due if day <= ends), ends)


def _hours_of_models(store: Store) -> Mapping[int, float]:
    """The hours of training of each model's last re-evaluation that has ended with a verdict."""
    rows = store.rows(
        """SELECT model_id, facts ->> '$.compute_s' AS seconds FROM campaigns WHERE id IN
        (SELECT max(id) FROM campaigns WHERE kind = 'retune' AND phase = 'done' GROUP BY model_id)"""
    )
    return {row["model_id"]: float(row["seconds"]) / 3600 for row in rows if row["seconds"] is not None}
