"""The record of campaigns: one holder at a time, first records kept, nothing written by one that was replaced."""

import math
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from retuned.daemon.campaign.campaign import run_campaign
from retuned.daemon.clock import SystemClock
from retuned.daemon.processes import identify
from retuned.daemon.state.campaigns.campaign_facts import CampaignFacts
from retuned.daemon.state.campaigns.campaign_writes import cancel_campaign, give_up_campaign
from retuned.daemon.state.campaigns.campaigns import find_campaign, open_campaigns
from retuned.daemon.state.campaigns.lease import (
    Lease,
    LostLease,
    as_only_one,
    progress_of_holder,
    unchanged,
)
from retuned.daemon.state.campaigns.lease_file import Holder, holder_of
from retuned.daemon.state.campaigns.legs import results_of
from retuned.daemon.state.campaigns.phase_records import Ended
from retuned.daemon.state.store import Store
from retuned.strategies.errors import ConflictError, UnknownName
from retuned.strategies.panda.diary import Wish, WishKind
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Purpose, Role

HOLDER = """
import sys
from pathlib import Path
from retuned.daemon.state.campaigns.lease import Lease
from retuned.daemon.state.store import Store
from retuned.strategies.errors import RetunedError
try:
    lease = Lease(Store(Path(sys.argv[1])), 1)
except RetunedError as error:
    sys.exit(str(error))
print(lease.epoch, flush=True)
sys.stdin.readline()
"""
SCHEDULE = ((0.0, 0.1), (5.0, 0.01))
LEG = LegRequest(
    "search.000.r0",
    "search.000",
    Purpose.SEARCH,
    {"lr": 0.1, "rate": SCHEDULE, "on": True},
    3,
    4,
    0.0,
    10.0,
    role=Role.INCUMBENT,
    number=0,
)


@pytest.fixture
def campaign(desk):
    """A desk with the queued baseline 1."""
    desk.register()
    return desk


def holder(desk):
    """Another process that tries to hold campaign 1."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, desk.store.state], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, process.stdout.readline()


def let_go(lease):
    """What the end of a process does to its lock, without giving the lease back in the record."""
    os.close(lease._lock)


def test_only_one_process_at_a_time_holds_a_campaign(campaign):
    first, epoch = holder(campaign)
    assert epoch == "1\n"
    second, nothing = holder(campaign)
    assert nothing == ""
    assert "campaign 1 is already being worked on; one process per campaign" in second.communicate(timeout=30)[1]
    with pytest.raises(ConflictError, match="already being worked on"):
        Lease(campaign.store, 1)
    first.kill()
    first.wait()
    third, epoch = holder(campaign)
    assert epoch == "2\n"
    third.communicate("end\n", timeout=30)


def test_a_holder_that_was_only_slow_can_write_nothing_more(campaign, clock):
    slow = Lease(campaign.store, 1)
    slow.plan([LEG], clock.now())
    let_go(slow)
    other, epoch = holder(campaign)
    assert epoch == "2\n"
    refused = [
        lambda: slow.plan([replace(LEG, name="late")], clock.now()),
        lambda: slow.ingest([LegResult(LEG, LegEnd.COMPLETED, 1.0)], clock.now()),
        lambda: slow.advance("search", unchanged, clock.now()),
        lambda: slow.fail("failed", "late", clock.now()),
        lambda: finish(campaign.store, slow, clock),
        slow.check,
    ]
    for write in refused:
        with pytest.raises(LostLease, match="taken over by another process"):
            write()
    other.communicate("end\n", timeout=30)
    assert results_of(campaign.store, 1) == ()
    assert len(campaign.store.rows("SELECT * FROM legs")) == 1
    assert find_campaign(campaign.store, 1).phase == "queued"


def finish(store, lease, clock):
    with store.transaction():
        lease.finish(None, unchanged, clock.now())


def test_anybody_can_see_who_holds_a_campaign_and_whether_the_service_started_it(campaign):
    state = campaign.store.state
    assert holder_of(state, 1) is None
    other, _ = holder(campaign)
    assert holder_of(state, 1) == Holder(identify(other.pid), is_of_service=False)
    other.communicate("end\n", timeout=30)
    assert holder_of(state, 1) is None
    own = Lease(campaign.store, 1, is_of_service=True)
    assert holder_of(state, 1) == Holder(identify(os.getpid()), is_of_service=True)
    own.release()


def test_a_holder_that_gets_on_is_seen_from_outside_and_one_that_looks_only_is_not(campaign):
    state = campaign.store.state
    assert progress_of_holder(state, 1) is None
    lease = Lease(campaign.store, 1)
    os.utime(lease.folder / "lease", (1, 1))
    before = progress_of_holder(state, 1)
    holder_of(state, 1)
    assert progress_of_holder(state, 1) == before
    lease.check()
    after = progress_of_holder(state, 1)
    assert after != before
    os.utime(lease.folder / "lease", (1, 1))
    lease.show_progress()
    assert progress_of_holder(state, 1) != before
    lease.release()


def test_a_holder_that_has_not_signed_yet_is_a_holder_all_the_same(campaign):
    lease = Lease(campaign.store, 1)
    (lease.folder / "lease").write_text("")
    assert holder_of(campaign.store.state, 1) == Holder(None, is_of_service=False)
    lease.release()


def test_cleaning_up_waits_until_no_one_works_on_the_campaign(campaign):
    with as_only_one(campaign.store.state, 1) as is_mine:
        assert not is_mine  # it has no folder yet
    lease = Lease(campaign.store, 1)
    with as_only_one(campaign.store.state, 1) as is_mine:
        assert not is_mine
    lease.release()
    with as_only_one(campaign.store.state, 1) as is_mine:
        assert is_mine
        with pytest.raises(ConflictError):
            Lease(campaign.store, 1)


def test_a_campaign_that_is_given_up_has_failed_and_its_holder_writes_nothing_more(campaign, clock):
    lease = Lease(campaign.store, 1)
    with campaign.store.transaction():
        assert give_up_campaign(campaign.store, find_campaign(campaign.store, 1), "it died", clock.now())
    ended = find_campaign(campaign.store, 1)
    assert (ended.phase, ended.failure, ended.ended_at) == ("failed", "it died", clock.now())
    with pytest.raises(LostLease):
        lease.check()
    with campaign.store.transaction():
        assert not give_up_campaign(campaign.store, ended, "again", clock.now())
    lease.release()


def test_a_lease_is_given_back(campaign):
    Lease(campaign.store, 1).release()
    assert Lease(campaign.store, 1).epoch == 2


def test_a_leg_comes_back_as_it_was_written(campaign, clock):
    lease = Lease(campaign.store, 1)
    metrics = {"loss": 0.5, "broken": math.nan}
    result = LegResult(LEG, LegEnd.COMPLETED, -0.5, "fine", metrics, ((1.0, -0.7), (2.0, -0.5)), 1.5, 1.2, 4096, 2)
    lease.plan([LEG], clock.now())
    lease.ingest([result], clock.now())
    (found,) = results_of(Store(campaign.store.state), 1)
    assert math.isnan(found.metrics["broken"])
    assert replace(found, metrics={}) == replace(result, metrics={})
    assert found.request.configuration == LEG.configuration
    lease.release()


def test_a_leg_that_ended_keeps_its_first_record(campaign, clock):
    lease = Lease(campaign.store, 1)
    lease.plan([LEG], clock.now())
    lease.ingest([LegResult(LEG, LegEnd.COMPLETED, 1.0)], clock.now())
    lease.ingest([LegResult(LEG, LegEnd.CRASHED, None, "late news")], clock.now())
    lease.plan([LEG], clock.now())
    (found,) = results_of(campaign.store, 1)
    assert (found.end, found.score) == (LegEnd.COMPLETED, 1.0)
    lease.release()


def test_results_come_in_the_order_they_were_planned(campaign, clock):
    legs = [replace(LEG, name=f"search.{number:03d}.r0") for number in (2, 0, 1)]
    lease = Lease(campaign.store, 1)
    lease.plan(legs, clock.now())
    lease.ingest([LegResult(leg, LegEnd.COMPLETED, 0.0) for leg in reversed(legs)], clock.now())
    assert [result.request.name for result in results_of(campaign.store, 1)] == [leg.name for leg in legs]
    lease.release()


def test_facts_are_added_up_and_the_start_is_kept(campaign, clock):
    lease = Lease(campaign.store, 1)
    lease.advance("prepare", lambda facts: replace(facts, wishes=(Wish(WishKind.HOLD),)), clock.now())
    clock.move(minutes=5)
    now = lease.advance("search", lambda facts: replace(facts, ended=Ended(7.5, 3)), clock.now())
    assert now.facts == CampaignFacts(wishes=(Wish(WishKind.HOLD),), ended=Ended(7.5, 3))
    assert (now.ended_at, (clock.now() - now.started_at).total_seconds()) == (None, 300)
    lease.release()


def test_a_cancelled_campaign_is_closed_and_its_holder_is_told_why(campaign, clock):
    lease = Lease(campaign.store, 1)
    cancel_campaign(campaign.store, find_campaign(campaign.store, 1), clock.now())
    assert open_campaigns(campaign.store) == ()
    with pytest.raises(LostLease, match="campaign 1 has ended: cancelled by a person"):
        lease.check()
    lease.release()


def test_cancelling_a_campaign_that_has_ended_does_not_change_it(campaign, clock):
    lease = Lease(campaign.store, 1)
    open_before = find_campaign(campaign.store, 1)
    finish(campaign.store, lease, clock)
    cancel_campaign(campaign.store, open_before, clock.now())
    assert find_campaign(campaign.store, 1).phase == "done"
    lease.release()


def test_cancelling_stops_a_campaign_that_is_running(desk):
    desk.write_data(sleep_s=5.0)
    desk.register()
    canceller = threading.Thread(target=cancel_once_legs_are_planned, args=(desk.store.state,))
    canceller.start()
    ended = run_campaign(desk.store, 1, clock=SystemClock(), config=desk.config, environ=os.environ)
    canceller.join()
    assert (ended.phase, ended.failure) == ("cancelled", "cancelled by a person")
    assert results_of(desk.store, 1) == ()
    spool = desk.store.state / "campaigns/1"
    assert [*(spool / "claimed").iterdir(), *(spool / "queue").iterdir()] == []


def cancel_once_legs_are_planned(state):
    store = Store(state)
    while not store.rows("SELECT * FROM legs"):
        time.sleep(0.05)
    cancel_campaign(store, find_campaign(store, 1), SystemClock().now())


def test_baselines_come_before_re_evaluations_in_the_queue(judged_copy, clock):
    judged_copy.write_model(**{"hyperparameters.lr": 'type = "float"\nlow = 1e-4\nhigh = 1.0\nvalue = 0.5'})
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE campaigns SET ended_at = NULL, phase = 'queued' WHERE id IN (1, 2)")
        judged_copy.store.change("UPDATE campaigns SET kind = 'baseline' WHERE id = 2")
        judged_copy.store.change("UPDATE campaigns SET kind = 'retune' WHERE id = 1")
    assert [campaign.id for campaign in open_campaigns(judged_copy.store)] == [2, 1]


def test_an_unknown_campaign_says_where_to_look(campaign):
    with pytest.raises(UnknownName, match="there is no campaign 7; list them with: retuned history NAME"):
        find_campaign(campaign.store, 7)
