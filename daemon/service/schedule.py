"""Which campaigns are due: read from the database, so that nothing is lost while no daemon runs.

Every due date has one campaign (UNIQUE(model_id, due_at)), or was missed together with an earlier one, whose campaign
says so. A campaign's due_at is the date that it stands for, whenever it ran.
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
    has_campaign,
    move_on,
    stood_for_until,
    without_campaign,
)
from ..state.models.model_calendar import calendar_of, campaign_seed
from ..state.models.models import find_entry, set_interval
from ..state.models.registry import Model, find_model, model_of
from ..state.store import Store

LATE_FROM = timedelta(hours=1)
CLOCK_STEP = timedelta(minutes=2)


def queue_due(store: Store, now: datetime, house: HouseScheduleTable) -> tuple[int, ...]:
    """Queue a campaign for every active model whose due date has come, and move the due date on.

    Dates that were missed while no daemon ran count as one, which runs late and says so. A model whose earlier
    campaign is still open keeps its due date until that one has ended. A model that cannot be read is noted as a
    fault and does not keep the others waiting. A clock that was set back is noticed, and the due dates follow it.
    """
    _follow_clock(store, now, house)
    queued = (_guarded(store, due, now, house) for due in due_models(store, now))
    return tuple(number for number in queued if number is not None)


def queue_triggered(
    store: Store, model: Model, trigger: str, reason: str, now: datetime, house: HouseScheduleTable
) -> int | None:
    """Queue a re-evaluation for another cause than its date, with the reason in words; None while one is open.

    It takes the place of the next due date where that is closer than the model's cool-down: the campaign stands for
    that date too, which does not come again.
    """
    with store.transaction():
        entry = find_entry(store, model.id)
        if entry is None or entry.state != "active" or open_campaigns(store, model.id):
            return None
        due_at = entry.next_due_at
        cool_down = timedelta(days=days_in(model.file.triggers.cool_down))
        if due_at is not None and due_at <= now + cool_down and not has_campaign(store, model.id, due_at):
            calendar = calendar_of(model, house, entry.interval_days)
            move_on(store, model.id, calendar.next_due(max(now, due_at), model.anchor_at))
            missed = tuple(calendar.dates(due_at, now, model.anchor_at))
        else:
            due_at, missed = None, ()
        return queue_campaign(
            store, model=entry, kind="retune", trigger=trigger, seed=campaign_seed(store, model), options={}, now=now,
            due_at=due_at, stands_until=missed[-1] if missed else due_at, reason=reason,
        )  # fmt: skip


def adapt_interval(store: Store, campaign: Campaign, now: datetime, house: HouseScheduleTable) -> Spacing | None:
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
        entry = find_entry(store, model.id)
        assert entry is not None
        is_known = entry.interval_days == interval.days and entry.interval_reason == interval.reason
        if is_known and entry.anchor_at == anchor:
            return interval
        set_interval(store, model.id, interval.days, interval.reason, anchor)
        # the first date after the campaign's own, even where that has passed meanwhile: it then runs late, once
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
            return None  # another process was quicker
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
    more = "" if not missed else f", and with it {counted(missed, 'later date')} that passed as well"
    return f"was due on {due_at:%Y-%m-%d %H:%M} UTC and is queued {' '.join(parts)} late{more}"


def _follow_clock(store: Store, now: datetime, house: HouseScheduleTable) -> None:
    """Where the clock was set back since the last round, bring due dates back that were computed from the wrong time.

    Without it, a clock that stood a year ahead for a minute would leave models without a re-evaluation for a year.
    """
    known = get_fact(store, "schedule_clock")
    if known is not None and now < known[1] - CLOCK_STEP:
        note_fault(store, "clock", f"the clock was set back, from {known[1]:%Y-%m-%d %H:%M} UTC", now)
        forget_checks_after(store, known[1])
        for due in due_after(store, now):
            try:
                _bring_back(store, due, now, house)
            except (RetunedError, ValueError, TypeError, KeyError, AssertionError) as error:
                note_fault(store, "schedule", f"{due.name}: {error}", now, model_id=due.id)
    if known is None or abs(now - known[1]) > CLOCK_STEP:
        set_fact(store, "schedule_clock", None, now)


def _bring_back(store: Store, due: DueModel, now: datetime, house: HouseScheduleTable) -> None:
    """Make the first date due again that no campaign stands for.

    A campaign that was queued at a time that has not come yet stands for its own date only, and for good: dates that
    had seemed missed beside it, or long past, are still to come.
    """
    entry = find_entry(store, due.id)
    assert entry is not None
    model = model_of(store, entry)
    with store.transaction():
        stand_alone_after(store, model.id, now)
        anchor = entry.anchor_at
        until = max(entry.registered_at, stood_for_until(store, model.id) or entry.registered_at)
        calendar = calendar_of(model, house, entry.interval_days)
        found = without_campaign(store, model.id, calendar, calendar.next_due(until, anchor), anchor)
        if found is not None and entry.next_due_at is not None and found < entry.next_due_at:
            move_on(store, model.id, found)
