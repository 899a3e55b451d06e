"""Due dates: read from the database, queued once, late when nothing ran, and counted in calendar months."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from retuned.daemon.campaign.triggered import queue_triggered
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.config.schedule_tables import HouseScheduleTable
from retuned.daemon.service.schedule import adapt_interval, queue_due
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign, open_campaigns
from retuned.daemon.state.faults import recent_faults
from retuned.daemon.state.models.model_calendar import campaign_seed, campaigns_a_year
from retuned.daemon.state.models.registry import find_model, register, set_state
from retuned.daemon.state.models.schedule_list import schedule_page
from retuned.daemon.state.paging import MOST
from retuned.daemon.state.store import Store, to_text
from retuned.strategies.schedule.due import next_due, parse_every

HOUSE = HouseScheduleTable()


def date(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC, hour=9)


@pytest.fixture
def model(desk, clock):
    """A desk with a model registered on 31 January, its baseline out of the way."""
    taken_up(desk, clock)
    return desk


def taken_up(desk, clock, name="toy", every="3 months", schedule=None):
    rule = schedule or f'every = "{every}"'
    path = desk.write_model(top=f'name = "{name}"\nowner = "tests"', schedule=rule)
    register(desk.store, load_model_file(path), path, clock.now())
    close_campaigns(desk.store)


def close_campaigns(store):
    with store.transaction():
        store.change("UPDATE campaigns SET phase = 'done', ended_at = created_at WHERE ended_at IS NULL")


def dates_of(store, house, now, months=12):
    """All dates of the coming months."""
    dates, cursor = schedule_page(store, house, now, months, None, None, MOST)
    assert cursor is None
    return dates


def retunes(desk):
    return campaigns_of(desk.store, 1, "retune")


def test_a_model_is_not_queued_before_its_day(model, clock):
    clock.move(days=88)
    assert queue_due(model.store, clock.now(), HOUSE) == ()


def test_a_due_model_is_queued_once_by_two_ticks(model, clock):
    clock.move(days=89)
    (queued,) = queue_due(model.store, clock.now(), HOUSE)
    assert queue_due(model.store, clock.now(), HOUSE) == ()
    campaign = find_campaign(model.store, queued)
    assert (campaign.kind, campaign.trigger, campaign.due_at) == ("retune", "schedule", date("2026-04-30"))
    assert find_model(model.store, "toy").next_due_at == date("2026-07-31")


def test_two_processes_that_tick_at_once_queue_one_campaign(model, clock):
    clock.move(days=89)
    now, found = clock.now(), []
    threads = [Thread(target=lambda: found.append(queue_due(Store(model.store.state), now, HOUSE))) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(map(len, found)) == [0, 0, 0, 1]
    assert len(retunes(model)) == 1


def test_a_date_that_was_missed_for_a_year_runs_once_and_late(model, clock):
    clock.move(days=500)
    assert len(queue_due(model.store, clock.now(), HOUSE)) == 1
    assert queue_due(model.store, clock.now(), HOUSE) == ()
    (late,) = retunes(model)
    assert (late.due_at, late.created_at) == (date("2026-04-30"), clock.now())
    assert find_model(model.store, "toy").next_due_at == date("2027-07-31")


def test_due_dates_go_on_by_calendar_months_from_the_day_of_registration(model, clock):
    dates = []
    for _ in range(5):
        clock.move(seconds=(find_model(model.store, "toy").next_due_at - clock.now()).total_seconds())
        queue_due(model.store, clock.now(), HOUSE)
        close_campaigns(model.store)
        dates.append(f"{find_model(model.store, 'toy').next_due_at:%Y-%m-%d}")
    assert dates == ["2026-07-31", "2026-10-31", "2027-01-31", "2027-04-30", "2027-07-31"]


def test_a_model_whose_campaign_is_still_open_keeps_its_due_date(model, clock):
    clock.move(days=89)
    queue_due(model.store, clock.now(), HOUSE)
    clock.move(days=100)
    assert queue_due(model.store, clock.now(), HOUSE) == ()
    assert find_model(model.store, "toy").next_due_at == date("2026-07-31")
    close_campaigns(model.store)
    assert len(queue_due(model.store, clock.now(), HOUSE)) == 1
    assert retunes(model)[-1].due_at == date("2026-07-31")


@pytest.mark.parametrize("state", ["paused", "retired"])
def test_a_model_that_is_not_active_is_not_queued_and_runs_late_once_resumed(model, clock, state):
    set_state(model.store, "toy", state)
    clock.move(days=200)
    assert queue_due(model.store, clock.now(), HOUSE) == ()
    set_state(model.store, "toy", "active")
    assert len(queue_due(model.store, clock.now(), HOUSE)) == 1


def test_a_model_that_is_never_due_is_never_queued(desk, clock):
    taken_up(desk, clock, every="never")
    clock.move(days=36500)
    assert queue_due(desk.store, clock.now(), HOUSE) == ()


def test_every_due_model_is_queued(model, clock):
    taken_up(model, clock, "other", "1 week")
    clock.move(days=100)
    assert len(queue_due(model.store, clock.now(), HOUSE)) == 2
    assert {campaign.model for campaign in open_campaigns(model.store)} == {"toy", "other"}


def test_each_campaign_has_a_seed_of_its_own_that_can_be_had_again(model, other_desk, clock):
    taken_up(other_desk, clock)
    first = campaign_seed(model.store, find_model(model.store, "toy"))
    assert campaign_seed(other_desk.store, find_model(other_desk.store, "toy")) == first
    clock.move(days=89)
    queue_due(model.store, clock.now(), HOUSE)
    assert retunes(model)[0].seed == first
    assert campaign_seed(model.store, find_model(model.store, "toy")) != first


def test_a_late_campaign_says_how_late_and_what_it_stands_for(model, clock):
    clock.move(days=500)
    queue_due(model.store, clock.now(), HOUSE)
    assert retunes(model)[0].reason == (
        "was due on 2026-04-30 09:00 UTC and is queued 411 days late, together with 4 later dates that also passed"
    )


def test_a_campaign_that_is_in_time_gives_no_reason(model, clock):
    clock.move(days=89, minutes=30)
    queue_due(model.store, clock.now(), HOUSE)
    assert retunes(model)[0].reason is None


def test_a_model_that_cannot_be_read_is_told_and_does_not_hold_up_the_others(model, clock):
    taken_up(model, clock, "other", "1 week")
    with model.store.transaction():
        model.store.change("UPDATE model_versions SET body = '{' WHERE model_id = 1")
    clock.move(days=100)
    assert len(queue_due(model.store, clock.now(), HOUSE)) == 1
    (fault,) = recent_faults(model.store)
    assert fault.part == "schedule"
    assert fault.sentence.startswith("toy is due and cannot be queued")


def test_a_clock_that_stood_a_year_ahead_for_a_minute_costs_no_date(model, clock):
    queue_due(model.store, clock.now(), HOUSE)
    clock.move(days=400)
    assert len(queue_due(model.store, clock.now(), HOUSE)) == 1
    close_campaigns(model.store)
    clock.move(days=-400)
    assert queue_due(model.store, clock.now(), HOUSE) == ()
    assert find_model(model.store, "toy").next_due_at == date("2026-07-31")  # 30 April has been run, ahead of time


def test_a_triggered_campaign_takes_the_place_of_a_date_that_is_near(model, clock):
    clock.move(days=80)
    found = queue_triggered(
        model.store, find_model(model.store, "toy"), "data", "rows grew by 30 %", clock.now(), HOUSE
    )
    triggered = find_campaign(model.store, found)
    assert (triggered.trigger, triggered.reason, triggered.due_at) == ("data", "rows grew by 30 %", date("2026-04-30"))
    close_campaigns(model.store)
    clock.move(days=20)
    assert queue_due(model.store, clock.now(), HOUSE) == ()
    assert find_model(model.store, "toy").next_due_at == date("2026-07-31")


def test_a_triggered_campaign_far_from_any_date_leaves_the_dates_alone(model, clock):
    clock.move(days=20)
    found = queue_triggered(model.store, find_model(model.store, "toy"), "code", "train.py changed", clock.now(), HOUSE)
    assert find_campaign(model.store, found).due_at is None
    assert find_model(model.store, "toy").next_due_at == date("2026-04-30")
    again = queue_triggered(model.store, find_model(model.store, "toy"), "code", "train.py changed", clock.now(), HOUSE)
    assert again is None


def test_dates_that_a_triggered_campaign_stands_for_do_not_come_again_when_the_clock_steps_back(model, clock):
    queue_due(model.store, clock.now(), HOUSE)
    clock.move(days=200)  # 30 April and 31 July have passed, unseen by a round
    queue_triggered(model.store, find_model(model.store, "toy"), "data", "rows grew by 30 %", clock.now(), HOUSE)
    clock.move(hours=1)
    queue_due(model.store, clock.now(), HOUSE)
    close_campaigns(model.store)
    clock.move(minutes=-10)
    assert queue_due(model.store, clock.now(), HOUSE) == ()
    assert find_model(model.store, "toy").next_due_at == date("2026-10-31")


def test_a_cron_expression_gives_the_dates_in_its_time_zone(desk, clock):
    taken_up(desk, clock, schedule='cron = "0 3 1 */3 *"\ntimezone = "Europe/Berlin"')
    planned = dates_of(desk.store, HOUSE, clock.now())
    assert [f"{one.due_at:%Y-%m-%d %H:%M}" for one in planned] == [
        "2026-04-01 01:00", "2026-07-01 01:00", "2026-10-01 01:00", "2027-01-01 02:00",
    ]  # fmt: skip
    assert planned[0].why == "cron 0 3 1 */3 *"


def test_the_preview_tells_when_the_window_opens(desk, clock):
    taken_up(desk, clock)
    house = HouseScheduleTable(windows=("Sat Sun",))
    first = dates_of(desk.store, house, clock.now())[0]
    assert (first.due_at, first.starts_at) == (date("2026-04-30"), datetime(2026, 5, 2, tzinfo=UTC))


def test_jitter_spreads_models_over_time_and_stays_the_same_for_each(desk, clock):
    for name in ("a", "b", "c", "d"):
        taken_up(desk, clock, name, schedule='jitter = "10d"')
    dates = {one.model: one.due_at for one in dates_of(desk.store, HOUSE, clock.now(), 4)}
    assert len(set(dates.values())) == 4
    assert all(date("2026-04-30") <= due < date("2026-04-30") + timedelta(days=10) for due in dates.values())
    clock.move(days=150)
    queue_due(desk.store, clock.now(), HOUSE)
    assert {campaign.model: campaign.due_at for campaign in open_campaigns(desk.store)} == dates


def test_an_interval_that_adapts_is_halved_after_stale(judged_copy):
    stale = retunes(judged_copy)[-1]
    path = judged_copy.write_model(schedule='every = "auto"', settings='file = "live.json"')
    register(judged_copy.store, load_model_file(path), path, stale.created_at)
    interval = adapt_interval(judged_copy.store, stale, stale.ended_at, HOUSE)
    assert (interval.days, interval.reason) == (46, "halved from 91 to 46 days after STALE")
    model = find_model(judged_copy.store, "toy")
    assert model.next_due_at == stale.created_at + timedelta(days=46)
    later = stale.ended_at + timedelta(days=10)
    assert adapt_interval(judged_copy.store, stale, later, HOUSE) == interval
    assert find_model(judged_copy.store, "toy") == model
    assert dates_of(judged_copy.store, HOUSE, later)[0].why == "auto: halved from 91 to 46 days after STALE"


def test_the_error_budget_counts_what_came_unasked(judged_copy):
    model = find_model(judged_copy.store, "toy")
    now = retunes(judged_copy)[-1].ended_at
    assert campaigns_a_year(judged_copy.store, model, now) == 4.0
    with judged_copy.store.transaction():
        for second in range(6):
            judged_copy.store.change(
                "INSERT INTO campaigns (model_id, model_version, settings_version, kind, trigger, phase, seed, options,"
                " created_at, ended_at) VALUES (1, 1, 1, 'retune', 'data', 'done', 0, '{}', ?, ?)",
                (to_text(now - timedelta(seconds=second)),) * 2,
            )
    assert campaigns_a_year(judged_copy.store, model, now) == 7.0


def test_the_error_budget_of_an_interval_that_adapts_is_for_the_shortest(desk, clock):
    taken_up(desk, clock, every="auto")
    assert campaigns_a_year(desk.store, find_model(desk.store, "toy"), clock.now()) == 12.0


MODEL = """
name = "toy"
owner = "tests"
[training]
command = ["true", "{lr}"]
budget = {steps = 1}
[objective]
metric = "score"
direction = "maximize"
[hyperparameters.lr]
type = "float"
low = 0.1
high = 1.0
value = 0.5
[schedule]
every = "1 month"
"""


class Months(RuleBasedStateMachine):
    """A model that is due each month, in a world where everything happens to the daemon and to the clock."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.state = Path(self.folder.name)
        (self.state / "model.toml").write_text(MODEL)
        self.start = self.now = datetime(2027, 11, 30, 9, tzinfo=UTC)
        self.store = Store(self.state)
        register(self.store, load_model_file(self.state / "model.toml"), self.state / "model.toml", self.now)
        close_campaigns(self.store)
        self.latest = self.now  # that the daemon has seen

    def teardown(self):
        self.now = max(self.now, self.latest)
        set_state(self.store, "toy", "active")
        for _ in range(3):
            close_campaigns(self.store)
            self.tick()
        assert not [due for due in self.dates_until(self.now) if not self.is_covered(due)]
        self.store.close()
        self.folder.cleanup()

    def dates_until(self, moment):
        every = parse_every("1 month")
        dates = (next_due(self.start + timedelta(days=1), every, self.start),)
        while dates[-1] <= moment:
            dates = (*dates, next_due(dates[-1], every, self.start))
        return dates[:-1]

    def campaigns(self):
        return campaigns_of(self.store, 1, "retune")

    def is_covered(self, due):
        return any(
            each.due_at is not None and (each.due_at == due or each.due_at < due <= each.created_at)
            for each in self.campaigns()
        )

    @rule()
    def tick(self):
        queue_due(self.store, self.now, HOUSE)
        self.latest = max(self.latest, self.now)

    @rule(hours=st.integers(1, 24 * 100))
    def let_time_pass(self, hours):
        self.now += timedelta(hours=hours)

    @rule(hours=st.integers(1, 24 * 50))
    def set_the_clock_back(self, hours):
        self.now = max(self.start, self.now - timedelta(hours=hours))

    @rule()
    def restart(self):
        self.store.close()
        self.store = Store(self.state)

    @rule()
    def end_campaigns(self):
        close_campaigns(self.store)

    @rule(state=st.sampled_from(["paused", "active"]))
    def pause_or_resume(self, state):
        set_state(self.store, "toy", state)

    @rule()
    def look_finds_a_change(self):
        queue_triggered(self.store, find_model(self.store, "toy"), "data", "rows grew", self.now, HOUSE)
        self.latest = max(self.latest, self.now)

    @precondition(lambda self: find_model(self.store, "toy").state == "active")
    @rule()
    def is_never_idle_when_due(self):
        close_campaigns(self.store)
        self.tick()
        assert find_model(self.store, "toy").next_due_at > self.now

    @invariant()
    def no_date_is_run_twice(self):
        dues = [each.due_at for each in self.campaigns() if each.due_at is not None]
        assert len(dues) == len(set(dues))

    @invariant()
    def one_campaign_at_a_time(self):
        assert len(open_campaigns(self.store, 1)) <= 1

    @invariant()
    def only_dates_of_the_rule_are_run(self):
        dates = set(self.dates_until(max(self.now, self.latest) + timedelta(days=62)))
        assert {each.due_at for each in self.campaigns() if each.due_at is not None} <= dates


TestMonths = Months.TestCase
TestMonths.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
