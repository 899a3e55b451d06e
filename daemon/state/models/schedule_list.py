"""The due dates to come of all models, in order of time, as far as a page needs them.

Models come from the database in order of their next due date, and only those are read whose next one lies before the
end of the page; of a model's file only its table [schedule] is read.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice

from ....strategies.schedule.adaptive_interval import interval_of
from ....strategies.schedule.due_calendar import Calendar, jitter_of
from ...config.schedule_tables import HouseScheduleTable, ScheduleTable, days_in
from ..database_errors import of_row
from ..paging import checked_limit, cursor_after, key_in, refusal
from ..store import Row, Store, from_text, to_text

DAYS_A_MONTH = 30.44
READ_AT_ONCE = 200
KNOWN_TABLES, KNOWN_DATES = 256, 4096  # most models share a few
_INSTANT = timedelta(microseconds=1)

_DATED = """SELECT id, name, anchor_at, next_due_at, interval_days, interval_reason, body ->> '$.schedule' AS schedule
    FROM models JOIN model_versions ON model_id = id AND model_versions.version = models.version
    WHERE state = 'active' AND """


@dataclass(frozen=True, slots=True)
class Planned:
    """A future due date, the start that the windows allow, and the rule behind it."""

    model: str
    due_at: datetime
    starts_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class _Dates:
    """A model's due dates: the stored one, then those of its calendar. `auto`: why its interval is what it is."""

    id: int
    name: str
    first: datetime
    anchor: datetime
    calendar: Calendar
    rule: str


def schedule_page(
    store: Store,
    house: HouseScheduleTable,
    now: datetime,
    months: int,
    name: str | None,
    cursor: str | None,
    limit: int,
) -> tuple[tuple[Planned, ...], str | None]:
    """Due dates of the coming months, of all active models or of one, soonest first and at the same time by name, and
    the cursor of the next ones; None: there are no more."""
    key = key_in(cursor, "schedule", (str, str))
    after = None if key is None else (_moment(key[0], cursor), key[1] or "")
    until = now + timedelta(days=DAYS_A_MONTH * months)
    if after is not None and after[0] > until:
        return (), None
    dates = _in_order(_dated(store, house, name), until, after)
    found = list(islice(dates, checked_limit(limit) + 1))
    planned = tuple(
        Planned(model.name, due_at, model.calendar.starts_at(due_at), model.rule) for due_at, model in found[:limit]
    )
    if len(found) <= limit:
        return planned, None
    return planned, cursor_after("schedule", to_text(planned[-1].due_at), planned[-1].model)


def due_dates(
    store: Store, house: HouseScheduleTable, until: datetime, name: str | None = None
) -> Iterator[tuple[datetime, int]]:
    """The due dates until then, of all active models or of one, soonest first, each with its model's number."""
    return ((due_at, model.id) for due_at, model in _in_order(_dated(store, house, name), until, None))


def _in_order(
    models: Iterator[_Dates], until: datetime, after: tuple[datetime, str] | None
) -> Iterator[tuple[datetime, _Dates]]:
    """The due dates of models, which come in the order of their first; those after a moment and name."""
    waiting: list[tuple[datetime, str, _Dates]] = []
    following = next(models, None)
    while waiting or following is not None:
        while following is not None and (not waiting or following.first <= waiting[0][0]):
            first = following.first if after is None else _first_after(following, after)
            if first is not None and first <= until:
                heapq.heappush(waiting, (first, following.name, following))
            following = next(models, None) if following.first <= until else None
        if waiting:
            due_at, _, model = waiting[0]
            yield due_at, model
            later = _next_due(model, due_at)
            if later is None or later > until:
                heapq.heappop(waiting)
            else:
                heapq.heapreplace(waiting, (later, model.name, model))


def _first_after(model: _Dates, after: tuple[datetime, str]) -> datetime | None:
    """The model's first due date that comes after one of another model."""
    moment, name = after
    if (model.first, model.name) > after:
        return model.first
    since = moment - _INSTANT if model.name > name else moment
    return _next_due(model, max(model.first, since))


def _dated(store: Store, house: HouseScheduleTable, name: str | None) -> Iterator[_Dates]:
    """Active models that have a due date, or the one of that name, in order of that date."""
    known: dict[tuple[str, int | None], Calendar] = {}
    if name is not None:
        rows = store.rows(f"{_DATED} name = ? AND next_due_at IS NOT NULL", (name,))
        yield from (_dates(row, house, known) for row in rows)
        return
    last: tuple[str, int] = ("", 0)
    while rows := store.rows(
        f"{_DATED} (next_due_at, id) > (?, ?) ORDER BY next_due_at, id LIMIT ?", (*last, READ_AT_ONCE)
    ):
        yield from (_dates(row, house, known) for row in rows)
        last = (rows[-1]["next_due_at"], rows[-1]["id"])


@of_row("a model")
def _dates(row: Row, house: HouseScheduleTable, known: dict[tuple[str, int | None], Calendar]) -> _Dates:
    """`known`: the calendars of tables read before, without the offset that a jitter gives each model."""
    table = _table(row["schedule"] or "{}")
    key = (row["schedule"], row["interval_days"])
    if key not in known:
        known[key] = table.calendar(house, "", row["interval_days"])
    jitter_s = house.jitter_s if table.jitter_s is None else table.jitter_s
    calendar = replace(known[key], offset=jitter_of(row["name"], jitter_s)) if jitter_s else known[key]
    return _Dates(
        id=row["id"],
        name=row["name"],
        first=from_text(row["next_due_at"]),
        anchor=from_text(row["anchor_at"]),
        calendar=calendar,
        rule=_rule(table, row["interval_reason"]),
    )


@lru_cache(KNOWN_TABLES)
def _table(text: str) -> ScheduleTable:
    return ScheduleTable.model_validate_json(text)


def _next_due(model: _Dates, after: datetime) -> datetime | None:
    """The model's first due date of its calendar later than a moment."""
    if model.calendar.cron is not None:
        return _next_of_cron(model.calendar, after)
    return model.calendar.next_due(after, model.anchor)


@lru_cache(KNOWN_DATES)
def _next_of_cron(calendar: Calendar, after: datetime) -> datetime | None:
    """The same for an expression, which needs no anchor: many models share both it and the moment asked about."""
    return calendar.next_due(after, after)


def _rule(table: ScheduleTable, interval_reason: str | None) -> str:
    if table.is_auto:
        first = interval_of((), days_in(table.shortest), days_in(table.longest))
        return f"auto: {interval_reason or first.reason}"
    if table.cron is not None:
        return f"cron {table.cron}"
    every = " ".join(table.every.lower().split())
    return every if every.startswith("every") else f"every {every}"


def _moment(text: str | None, cursor: str | None) -> datetime:
    try:
        return from_text(text or "")
    except (ValueError, OverflowError):
        raise refusal(cursor or "") from None
