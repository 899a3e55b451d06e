"""The page of the schedule: the coming year as a calendar, the training it needs against the limits, and a list."""

from calendar import Calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ..config.schedule_tables import LimitsTable
from ..state.campaigns.legs import hours_used
from ..state.models.fleet import fleet_mark
from ..state.models.year_ahead import MONTHS, DayAhead, YearAhead, year_ahead
from .languages import ENGLISH, Say, aged
from .terms import month_of, weekdays
from .views import A_PAGE
from .visit import Visit

SHADES = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """A day in the calendar; `shade` from 0, nothing, to 4, as much as on the fullest day of the year."""

    day: date
    due: int
    shade: int
    words: str


@dataclass(frozen=True, slots=True)
class Month:
    """A month: its weeks from Monday, None for days of others, and in words what it needs. `is_too_much`: more than the
    limit allows."""

    name: str
    weeks: tuple[tuple[Cell | None, ...], ...]
    needs: str
    is_too_much: bool


def schedule(visit: Visit) -> tuple[str, dict[str, Any]]:
    """What is due in the coming year, soonest first, and on the first page as a calendar."""
    name, cursor = visit.query.get("model"), visit.query.get("cursor")
    found = visit.shown(visit.verbs.schedule(MONTHS, name, A_PAGE, cursor))
    months: dict[str, list[Any]] = {}
    for planned in found.dates:
        months.setdefault(month_of(planned.due_at, visit.say), []).append(planned)
    shown = {"months": months, "next": found.next, "model": name, "calendar": (), "year": "", "is_too_much": False,
             "weekdays": weekdays(visit.say)}  # fmt: skip
    return "schedule", shown if cursor else {**shown, **_calendar(visit, name)}


def months_of(
    year: YearAhead, today: date, limits: LimitsTable, used_hours: float, say: Say = ENGLISH
) -> tuple[Month, ...]:
    """The months from this one on; `used_hours`: of training in this one so far."""
    days = {ahead.day: ahead for ahead in year.days}
    most = max((ahead.due for ahead in year.days), default=1)
    firsts = _firsts(today, year.ends)
    return tuple(
        _month(first, days, most, limits.hours_a_month, used_hours if first <= today else 0.0, say) for first in firsts
    )


def said_of_year(
    year: YearAhead, limits: LimitsTable, used_hours: float, today: date, say: Say = ENGLISH
) -> tuple[str, bool]:
    """What the year needs in a sentence, and whether a limit does not allow it. The limit is of calendar years."""
    num = sum(ahead.due for ahead in year.days)
    whole = say.ngettext("%(num)d re-evaluation, %(training)s", "%(num)d re-evaluations, %(training)s", num)
    parts = [whole % {"num": num, "training": _hours(year.days, say)}]
    is_too_much = False
    if limits.hours_a_year is not None:
        rest = sum(ahead.hours for ahead in year.days if ahead.day.year == today.year)
        is_too_much = used_hours + rest > limits.hours_a_year
        of_year = say.gettext("in %(year)d %(used)s hours are used and %(rest)s to come, of %(limit)s allowed")
        parts.append(of_year % {"year": today.year, "used": f"{used_hours:.1f}", "rest": f"{rest:.1f}",
                                "limit": f"{limits.hours_a_year:g}"})  # fmt: skip
    if year.ends < today + timedelta(days=300):
        parts.append(say.gettext("only up to %(day)s, since there is so much") % {"day": f"{year.ends:%Y-%m-%d}"})
    return "; ".join(parts) + ".", is_too_much


def _calendar(visit: Visit, name: str | None) -> Mapping[str, Any]:
    limits, now = visit.verbs.config.limits, visit.now
    today = now.date()

    def make() -> tuple[YearAhead, float, float]:
        year = year_ahead(visit.store, visit.verbs.config.schedule, now, name)
        month_h = _used(visit, limits.hours_a_month, datetime(today.year, today.month, 1, tzinfo=UTC))
        return year, month_h, _used(visit, limits.hours_a_year, datetime(today.year, 1, 1, tzinfo=UTC))

    key = ("year ahead", name, now.replace(minute=0, second=0, microsecond=0))
    year, month_h, year_h = visit.kept.of(key, make, fleet_mark(visit.store))
    house = limits if name is None else LimitsTable()
    sentence, is_too_much = said_of_year(year, house, year_h, today, visit.say)
    months = months_of(year, today, house, month_h, visit.say)
    return {"calendar": months, "year": sentence, "is_too_much": is_too_much}


def _used(visit: Visit, limit: float | None, since: datetime) -> float:
    return 0.0 if limit is None else sum(hours_used(visit.store, since).values())


def _firsts(today: date, ends: date) -> list[date]:
    """The first days of the months that are shown."""
    firsts = [today.replace(day=1)]
    while len(firsts) < MONTHS + 1:
        following = (firsts[-1] + timedelta(days=32)).replace(day=1)
        if following > ends:
            break
        firsts.append(following)
    return firsts


def _month(
    first: date, days: Mapping[date, DayAhead], most: int, limit: float | None, used_hours: float, say: Say
) -> Month:
    here = [ahead for day, ahead in days.items() if (day.year, day.month) == (first.year, first.month)]
    hours = used_hours + sum(ahead.hours for ahead in here)
    needs = _due(here, say) if here else say.gettext("nothing is due")
    if limit is not None:
        of_limit = say.gettext("%(hours)s of %(limit)s hours a month") if used_hours == 0 else (
            say.gettext("with %(used)s hours used %(hours)s of %(limit)s hours a month"))  # fmt: skip
        needs += "; " + of_limit % {"used": f"{used_hours:.1f}", "hours": f"{hours:.1f}", "limit": f"{limit:g}"}
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    cells = tuple(tuple(_cell(day, days.get(day), most, say) if day.month == first.month else None for day in week)
                  for week in weeks)  # fmt: skip
    return Month(month_of(first, say), cells, needs, limit is not None and hours > limit)


def _cell(day: date, ahead: DayAhead | None, most: int, say: Say) -> Cell:
    if ahead is None:
        return Cell(day, 0, 0, "")
    return Cell(day, ahead.due, -(-SHADES * ahead.due // most), _due([ahead], say))


def _due(days: Sequence[DayAhead], say: Say) -> str:
    """How many re-evaluations are due on these days, and what they need."""
    values = {"num": sum(ahead.due for ahead in days), "training": _hours(days, say)}
    return say.gettext("%(num)d due, %(training)s") % values


def _hours(days: Sequence[DayAhead], say: Say) -> str:
    """The training that it takes, in words."""
    hours, unknown = sum(ahead.hours for ahead in days), sum(ahead.unknown for ahead in days)
    in_hours = say.gettext("%(hours)s hours") % {"hours": f"{hours:.1f}"}
    known = {"time": in_hours if hours >= 1 else aged(timedelta(hours=hours), say), "num": unknown}
    if not unknown:
        return say.gettext("about %(time)s of training") % known
    both = say.gettext("about %(time)s of training and %(num)d of unknown cost")
    return both % known if hours else say.gettext("of unknown cost")
