"""Which campaigns are due: read from the database, so that nothing is lost while no daemon runs.

Every due date has one campaign (UNIQUE(model_id, due_at)), or was missed together with an earlier one, whose campaign
says so. A campaign's due_at is the date that it stands for, whenever it ran.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from ..strategies.calendar import Calendar
from ..strategies.errors import RetunedError
from ..strategies.interval import Interval, interval_of
from ..strategies.space import derive_seed
from .faults import get_fact, note_fault, set_fact
from .ledger import Campaign, campaigns_of, open_campaigns, queue_campaign
from .registry import Model, find_model, model_of
from .schedule_tables import HouseScheduleTable, days_in
from .store import Row, Store, from_text, to_text

LATE_FROM = timedelta(hours=1)
CLOCK_STEP = timedelta(minutes=2)
PREVIEWED = 400


@dataclass(frozen=True, slots=True)
class Planned:
    """A due date to come: when it is due, when it may start by its windows, and by which rule."""

    model: str
    due_at: datetime
    starts_at: datetime
    why: str


def queue_due(store: Store, now: datetime, house: HouseScheduleTable) -> tuple[int, ...]:
    """Queue a campaign for every active model whose due date has come, and move the due date on.

    Dates that were missed while no daemon ran count as one, which runs late and says so. A model whose earlier
    campaign is still open keeps its due date until that one has ended. A model that cannot be read is noted as a
    fault and does not keep the others waiting. A clock that was set back is noticed, and the due dates follow it.
    """
    _follow_clock(store, now, house)
    due = store.rows(
        """SELECT name, id FROM models WHERE state = 'active' AND next_due_at <= ? AND NOT EXISTS
        (SELECT 1 FROM campaigns WHERE campaigns.model_id = models.id AND campaigns.ended_at IS NULL)
        ORDER BY next_due_at, name""",
        (to_text(now),),
    )
    return tuple(number for row in due if (number := _guarded(store, row, now, house)) is not None)


def queue_triggered(
    store: Store, model: Model, trigger: str, reason: str, now: datetime, house: HouseScheduleTable
) -> int | None:
    """Queue a re-evaluation for another cause than its date, with the reason in words; None while one is open.

    It takes the place of the next due date where that is closer than the model's cool-down: the campaign stands for
    that date too, which does not come again.
    """
    with store.transaction():
        row = store.row("SELECT * FROM models WHERE id = ?", (model.id,))
        if row is None or row["state"] != "active" or open_campaigns(store, model.id):
            return None
        due_at = None if row["next_due_at"] is None else from_text(row["next_due_at"])
        cool_down = timedelta(days=days_in(model.file.triggers.cool_down))
        if due_at is not None and due_at <= now + cool_down and not _has_campaign(store, model.id, due_at):
            calendar = calendar_of(model, house, row["interval_days"])
            _move_on(store, model.id, calendar.next_due(max(now, due_at), model.anchor_at))
            missed = tuple(calendar.dates(due_at, now, model.anchor_at))
        else:
            due_at, missed = None, ()
        queued = queue_campaign(
            store, model=row, kind="retune", trigger=trigger, seed=campaign_seed(store, model), options={}, now=now,
            due_at=due_at, reason=reason,
        )  # fmt: skip
        _let_stand_for(store, queued, due_at, missed)
        return queued


def adapt_interval(store: Store, campaign: Campaign, now: datetime, house: HouseScheduleTable) -> Interval | None:
    """With every = "auto": the interval after the campaign's verdict, and the due date that follows from it.

    Computed from all verdicts of the model, so that a second call changes nothing. None where the interval is fixed.
    """
    model = find_model(store, campaign.model)
    if not model.file.schedule.is_auto or campaign.kind != "retune" or campaign.verdict is None:
        return None
    ended = [each for each in campaigns_of(store, model.id, "retune") if each.verdict is not None]
    table = model.file.schedule
    interval = interval_of(
        [each.verdict.outcome for each in ended if each.verdict is not None],
        days_in(table.shortest),
        days_in(table.longest),
    )
    last = ended[-1]
    anchor = min(last.due_at or last.created_at, last.created_at)
    with store.transaction():
        row = store.row("SELECT * FROM models WHERE id = ?", (model.id,))
        assert row is not None
        is_known = row["interval_days"] == interval.days and row["interval_reason"] == interval.reason
        if is_known and row["anchor_at"] == to_text(anchor):
            return interval
        store.change(
            "UPDATE models SET interval_days = ?, interval_reason = ?, anchor_at = ? WHERE id = ?",
            (interval.days, interval.reason, to_text(anchor), model.id),
        )
        # the first date after the campaign's own, even where that has passed meanwhile: it then runs late, once
        calendar = calendar_of(model, house, interval.days)
        _move_on(
            store,
            model.id,
            _without_campaign(store, model, calendar, calendar.next_due(anchor, anchor), anchor),
        )
    return interval


def preview(
    store: Store, house: HouseScheduleTable, now: datetime, months: int = 12, name: str | None = None
) -> tuple[Planned, ...]:
    """The due dates of all active models, or of one, in the months to come, in order of time."""
    until = now + timedelta(days=30.44 * months)
    rows = store.rows(
        "SELECT * FROM models WHERE state = 'active' AND next_due_at IS NOT NULL AND name = coalesce(?, name)", (name,)
    )
    planned = [one for row in rows for one in islice(_planned(store, row, house, until), PREVIEWED)]
    return tuple(sorted(planned, key=lambda one: (one.due_at, one.model)))


def calendar_of(model: Model, house: HouseScheduleTable, interval_days: int | None = None) -> Calendar:
    """The due dates of a registered model."""
    return model.file.schedule.calendar(house, model.name, interval_days)


def campaign_seed(store: Store, model: Model) -> int:
    """The seed of a model's next campaign: from its name, its number and [search] seed, so that it can be had again."""
    number = len(campaigns_of(store, model.id))
    return derive_seed(model.file.search.seed or 0, model.name, "campaign", number)


def campaigns_a_year(store: Store, model: Model, now: datetime) -> float:
    """How many re-evaluations share the year's error budget: those of the schedule, or those that the last 365 days
    brought without a person's asking, this one included, where they are more."""
    since = now - timedelta(days=365)
    unasked = sum(
        each.trigger != "manual" and since < each.created_at <= now and each.phase not in ("cancelled", "failed")
        for each in campaigns_of(store, model.id, "retune")
        if not each.is_open
    )
    scheduled = model.file.schedule.calendar(HouseScheduleTable(), model.name).campaigns_a_year
    return max(scheduled, 1.0 + unasked if unasked else 0.0)


def _guarded(store: Store, row: Row, now: datetime, house: HouseScheduleTable) -> int | None:
    try:
        return _queue(store, find_model(store, row["name"]), now, house)
    except (RetunedError, ValueError, TypeError, KeyError, AssertionError) as error:
        note_fault(store, "schedule", f"{row['name']} is due and cannot be queued: {error}", now, model_id=row["id"])
        return None


def _queue(store: Store, model: Model, now: datetime, house: HouseScheduleTable) -> int | None:
    with store.transaction():
        row = store.row("SELECT * FROM models WHERE id = ?", (model.id,))
        if row is None or row["state"] != "active" or row["next_due_at"] is None or open_campaigns(store, model.id):
            return None  # another process was quicker
        calendar, anchor = calendar_of(model, house, row["interval_days"]), from_text(row["anchor_at"])
        due_at = _without_campaign(store, model, calendar, from_text(row["next_due_at"]), anchor)
        if due_at is None or due_at > now:
            _move_on(store, model.id, due_at)
            return None
        _move_on(store, model.id, calendar.next_due(now, anchor))
        missed = tuple(calendar.dates(due_at, now, anchor))
        queued = queue_campaign(
            store, model=row, kind="retune", trigger="schedule", seed=campaign_seed(store, model), options={}, now=now,
            due_at=due_at, reason=_lateness(due_at, now, len(missed)),
        )  # fmt: skip
        _let_stand_for(store, queued, due_at, missed)
        return queued


def _let_stand_for(store: Store, campaign: int, due_at: datetime | None, missed: tuple[datetime, ...]) -> None:
    """Record up to which due date a campaign stands for, so that a clock that is set back brings none of them again."""
    until = missed[-1] if missed else due_at
    if until is not None:
        store.change("UPDATE campaigns SET stands_until = ? WHERE id = ?", (to_text(until), campaign))


def _lateness(due_at: datetime, now: datetime, missed: int) -> str | None:
    late = now - due_at
    if late < LATE_FROM:
        return None
    hours = round(late.total_seconds() / 3600)
    days, rest = divmod(hours, 24)
    parts = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in ((days, "day"), (rest, "hour")) if count]
    more = "" if not missed else f", and with it {missed} later date{'s' * (missed != 1)} that passed as well"
    return f"was due on {due_at:%Y-%m-%d %H:%M} UTC and is queued {' '.join(parts)} late{more}"


def _move_on(store: Store, model_id: int, due_at: datetime | None) -> None:
    store.change(
        "UPDATE models SET next_due_at = ? WHERE id = ?", (None if due_at is None else to_text(due_at), model_id)
    )


def _has_campaign(store: Store, model_id: int, due_at: datetime) -> bool:
    found = store.row("SELECT 1 FROM campaigns WHERE model_id = ? AND due_at = ?", (model_id, to_text(due_at)))
    return found is not None


def _without_campaign(
    store: Store, model: Model, calendar: Calendar, due_at: datetime | None, anchor: datetime
) -> datetime | None:
    """The first date from that one on that no campaign was queued for."""
    while due_at is not None and _has_campaign(store, model.id, due_at):
        due_at = calendar.next_due(due_at, anchor)
    return due_at


def _follow_clock(store: Store, now: datetime, house: HouseScheduleTable) -> None:
    """Where the clock was set back since the last round, bring due dates back that were computed from the wrong time.

    Without it, a clock that stood a year ahead for a minute would leave models without a re-evaluation for a year.
    """
    known = get_fact(store, "schedule_clock")
    if known is not None and now < known[1] - CLOCK_STEP:
        note_fault(store, "clock", f"the clock was set back, from {known[1]:%Y-%m-%d %H:%M} UTC", now)
        with store.transaction():
            store.change("UPDATE models SET next_look_at = NULL WHERE next_look_at > ?", (to_text(known[1]),))
        for row in store.rows("SELECT * FROM models WHERE next_due_at > ?", (to_text(now),)):
            try:
                _bring_back(store, model_of(store, row), row, now, house)
            except (RetunedError, ValueError, TypeError, KeyError, AssertionError) as error:
                note_fault(store, "schedule", f"{row['name']}: {error}", now, model_id=row["id"])
    if known is None or abs(now - known[1]) > CLOCK_STEP:
        set_fact(store, "schedule_clock", None, now)


def _bring_back(store: Store, model: Model, row: Row, now: datetime, house: HouseScheduleTable) -> None:
    """Make the first date due again that no campaign stands for.

    A campaign that was queued at a time that has not come yet stands for its own date only, and for good: dates that
    had seemed missed beside it, or long past, are still to come.
    """
    with store.transaction():
        store.change(
            "UPDATE campaigns SET stands_until = NULL WHERE model_id = ? AND created_at > ?", (model.id, to_text(now))
        )
        ran = store.row("SELECT max(stands_until) AS until FROM campaigns WHERE model_id = ?", (model.id,))
        anchor = from_text(row["anchor_at"])
        until = max(row["registered_at"], (ran or {}).get("until") or "")
        calendar = calendar_of(model, house, row["interval_days"])
        first = calendar.next_due(from_text(until), anchor)
        found = _without_campaign(store, model, calendar, first, anchor)
        if found is not None and to_text(found) < row["next_due_at"]:
            _move_on(store, model.id, found)


def _planned(store: Store, row: Row, house: HouseScheduleTable, until: datetime) -> Iterator[Planned]:
    model = model_of(store, row)
    calendar = calendar_of(model, house, row["interval_days"])
    moment: datetime | None = from_text(row["next_due_at"])
    why = _rule(model, row)
    while moment is not None and moment <= until:
        yield Planned(model.name, moment, calendar.starts_at(moment), why)
        moment = calendar.next_due(moment, model.anchor_at)


def _rule(model: Model, row: Row) -> str:
    table = model.file.schedule
    if table.is_auto:
        first = interval_of((), days_in(table.shortest), days_in(table.longest))
        return f"auto: {row['interval_reason'] or first.reason}"
    if table.cron is not None:
        return f"cron {table.cron}"
    every = " ".join(table.every.lower().split())
    return every if every.startswith("every") else f"every {every}"
