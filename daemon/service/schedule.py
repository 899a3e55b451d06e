"""Which campaigns are due: read from the database, so that nothing is lost while no service runs.

Every due date has one campaign (UNIQUE(model_id, due_at)), or was missed together with an earlier one, whose campaign
says so. A campaign's due_at is the date that it covers, whenever it ran.
"""

from datetime import datetime, timedelta

from ...strategies.errors import RetunedError
from ...strategies.schedule.adaptive_interval import Spacing, interval_of
from ...strategies.words import counted
from ..config.schedule_tables import HouseScheduleTable, days_in
from ..state.campaigns.campaign_writes import queue_campaign, stand_alone_after
from ..state.campaigns.campaigns import Campaign, campaigns_of, open_campaigns
from ..state.faults import get_fact, note_fault, set_fact
from ..state.models.change_checks import forget_checks_after
from ..state.models.due_dates import (
    DueModel,
    due_after,
    due_models,
    move_on,
    stood_for_until,
    without_campaign,
)
from ..state.models.model_calendar import calendar_of, campaign_seed
from ..state.models.models import find_entry, set_interval
from ..state.models.registry import Model, find_model, model_of
from ..state.moments import shift_back
from ..state.store import Store

LATE_FROM = timedelta(hours=1)
CLOCK_STEP = timedelta(minutes=2)


def queue_due(store: Store, now: datetime, house: HouseScheduleTable) -> tuple[int, ...]:
    """Queue a campaign for every active model whose due date has come, and move the due date on.

    Dates missed while no service ran count as one, which runs late and says so. A model whose earlier campaign is
    still open keeps its due date until that one has ended. A model that cannot be read is recorded as a fault and does
    not hold up the others. A clock that was set back is detected, and the due dates follow it.
    """
    _follow_clock(store, now, house)
    queued = (_guarded(store, due, now, house) for due in due_models(store, now))
    return tuple(number for number in queued if number is not None)


def adapt_interval(store: Store, campaign: Campaign, now: datetime, house: HouseScheduleTable) -> Spacing | None:
    """With every = "auto": the interval after the campaign's verdict, and the due date that follows from it.

    Computed from all verdicts of the model, so that a second call changes nothing. None where the interval is fixed.
    """
    model = find_model(store, campaign.model)
    if not model.file.schedule.is_auto or campaign.kind != "retune" or campaign.verdict is None:
        return None
    ended = [other for other in campaigns_of(store, model.id, "retune") if other.verdict is not None]
    table = model.file.schedule
    interval = interval_of(
        [other.verdict.outcome for other in ended if other.verdict is not None],
        days_in(table.shortest),
        days_in(table.longest),
    )
    last = ended[-1]
    anchor = min(last.due_at or last.created_at, last.created_at)
    with store.transaction():
        entry = find_entry(store, model.id)
        assert entry is not None
        is_unchanged = entry.interval_days == interval.days and entry.interval_reason == interval.reason
        if is_unchanged and entry.anchor_at == anchor:
            return interval
        set_interval(store, model.id, interval.days, interval.reason, anchor)
        # the first date after the campaign's own, even if it has passed meanwhile: it then runs late, once
        calendar = calendar_of(model, house, interval.days)
        first = calendar.next_due(anchor, anchor)
        move_on(store, model.id, without_campaign(store, model.id, calendar, first, anchor))
    return interval


def _guarded(store: Store, due: DueModel, now: datetime, house: HouseScheduleTable) -> int | None:
    try:
        return _queue(store, find_model(store, due.name), now, house)
    except (RetunedError, ValueError, TypeError, KeyError, AssertionError) as error:
        note_fault(store, "schedule", f"{due.name} is due and cannot be queued: {error}", now, model_id=due.id)
        return None


def _queue(store: Store, model: Model, now: datetime, house: HouseScheduleTable) -> int | None:
    with store.transaction():
        entry = find_entry(store, model.id)
        if entry is None or entry.state != "active" or entry.next_due_at is None or open_campaigns(store, model.id):
            return None  # another process was faster
        calendar, anchor = calendar_of(model, house, entry.interval_days), entry.anchor_at
        due_at = without_campaign(store, model.id, calendar, entry.next_due_at, anchor)
        if due_at is None or due_at > now:
            move_on(store, model.id, due_at)
            return None
        move_on(store, model.id, calendar.next_due(now, anchor))
        missed = tuple(calendar.dates(due_at, now, anchor))
        return queue_campaign(
            store, model=entry, kind="retune", trigger="schedule", seed=campaign_seed(store, model), options={},
            now=now, due_at=due_at, stands_until=missed[-1] if missed else due_at,
            reason=_lateness(due_at, now, len(missed)),
        )  # fmt: skip


def _lateness(due_at: datetime, now: datetime, missed: int) -> str | None:
    late = now - due_at
    if late < LATE_FROM:
        return None
    hours = round(late.total_seconds() / 3600)
    days, rest = divmod(hours, 24)
    parts = [counted(count, unit) for count, unit in ((days, "day"), (rest, "hour")) if count]
    more = "" if not missed else f", together with {counted(missed, 'later date')} that also passed"
    return f"was due on {due_at:%Y-%m-%d %H:%M} UTC and is queued {' '.join(parts)} late{more}"


def _follow_clock(store: Store, now: datetime, house: HouseScheduleTable) -> None:
    """Where the clock was set back since the last round, correct what was computed from the wrong time.

    Otherwise a clock that was a year ahead for a minute would leave models without a re-evaluation for a year.
    """
    last = get_fact(store, "schedule_clock")
    if last is not None and now < last[1] - CLOCK_STEP:
        note_fault(store, "clock", f"the clock was set back, from {last[1]:%Y-%m-%d %H:%M} UTC", now)
        forget_checks_after(store, last[1])
        shift_back(store, last[1], now)
        for due in due_after(store, now):
            try:
                _restore_due_date(store, due, now, house)
            except (RetunedError, ValueError, TypeError, KeyError, AssertionError) as error:
                note_fault(store, "schedule", f"{due.name}: {error}", now, model_id=due.id)
    if last is None or abs(now - last[1]) > CLOCK_STEP:
        set_fact(store, "schedule_clock", None, now)


def _restore_due_date(store: Store, due: DueModel, now: datetime, house: HouseScheduleTable) -> None:
    """Restore the first due date that no campaign covers.

    A campaign that was queued at a time still in the future covers its own date only, for good: dates that had seemed
    missed together with it, or long past, are still to come.
    """
    entry = find_entry(store, due.id)
    assert entry is not None
    model = model_of(store, entry)
    with store.transaction():
        stand_alone_after(store, model.id, now)
        anchor = entry.anchor_at
        until = max(entry.registered_at, stood_for_until(store, model.id) or entry.registered_at)
        calendar = calendar_of(model, house, entry.interval_days)
        due_at = without_campaign(store, model.id, calendar, calendar.next_due(until, anchor), anchor)
        if due_at is not None and entry.next_due_at is not None and due_at < entry.next_due_at:
            move_on(store, model.id, due_at)
