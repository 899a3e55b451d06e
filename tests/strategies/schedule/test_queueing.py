"""The queue's decision: priorities, room on the machine, limits and windows, and the sentence of each that waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retuned.strategies.schedule.grants import Grant, Machine, Need, Running, alone_on
from retuned.strategies.schedule.queueing import RETRY_DELAYS_S, Allowance, Waiting, decide, retry_delay_s

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
GIB = 1 << 30
MACHINE = Machine(slots=8, memory_bytes=24 * GIB, gpus=(0, 1), campaigns=4)
NOVEMBER = Allowance("month", 100.0, 97.0, datetime(2026, 12, 1, tzinfo=UTC))


def waiting(number, **changes):
    fields = {"model_id": number, "model": f"model{number}", "queued_at": NOW - timedelta(minutes=5), **changes}
    return Waiting(number, **fields)


def running(number, slots=1, memory_bytes=None, gpus=(), **changes):
    return Running(number, changes.pop("model_id", number), Grant(slots, memory_bytes, gpus), **changes)


def started(decision):
    return [number for number, _ in decision.starts]


def why(campaigns, active=(), machine=MACHINE, house=()):
    """The sentence of the first that waits."""
    decision = decide(campaigns, active, machine, house, NOW)
    assert campaigns[0].id not in started(decision)
    return dict(decision.waits)[campaigns[0].id]


@pytest.mark.parametrize(
    ("one", "active", "sentence"),
    [
        # all places are taken
        ({}, [running(n) for n in (11, 12, 13, 14)], "waits for its turn: 4 of 4 campaigns running"),
        # each resource, with who has it
        ({"need": Need(1, 0, 1)}, [running(14, gpus=(0, 1))], "waits for a GPU: 2 of 2 in use by campaign 14"),
        (
            {"need": Need(1, 0, 2)},
            [running(13, gpus=(0,)), running(14, gpus=(1,))],
            "waits for 2 GPUs: 2 of 2 in use by campaigns 13, 14",
        ),
        (
            {"need": Need(1, 8 * GIB)},
            [running(14, memory_bytes=20 * GIB)],
            "waits for 8 GiB of memory: 20 GiB of 24 GiB in use by campaign 14",
        ),
        ({}, [running(14, slots=8)], "waits for a slot: 8 of 8 in use by campaign 14"),
        # what this machine never has
        (
            {"need": Need(1, 0, 4)},
            [],
            "one training run needs 4 GPUs, but this machine offers 2: correct resources under [training], "
            "or gpus under [workers] in the service's configuration",
        ),
        (
            {"need": Need(1, 32 * GIB)},
            [],
            "one training run needs 32 GiB of memory, but this machine offers 24 GiB: correct resources under "
            "[training], or memory under [workers] in the service's configuration",
        ),
        # one campaign a model
        ({"model_id": 9}, [running(14, model_id=9)], "waits for campaign 14 of model1"),
        # a process that keeps dying
        (
            {"not_before": NOW + timedelta(hours=1), "failures": 4},
            [],
            "its process died 4 times in a row; the next attempt is at 11:00 UTC on 24 November",
        ),
        # a closed window
        (
            {"opens_at": NOW + timedelta(hours=10)},
            [],
            "waits for its window, which opens on 24 November at 20:00 UTC",
        ),
        # limits: the month's, a year's, and one that the campaign can never keep
        (
            {"hours": 12.0, "allowances": (replace(NOVEMBER, whose="model1"),)},
            [],
            "deferred to 1 December: 97 of this month's 100 hours are used, and this campaign needs about 12 hours",
        ),
        (
            {"allowances": (Allowance("year", 50, 50.0, datetime(2027, 1, 1, tzinfo=UTC), "model1"),)},
            [],
            "deferred to 1 January: 50 of this year's 50 hours are used",
        ),
        (
            {"hours": 12.0, "allowances": (Allowance("month", 10, 0.0, NOVEMBER.renews_at, "model1"),)},
            [],
            "it needs about 12 hours of training, but only 10 a month are allowed: raise hours_a_month under [limits], "
            "or start it manually: retuned retune model1",
        ),
        # whatever else is known
        ({"hindrance": "its model is retired"}, [], "its model is retired"),
    ],
)
def test_a_campaign_that_waits_says_why(one, active, sentence):
    assert why([waiting(1, **one)], active) == sentence


def test_what_running_campaigns_will_still_use_counts_against_the_limit_of_all():
    house = [replace(NOVEMBER, used_hours=80.0)]
    assert started(decide([waiting(1, hours=12.0)], [running(14, hours_left=5.0)], MACHINE, house, NOW)) == [1]
    assert why([waiting(1, hours=12.0)], [running(14, hours_left=9.0)], house=house) == (
        "deferred to 1 December: 89 of this month's 100 hours for all models are used, "
        "and this campaign needs about 12 hours"
    )


def test_two_campaigns_that_start_together_share_the_limit_of_all():
    house = [replace(NOVEMBER, used_hours=80.0)]
    decision = decide([waiting(1, hours=12.0), waiting(2, hours=12.0)], [], MACHINE, house, NOW)
    assert started(decision) == [1]
    assert dict(decision.waits)[2].startswith("deferred to 1 December: 92 of this month's 100 hours")


@pytest.mark.parametrize("put_off", [{"hours": 12.0, "allowances": (NOVEMBER,)}, {"opens_at": NOW + timedelta(days=1)}])
def test_a_manual_campaign_is_warned_of_limits_and_windows_and_started(put_off):
    decision = decide([waiting(1, is_manual=True, **put_off)], [], MACHINE, (), NOW)
    assert started(decision) == [1]
    ((number, sentence),) = decision.warnings
    assert number == 1
    assert sentence.startswith("started manually, although the rules would make it wait: ")


def test_a_campaign_that_has_begun_continues_beyond_limits_and_windows_without_a_warning():
    begun = waiting(1, has_begun=True, hours=99.0, allowances=(NOVEMBER,), opens_at=NOW + timedelta(days=1))
    decision = decide([begun], [], MACHINE, (), NOW)
    assert (started(decision), decision.waits, decision.warnings) == ([1], (), ())


def test_the_higher_priority_goes_first_and_among_equals_the_older():
    one = replace(MACHINE, campaigns=1)
    older, newer = waiting(1, queued_at=NOW - timedelta(hours=2)), waiting(2)
    assert started(decide([newer, older], [], one, (), NOW)) == [1]
    assert started(decide([replace(newer, priority=1), older], [], one, (), NOW)) == [2]
    assert started(decide([replace(newer, is_manual=True), replace(older, is_baseline=True)], [], one, (), NOW)) == [2]


def test_waiting_long_outdoes_any_priority():
    one = replace(MACHINE, campaigns=1)
    old = waiting(1, priority=-100, queued_at=NOW - timedelta(days=51))
    assert started(decide([waiting(2, priority=100), old], [], one, (), NOW)) == [1]


def test_of_one_model_the_baseline_goes_first_even_before_a_manual_campaign():
    campaigns = [waiting(5, model_id=1, is_manual=True), waiting(6, model_id=1, is_baseline=True)]
    decision = decide(campaigns, [], MACHINE, (), NOW)
    assert started(decision) == [6]
    assert decision.waits == ((5, "waits for campaign 6 of model5"),)


def test_a_small_campaign_does_not_take_what_a_large_one_waits_for():
    large, small = waiting(1, need=Need(1, 0, 2), priority=1), waiting(2, need=Need(1, 0, 1))
    decision = decide([large, small], [running(14, gpus=(0,))], MACHINE, (), NOW)
    assert started(decision) == []
    assert dict(decision.waits)[2] == "waits for a GPU: 2 of 2 in use by campaign 14, reserved for campaign 1"


def test_a_campaign_that_needs_none_of_what_is_kept_goes_past():
    large, small = waiting(1, need=Need(1, 0, 2), priority=1), waiting(2)
    assert started(decide([large, small], [running(14, gpus=(0,))], MACHINE, (), NOW)) == [2]


def test_what_can_never_run_keeps_nothing_from_the_others():
    impossible, small = waiting(1, need=Need(1, 0, 4), priority=1), waiting(2, need=Need(1, 0, 2))
    assert started(decide([impossible, small], [], MACHINE, (), NOW)) == [2]


def test_slots_are_dealt_out_in_turns_up_to_what_each_can_use():
    campaigns = [waiting(1, need=Need(16)), waiting(2, need=Need(2)), waiting(3, need=Need(16))]
    grants = dict(decide(campaigns, [], MACHINE, (), NOW).starts)
    assert {number: grant.slots for number, grant in grants.items()} == {1: 3, 2: 2, 3: 3}


def test_every_slot_comes_with_its_memory_and_gpus():
    (_, grant), *_ = decide([waiting(1, need=Need(8, 10 * GIB, 1))], [], MACHINE, (), NOW).starts
    assert grant == Grant(2, 20 * GIB, (0, 1))
    assert grant.sentence == "2 training runs at once, 20 GiB of memory, GPU 0, 1"
    assert Grant.from_json(grant.to_json()) == grant


def test_runs_that_take_several_cores_get_as_many_as_fit():
    grants = dict(
        decide([waiting(1, need=Need(16, cores=3.0)), waiting(2, need=Need(16))], [], MACHINE, (), NOW).starts
    )
    assert {number: (grant.slots, grant.held) for number, grant in grants.items()} == {1: (2, 6.0), 2: (2, 2)}
    assert Grant.from_json(grants[1].to_json()) == grants[1]


def test_a_run_of_several_cores_keeps_what_is_free_of_them_until_it_can_start():
    large, small = waiting(1, need=Need(4, cores=6.0), priority=1), waiting(2)
    decision = decide([large, small], [running(14, slots=5)], MACHINE, (), NOW)
    assert started(decision) == []
    assert dict(decision.waits)[1] == "waits for 6 cores: 5 of 8 in use by campaign 14"
    assert "reserved for campaign 1" in dict(decision.waits)[2]


def test_parts_of_cores_add_up():
    (_, grant), *_ = decide([waiting(1, need=Need(100, cores=0.1))], [], MACHINE, (), NOW).starts
    assert (grant.slots, round(grant.held, 6)) == (80, 8.0)


def test_what_a_campaign_would_get_can_be_said_beforehand():
    assert alone_on(MACHINE, Need(8, 10 * GIB)) == (
        "when nothing else runs, it gets 2 training runs at once, 20 GiB of memory"
    )
    assert alone_on(MACHINE, Need(1, cores=9.0)).startswith("one training run needs 9 cores, but there are 8")
    assert alone_on(MACHINE, Need(1, 0, 4)).startswith("one training run needs 4 GPUs, but this machine offers 2")


def test_a_campaign_gets_the_gpu_back_that_its_workers_may_still_use():
    (_, grant), *_ = decide([waiting(1, need=Need(1, 0, 1), gpus=(1,))], [], MACHINE, (), NOW).starts
    assert grant.gpus == (1,)


def test_the_delay_grows_with_each_death_and_then_the_campaign_is_given_up():
    delays = [retry_delay_s(failures) for failures in range(1, 7)]
    assert delays == [*RETRY_DELAYS_S, None]
    assert sorted(RETRY_DELAYS_S) == list(RETRY_DELAYS_S)


NEEDS = st.builds(Need, st.integers(1, 12), st.integers(0, 3).map(lambda count: count * 4 * GIB), st.integers(0, 2))
QUEUES = st.lists(st.tuples(NEEDS, st.integers(-100, 100), st.integers(0, 4)), max_size=8)


@given(QUEUES)
def test_nothing_is_promised_twice_and_every_campaign_has_an_answer(queue):
    campaigns = [waiting(i, need=need, priority=p, model_id=m) for i, (need, p, m) in enumerate(queue)]
    decision = decide(campaigns, [], MACHINE, (), NOW)
    grants = [grant for _, grant in decision.starts]
    gpus = [gpu for grant in grants for gpu in grant.gpus]
    assert len(gpus) == len(set(gpus))
    assert sum(grant.slots for grant in grants) <= MACHINE.slots
    assert sum(grant.memory_bytes or 0 for grant in grants) <= MACHINE.memory_bytes
    assert len(grants) <= MACHINE.campaigns
    assert sorted([*started(decision), *dict(decision.waits)]) == [campaign.id for campaign in campaigns]
    assert all(
        (grant.memory_bytes or 0, len(grant.gpus))
        == (grant.slots * campaigns[number].need.memory_bytes, grant.slots * campaigns[number].need.gpus)
        for number, grant in decision.starts
    )
