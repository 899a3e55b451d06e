"""Whom a failed campaign is told to: each cause once, again after a time or a success."""

import pytest
from retuned.daemon.campaign.failure_alert import alert_of_failure, cause_of
from retuned.daemon.campaign.triggered import queue_triggered
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.config.schedule_tables import HouseScheduleTable
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.campaigns.campaign_writes import fail_campaign, queue_campaign
from retuned.daemon.state.campaigns.campaigns import find_campaign, open_campaigns
from retuned.daemon.state.models.models import find_entry
from retuned.daemon.state.models.registry import find_model


def test_a_failure_that_nobody_watches_is_told_once_until_a_re_evaluation_succeeds(desk):
    desk.register()
    desk.baseline()
    model = find_model(desk.store, "toy")
    data = desk.folder / "data.json"
    content = data.read_text()

    def scheduled():
        now = SystemClock().now()
        return desk.run(
            find_campaign(desk.store, queue_triggered(desk.store, model, "data", "it grew", now, HouseScheduleTable()))
        )

    data.unlink()
    assert scheduled().phase == "failed"
    (told,) = list_alerts(desk.store)
    assert told.title == "toy: a re-evaluation failed"
    assert "data.json" in told.text
    assert "retuned retune toy" in told.text
    assert scheduled().phase == "failed"
    assert len(list_alerts(desk.store)) == 1
    assert desk.retune(seed=1).phase == "failed"  # a person who starts one watches it
    assert len(list_alerts(desk.store)) == 1
    data.write_text(content)
    assert scheduled().phase == "done"
    (over,) = [alert for alert in list_alerts(desk.store) if alert.kind == "failed"]
    assert (over.state, over.resolution[:13]) == ("resolved", "re-evaluation")
    data.unlink()
    assert scheduled().phase == "failed"
    (again,) = [alert for alert in list_alerts(desk.store) if alert.kind == "failed"]
    assert (again.state, again.id, again.raised) == ("open", over.id, 3)


def test_a_baseline_that_nobody_started_tells_its_failure_and_a_re_evaluation_of_the_same_cause_does_not(desk):
    model = desk.register(alerts='webhook = "http://127.0.0.1:9/hook"')
    (desk.folder / "data.json").unlink()
    assert desk.baseline().phase == "failed"
    (told,) = list_alerts(desk.store)
    assert told.title == "toy: its baseline failed"
    assert "Campaign 1 (registered) ended without a verdict" in told.text
    assert "retuned baseline toy" in told.text
    assert [delivery.split(",")[0] for delivery in told.deliveries] == ["waiting for http://127.0.0.1:9"]
    now = SystemClock().now()
    number = queue_triggered(desk.store, model, "data", "it grew", now, HouseScheduleTable())
    assert desk.run(find_campaign(desk.store, number)).phase == "failed"
    assert len(list_alerts(desk.store)) == 1


@pytest.fixture
def fail(desk, clock):
    """Ends a campaign of the toy that the schedule started, with a reason; the number of messages after it."""
    desk.register(alerts='webhook = "http://127.0.0.1:9/hook"')
    with desk.store.transaction():
        fail_campaign(desk.store, open_campaigns(desk.store)[0].id, "cancelled", "not needed here", clock.now())

    def end(reason, trigger="schedule", kind="retune"):
        model = find_model(desk.store, "toy")
        with desk.store.transaction():
            number = queue_campaign(
                desk.store, model=find_entry(desk.store, model.id), kind=kind, trigger=trigger, seed=1, options={},
                now=clock.now(),
            )  # fmt: skip
            fail_campaign(desk.store, number, "failed", reason, clock.now())
            alert_of_failure(desk.store, find_campaign(desk.store, number), reason, desk.config, clock.now())
        return len(desk.store.rows("SELECT id FROM outbox"))

    return end


SAME = [
    ("no data found at /a/1/x.csv", "no data found at /a/2/x.csv"),  # paths carry the campaign's number
    ("exit code 1: Traceback at 0x7f01, step 17", "exit code 1: Traceback at 0xbeef, step 18"),
    ("its worker 4711 died, signal 9", "its worker 815 died, signal 9"),
]
OTHER = [
    ("no data found at /a/x.csv", "every training run failed: exit code 1"),
    ("exit code 1", "exit code 137"),  # killed for lack of memory
    ("exit code 1", "exit code -1"),
    ("signal 9", "signal 11"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_cause_is_told_again_after_a_week_and_no_earlier(fail, clock, first, second):
    assert fail(first) == 1
    clock.move(days=7, seconds=-1)
    assert fail(second) == 1
    clock.move(seconds=1)
    assert fail(second) == 2
    assert fail(first) == 2


@pytest.mark.parametrize(("first", "second"), OTHER)
def test_another_cause_is_told_at_once_and_two_that_take_turns_are_told_once_each(fail, first, second):
    assert [fail(first), fail(second), fail(first), fail(second)] == [1, 2, 2, 2]


def test_what_a_person_started_is_told_nobody(fail):
    assert fail("no data", trigger="manual") == 0
    assert fail("no data", trigger="manual", kind="baseline") == 0
    assert fail("no data", trigger="adopted from campaign 3", kind="baseline") == 1


def test_the_interval_is_the_configurations(fail, desk, clock):
    fail("no data")
    (alert,) = list_alerts(desk.store)
    assert "after 7 days at the earliest, another one at once" in alert.text
    clock.move(hours=2)
    assert fail("no data") == 1
    desk.config = Config.model_validate({"state": desk.config.state, "alerts": {"repeat": "1h"}})
    assert fail("no data") == 2


@pytest.mark.parametrize(("first", "second"), SAME)
def test_a_cause_is_a_reason_without_its_paths_and_numbers(first, second):
    assert cause_of(first) == cause_of(second)
