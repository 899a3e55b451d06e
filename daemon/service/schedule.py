"""Which campaigns are due: read from the database, so that nothing is lost while no daemon runs.

Every due date has one campaign (UNIQUE(model_id, due_at)), or was missed together with an earlier one, whose campaign
says so. A campaign's due_at is the date that it stands for, whenever it ran.
"""

from datetime import datetime, timedelta

from ...strategies.errors import RetunedError
from ...strategies.schedule.adaptive_interval import Spacing, interval_of
from ...strategies.words import counted
from ..config.schedule_tables import HouseScheduleTable, days_in
from ..state.campaigns import Campaign, campaigns_of, open_campaigns, queue_campaign
from ..state.due_dates import has_campaign, let_stand_for, move_on, without_campaign
from ..state.faults import get_fact, note_fault, set_fact
from ..state.model_calendar import calendar_of, campaign_seed
from ..state.registry import Model, find_model, model_of
from ..state.store import Row, Store, from_text, to_text

LATE_FROM = timedelta(hours=1)
CLOCK_STEP = timedelta(minutes=2)


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
        if due_at is not None and due_at <= now + cool_down and not has_campaign(store, model.id, due_at):
            calendar = calendar_of(model, house, row["interval_days"])
            move_on(store, model.id, calendar.next_due(max(now, due_at), model.anchor_at))
            missed = tuple(calendar.dates(due_at, now, model.anchor_at))
        else:
            due_at, missed = None, ()
        queued = queue_campaign(
            store, model=row, kind="retune", trigger=trigger, seed=campaign_seed(store, model), options={}, now=now,
            due_at=due_at, reason=reason,
        )  # fmt: skip
        let_stand_for(store, queued, due_at, missed)
        return queued


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
        move_on(
            store,
            model.id,
            without_campaign(store, model, calendar, calendar.next_due(anchor, anchor), anchor),
        )
    return interval


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
        due_at = without_campaign(store, model, calendar, from_text(row["next_due_at"]), anchor)
        if due_at is None or due_at > now:
            move_on(store, model.id, due_at)
            return None
        move_on(store, model.id, calendar.next_due(now, anchor))
        missed = tuple(calendar.dates(due_at, now, anchor))
        queued = queue_campaign(
            store, model=row, kind="retune", trigger="schedule", seed=campaign_seed(store, model), options={}, now=now,
            due_at=due_at, reason=_lateness(due_at, now, len(missed)),
        )  # fmt: skip
        let_stand_for(store, queued, due_at, missed)
        return queued


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
        found = without_campaign(store, model, calendar, first, anchor)
        if found is not None and to_text(found) < row["next_due_at"]:
            move_on(store, model.id, found)
