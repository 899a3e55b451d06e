"""Did the promised gain arrive? Measured in the first re-evaluation of adopted settings, and on record."""

from datetime import timedelta

import pytest
from retuned.daemon.clock import SystemClock
from retuned.daemon.service.follow_ups import queue_follow_ups
from retuned.daemon.state.campaigns.campaigns import find_campaign
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.digests import owners_parts
from retuned.daemon.state.models.adoption import make_current, proposal
from retuned.daemon.state.models.adoption_log import adoption_of, running_account
from retuned.daemon.state.models.registry import find_model, set_state
from retuned.strategies.adoption.gain import Arrival, arrival_of
from retuned.strategies.records import Role

CLOCK = SystemClock()


def test_the_next_re_evaluation_measures_what_an_adoption_brought_once(judged_copy):
    desk = judged_copy
    make_current(desk.store, proposal(desk.store, "toy", None), CLOCK.now())
    desk.baseline()
    desk.write_data(optimum=-3.2)
    campaign = desk.retune(seed=5)
    made = adoption_of(desk.store, 1, 2)
    assert made.measured_in == campaign.id
    assert arrival_of(made.promise, made.gain) is Arrival.ARRIVED
    results = results_of(desk.store, campaign.id)
    before = {r.request.number: r for r in results if r.request.role is Role.PREVIOUS}
    pairs = [r for r in results if r.request.is_of_confirm and r.request.role is Role.INCUMBENT]
    ours = {r.request.number: r for r in pairs if r.request.number in before}
    assert {r.request.configuration["lr"] for r in before.values()} == {0.01}
    assert [r.request.seed for r in before.values()] == [ours[n].request.seed for n in before]
    assert [r.request.split_seed for r in before.values()] == [ours[n].request.split_seed for n in before]
    mean = sum(ours[n].score - before[n].score for n in before) / len(before)
    assert abs(made.gain.mean - mean) < 1e-9
    account = running_account(desk.store, find_model(desk.store, "toy"), CLOCK.now())
    assert (account.adoptions, account.measured, account.earned) == (1, 1, made.gain.mean)
    again = desk.retune(seed=6)
    assert not [r for r in results_of(desk.store, again.id) if r.request.role is Role.PREVIOUS]


def test_an_adoption_that_no_due_date_follows_is_looked_at_once_after_the_time_that_its_model_allows(judged_copy):
    desk, now = judged_copy, CLOCK.now()
    make_current(desk.store, proposal(desk.store, "toy", None), now)
    assert queue_follow_ups(desk.store, now + timedelta(days=31)) == ()  # its baseline is not over yet
    desk.baseline()
    assert queue_follow_ups(desk.store, now + timedelta(days=29)) == ()
    (number,) = queue_follow_ups(desk.store, now + timedelta(days=31))
    campaign = find_campaign(desk.store, number)
    assert (campaign.kind, campaign.trigger, campaign.settings_version) == ("retune", "follow-up", 2)
    assert campaign.reason == f"new settings were adopted on {now:%Y-%m-%d}: did the gain arrive?"
    desk.write_data(optimum=-3.2)
    desk.run(campaign)
    assert adoption_of(desk.store, 1, 2).measured_in == number
    assert queue_follow_ups(desk.store, now + timedelta(days=90)) == ()


def test_what_follows_an_adoption_is_in_the_next_digest_with_the_running_account(judged_copy):
    desk, since = judged_copy, CLOCK.now()
    make_current(desk.store, proposal(desk.store, "toy", None), since)
    desk.baseline()
    (before,) = owners_parts(desk.store, since, CLOCK.now())
    assert (before.measured, before.accounts[0][:22]) == ((), "toy: re-tuning: 1 adop")
    desk.write_data(optimum=-3.2)
    desk.retune(seed=5)
    (part,) = owners_parts(desk.store, since, CLOCK.now())
    assert part.measured[0].startswith(
        f"toy, the settings adopted on {since:%Y-%m-%d}: the gain arrived: score better by"
    )
    assert part.accounts[0].startswith("toy: re-tuning has earned ")
    later = owners_parts(desk.store, CLOCK.now(), CLOCK.now() + timedelta(days=7))[0]
    assert later.measured == ()


NO_FOLLOW_UP = [
    ('follow_up = "0s"', "active"),  # the owner wants none
    ("", "paused"),  # nothing is due of a paused model
]


@pytest.mark.parametrize(("adoption", "state"), NO_FOLLOW_UP)
def test_nothing_follows_an_adoption_where_nobody_wants_it(judged_copy, adoption, state):
    desk, now = judged_copy, CLOCK.now()
    desk.register(adoption=adoption)
    make_current(desk.store, proposal(desk.store, "toy", None), now)
    desk.baseline()
    set_state(desk.store, "toy", state, now)
    assert queue_follow_ups(desk.store, now + timedelta(days=400)) == ()
