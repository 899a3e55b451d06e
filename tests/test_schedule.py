"""Due dates: read from the database, queued once, late when nothing ran, and counted in calendar months."""

from datetime import UTC, datetime
from threading import Thread

import pytest
from retuned.daemon.ledger import campaigns_of, find_campaign, open_campaigns
from retuned.daemon.model_file import load_model_file
from retuned.daemon.registry import find_model, register, set_state
from retuned.daemon.schedule import campaign_seed, queue_due
from retuned.daemon.store import Store


def date(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC, hour=9)


@pytest.fixture
def model(desk, clock):
    """A desk with a model registered on 31 January, its baseline out of the way."""
    taken_up(desk, clock)
    return desk


def taken_up(desk, clock, name="toy", every="3 months"):
    path = desk.write_model(top=f'name = "{name}"\nowner = "tests"', schedule=f'every = "{every}"')
    register(desk.store, load_model_file(path), path, clock.now())
    close_campaigns(desk.store)


def close_campaigns(store):
    with store.transaction():
        store.change("UPDATE campaigns SET phase = 'done', ended_at = created_at WHERE ended_at IS NULL")


def retunes(desk):
    return campaigns_of(desk.store, 1, "retune")


def test_a_model_is_not_queued_before_its_day(model, clock):
    clock.move(days=88)
    assert queue_due(model.store, clock.now()) == ()


def test_a_due_model_is_queued_once_by_two_ticks(model, clock):
    clock.move(days=89)
    (queued,) = queue_due(model.store, clock.now())
    assert queue_due(model.store, clock.now()) == ()
    campaign = find_campaign(model.store, queued)
    assert (campaign.kind, campaign.trigger, campaign.due_at) == ("retune", "schedule", date("2026-04-30"))
    assert find_model(model.store, "toy").next_due_at == date("2026-07-31")


def test_two_processes_that_tick_at_once_queue_one_campaign(model, clock):
    clock.move(days=89)
    now, found = clock.now(), []
    threads = [Thread(target=lambda: found.append(queue_due(Store(model.store.state), now))) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(map(len, found)) == [0, 0, 0, 1]
    assert len(retunes(model)) == 1


def test_a_date_that_was_missed_for_a_year_runs_once_and_late(model, clock):
    clock.move(days=500)
    assert len(queue_due(model.store, clock.now())) == 1
    assert queue_due(model.store, clock.now()) == ()
    (late,) = retunes(model)
    assert (late.due_at, late.created_at) == (date("2026-04-30"), clock.now())
    assert find_model(model.store, "toy").next_due_at == date("2027-07-31")


def test_due_dates_go_on_by_calendar_months_from_the_day_of_registration(model, clock):
    dates = []
    for _ in range(5):
        clock.move(seconds=(find_model(model.store, "toy").next_due_at - clock.now()).total_seconds())
        queue_due(model.store, clock.now())
        close_campaigns(model.store)
        dates.append(f"{find_model(model.store, 'toy').next_due_at:%Y-%m-%d}")
    assert dates == ["2026-07-31", "2026-10-31", "2027-01-31", "2027-04-30", "2027-07-31"]


def test_a_model_whose_campaign_is_still_open_keeps_its_due_date(model, clock):
    clock.move(days=89)
    queue_due(model.store, clock.now())
    clock.move(days=100)
    assert queue_due(model.store, clock.now()) == ()
    assert find_model(model.store, "toy").next_due_at == date("2026-07-31")
    close_campaigns(model.store)
    assert len(queue_due(model.store, clock.now())) == 1
    assert retunes(model)[-1].due_at == date("2026-07-31")


@pytest.mark.parametrize("state", ["paused", "retired"])
def test_a_model_that_is_not_active_is_not_queued_and_runs_late_once_resumed(model, clock, state):
    set_state(model.store, "toy", state)
    clock.move(days=200)
    assert queue_due(model.store, clock.now()) == ()
    set_state(model.store, "toy", "active")
    assert len(queue_due(model.store, clock.now())) == 1


def test_a_model_that_is_never_due_is_never_queued(desk, clock):
    taken_up(desk, clock, every="never")
    clock.move(days=36500)
    assert queue_due(desk.store, clock.now()) == ()


def test_every_due_model_is_queued(model, clock):
    taken_up(model, clock, "other", "1 week")
    clock.move(days=100)
    assert len(queue_due(model.store, clock.now())) == 2
    assert {campaign.model for campaign in open_campaigns(model.store)} == {"toy", "other"}


def test_each_campaign_has_a_seed_of_its_own_that_can_be_had_again(model, other_desk, clock):
    taken_up(other_desk, clock)
    first = campaign_seed(model.store, find_model(model.store, "toy"))
    assert campaign_seed(other_desk.store, find_model(other_desk.store, "toy")) == first
    clock.move(days=89)
    queue_due(model.store, clock.now())
    assert retunes(model)[0].seed == first
    assert campaign_seed(model.store, find_model(model.store, "toy")) != first
