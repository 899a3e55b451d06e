"""The service: what a tick does, by a clock that the test moves, and the real process from start to SIGTERM."""

import contextlib
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from retuned.daemon.campaign.request import open_or_queue
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config, ServiceTable
from retuned.daemon.config.model_file import load_model_file
from retuned.daemon.config.schedule_tables import LimitsTable
from retuned.daemon.durable_files import NO_ROOM_CODE
from retuned.daemon.service.campaign_processes import CampaignProcesses
from retuned.daemon.service.service import ENDED_SEEN, Part, Service
from retuned.daemon.service.waker import Waker
from retuned.daemon.state.alert import list_alerts
from retuned.daemon.state.campaigns.campaign_writes import cancel_campaign, queue_campaign
from retuned.daemon.state.campaigns.campaigns import campaigns_of, find_campaign, open_campaigns
from retuned.daemon.state.campaigns.legs import end_legs, plan_legs
from retuned.daemon.state.faults import recent_faults
from retuned.daemon.state.models.adoption import make_current, proposal
from retuned.daemon.state.models.models import find_entry
from retuned.daemon.state.models.registry import find_model, register, set_state
from retuned.daemon.state.running_service import is_serving, single_instance
from retuned.daemon.state.store import to_text
from retuned.daemon.upkeep.health import health_of
from retuned.strategies.errors import ConflictError
from retuned.strategies.legs.names import full_run
from retuned.strategies.records import LegEnd, LegRequest, LegResult, Outcome, Purpose, Role
from retuned.strategies.schedule.grants import Grant, Machine

TICK_S = 30.0
TOYS = Path(__file__).parents[2] / "toys"
MACHINE = Machine(slots=8, memory_bytes=24 << 30, gpus=(), campaigns=4)
LEAD = """
import sys, time
from pathlib import Path
from retuned.daemon.state.campaigns.lease import Lease
from retuned.daemon.state.store import Store
lease = Lease(Store(Path(sys.argv[1])), int(sys.argv[2]), is_of_service=True)
print("held", flush=True)
time.sleep(600)
"""


@dataclass
class Starter:
    """Stands for the campaign processes: starts `command` in place of each and remembers when."""

    clock: object
    command: tuple[str, ...] = ("false",)
    started: list = field(default_factory=list)
    children: list = field(default_factory=list)

    def __call__(self, campaign_id):
        self.started.append((campaign_id, self.clock.now()))
        process = subprocess.Popen(self.command)
        self.children.append(process)
        if self.command == ("false",):
            process.wait()
        return process

    def of(self, campaign_id):
        return [moment for started, moment in self.started if started == campaign_id]


@pytest.fixture
def starter(clock):
    made = Starter(clock)
    yield made
    [process.kill() for process in made.children]
    [process.wait() for process in made.children]


@pytest.fixture
def service(desk, clock, starter):
    return make_service(desk, clock, starter)


def make_service(desk, clock, starter, machine=MACHINE, parts=(), may_begin=lambda: True, **tables):
    tables = {"service": ServiceTable(tick_s=TICK_S), **tables}
    processes = CampaignProcesses(desk.config.state, starter, clock)
    config = Config(state=desk.config.state, **tables)
    return Service(desk.store, config, clock, processes, lambda: machine, parts, may_begin)


def take_up(desk, clock, name="toy", **tables):
    path = desk.write_model(top=f'name = "{name}"\nowner = "tests"', **tables)
    return register(desk.store, load_model_file(path), path, clock.now()).model


def ticks(service, clock, count, seconds=TICK_S):
    for _ in range(count):
        service.tick()
        clock.move(seconds=seconds)


def end_campaigns(desk, number=None):
    sql = "UPDATE campaigns SET phase = 'done', ended_at = '2026-02-01T00:00:00+00:00' WHERE id = coalesce(?, id)"
    with desk.store.transaction():
        desk.store.change(sql, (number,))


def queue_retune(desk, clock, model, **columns):
    with desk.store.transaction():
        entry = find_entry(desk.store, model.id)
        return queue_campaign(desk.store, model=entry, kind="retune", trigger="schedule", seed=1, options={},
                              now=clock.now(), **columns)  # fmt: skip


def leader(desk, campaign_id):
    """Another process that leads a campaign, as one that an earlier service started."""
    command = [sys.executable, "-c", LEAD, str(desk.store.state), str(campaign_id)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def waits(desk, campaign_id):
    return find_campaign(desk.store, campaign_id).waits


def test_a_campaign_process_that_keeps_dying_is_tried_again_with_growing_delay_and_then_given_up(
    service, desk, clock, starter
):
    take_up(desk, clock, alerts='webhook = "http://127.0.0.1:9/hook"')
    ticks(service, clock, 1200)
    moments = starter.of(1)
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    delays = [5.0, 60.0, 600.0, 3600.0, 21600.0]
    assert all(delay <= gap <= delay + 2 * TICK_S for delay, gap in zip(delays, gaps, strict=True))
    ended = find_campaign(desk.store, 1)
    assert (ended.phase, ended.failure) == (
        "failed",
        "its process died 6 times in a row, the last time with exit code 1; see the service's log, fix the cause, "
        "then: retuned baseline toy",
    )
    (alert,) = list_alerts(desk.store)
    assert alert.title == "toy: its baseline was given up"
    assert [delivery.split(",")[0] for delivery in alert.deliveries] != []
    assert "campaign 1 of toy failed: its process died 6 times in a row" in recent_faults(desk.store)[0].sentence


def test_the_deaths_of_a_campaign_process_are_remembered_by_the_next_service(service, desk, clock, starter):
    take_up(desk, clock)
    ticks(service, clock, 20)
    before = find_campaign(desk.store, 1)
    assert before.failures == 3
    later = make_service(desk, clock, starter)
    later.tick()
    assert len(starter.of(1)) == 3
    assert waits(desk, 1).startswith("its process died 3 times in a row; the next attempt is at ")
    clock.move(seconds=600)
    ticks(later, clock, 2)
    assert find_campaign(desk.store, 1).failures == 4


def test_a_process_that_got_something_done_before_it_died_begins_a_new_row(service, desk, clock, starter):
    take_up(desk, clock)
    ticks(service, clock, 20)
    clock.move(seconds=600)
    starter.command = ("sleep", "600")
    service.tick()
    with desk.store.transaction():
        desk.store.insert(
            "legs", {"campaign_id": 1, "name": "a", "request": "{}", "ended": "completed", "planned_at": ""}
        )
    starter.children[-1].kill()
    starter.children[-1].wait()
    service.tick()
    assert find_campaign(desk.store, 1).failures == 1


@pytest.mark.parametrize(("code", "is_full"), [(NO_ROOM_CODE, False), (1, True)])
def test_a_process_that_ends_for_lack_of_room_is_tried_again_for_ever_and_not_counted(desk, clock, code, is_full):
    rooms = []

    def start(campaign_id):
        rooms.append(campaign_id)
        process = subprocess.Popen(["sh", "-c", f"exit {code}"])
        process.wait()
        return process

    take_up(desk, clock)
    full = []
    service = make_service(desk, clock, start, may_begin=lambda: not full)
    for _ in range(30):
        ticks(service, clock, 1)
        full += [1] * is_full
        ticks(service, clock, 1)
        full.clear()
    assert len(rooms) >= 10
    assert find_campaign(desk.store, 1).failures == 0
    assert find_campaign(desk.store, 1).is_open
    (fault,) = recent_faults(desk.store)
    assert fault.sentence == (
        "the process of campaign 1 of toy ended because the disk had no room; it is tried again, and this does not "
        "count as a failure"
    )


def test_a_model_that_keeps_dying_does_not_stop_the_others(service, desk, clock, starter):
    take_up(desk, clock, "poison")
    take_up(desk, clock, "sound")
    ticks(service, clock, 10)
    assert len(starter.of(1)) > 1
    assert len(starter.of(2)) > 1


def test_a_model_that_cannot_be_read_keeps_nothing_back_but_itself_and_is_told_once(service, desk, clock, starter):
    take_up(desk, clock, "poison")
    take_up(desk, clock, "sound")
    with desk.store.transaction():
        desk.store.change("UPDATE model_versions SET body = '{' WHERE model_id = 1")
    ticks(service, clock, 3)
    assert [number for number, _ in starter.started][:1] == [2]
    assert starter.of(1) == []
    assert waits(desk, 1).startswith("its model cannot be read: ")
    assert [fault.model_id for fault in recent_faults(desk.store) if fault.part == "queue"] == [1]


def test_a_step_that_fails_is_recorded_and_stops_no_other(desk, clock, starter):
    def fail():
        raise ValueError("the disk said no")

    seen = []
    parts = (Part("early", fail, is_first=True), Part("late", fail), Part("last", lambda: seen.append(1)))
    take_up(desk, clock)
    make_service(desk, clock, starter, parts=parts).tick()
    assert seen == [1]
    assert starter.of(1) != []
    assert {(fault.part, fault.sentence) for fault in recent_faults(desk.store)} == {
        ("early", "ValueError: the disk said no"),
        ("late", "ValueError: the disk said no"),
    }


def test_a_campaign_whose_record_is_broken_does_not_keep_the_ends_of_others_from_being_taken_in(
    service, desk, clock, starter
):
    take_up(desk, clock, "poison")
    take_up(desk, clock, "sound")
    service.tick()
    with desk.store.transaction():
        desk.store.change("UPDATE campaigns SET facts = '{' WHERE id = 1")
    service.tick()
    assert find_campaign(desk.store, 2).failures == 1
    assert "JSONDecodeError" in recent_faults(desk.store)[-1].sentence
    ticks(service, clock, 5)
    assert len(starter.of(1)) == 1


def test_while_the_disk_is_full_nothing_is_begun_but_what_ends_is_taken_in(desk, clock, starter):
    seen, is_full = [], [True]
    parts = (
        Part("disk", lambda: seen.append("disk"), is_first=True),
        Part("looks", lambda: seen.append(1), begins=True),
    )
    take_up(desk, clock)
    process = leader(desk, 1)
    service = make_service(desk, clock, starter, parts=parts, may_begin=lambda: not is_full)
    service.tick()
    process.kill()
    process.wait()
    service.tick()
    assert (seen, starter.started, service.processes.running()) == (["disk", "disk"], [], frozenset())
    is_full.clear()
    clock.move(seconds=TICK_S)
    service.tick()
    assert len(starter.started) == 1


def test_no_more_campaigns_run_at_once_than_allowed_and_one_a_model(desk, clock, starter):
    starter.command = ("sleep", "600")
    model = take_up(desk, clock, "first")
    take_up(desk, clock, "second")
    retune = queue_retune(desk, clock, model)
    ticks(make_service(desk, clock, starter, replace(MACHINE, campaigns=1)), clock, 3)
    assert [number for number, _ in starter.started] == [1]
    assert waits(desk, 1) is None
    assert waits(desk, 2) == "waits for its turn: 1 of 1 campaigns running"
    assert waits(desk, retune) == "waits for campaign 1 of first"


def test_a_campaign_that_ended_keeps_its_place_until_its_process_is_gone(desk, clock, starter):
    starter.command = ("sleep", "600")
    take_up(desk, clock, "first")
    take_up(desk, clock, "second")
    service = make_service(desk, clock, starter, replace(MACHINE, campaigns=1))
    service.tick()
    end_campaigns(desk, 1)
    service.tick()
    assert [number for number, _ in starter.started] == [1]
    starter.children[0].kill()
    starter.children[0].wait()
    service.tick()
    assert [number for number, _ in starter.started] == [1, 2]


def test_the_grant_is_on_record_before_the_process_starts(desk, clock):
    seen = []

    def start(campaign_id):
        seen.append(find_campaign(desk.store, campaign_id).grant)
        return subprocess.Popen(["false"])

    take_up(desk, clock)
    make_service(desk, clock, start).tick()
    assert seen == [Grant(slots=2)]


def test_why_a_campaign_waits_is_written_only_when_it_changes(desk, clock, starter):
    starter.command = ("sleep", "600")
    take_up(desk, clock, "first")
    take_up(desk, clock, "second")
    service = make_service(desk, clock, starter, replace(MACHINE, campaigns=1))
    service.tick()
    writes = desk.store._db.total_changes
    ticks(service, clock, 3)
    assert desk.store._db.total_changes == writes


def record_an_hours_run(desk, clock):
    """One run of the baseline, which took an hour."""
    name = full_run(Purpose.REPLICATE, Role.INCUMBENT, 0)
    request = LegRequest(name, name, Purpose.REPLICATE, {"lr": 0.01}, 1, 2, 0.0, 10.0, role=Role.INCUMBENT, number=0)
    plan_legs(desk.store, 1, [request], clock.now())
    end_legs(desk.store, 1, [LegResult(request, LegEnd.COMPLETED, 1.0, seconds=3600.0)], clock.now())


def test_a_campaign_that_would_exceed_its_models_hours_is_put_off_and_one_by_hand_is_not(desk, clock, starter):
    starter.command = ("sleep", "600")
    model = take_up(desk, clock, limits="hours_a_month = 10", search="challengers = 18")
    with desk.store.transaction():
        record_an_hours_run(desk, clock)
        desk.store.change("UPDATE campaigns SET phase = 'done', ended_at = created_at")
    retune = queue_retune(desk, clock, model)
    service = make_service(desk, clock, starter)
    service.tick()
    assert waits(desk, retune).startswith("it needs about 35 hours of training, but only 10 a month are allowed: ")
    with desk.store.transaction():
        desk.store.change("UPDATE campaigns SET trigger = 'manual'")
    service.tick()
    assert [number for number, _ in starter.started] == [retune]


def test_hours_of_this_month_that_are_used_up_come_back_with_the_next(desk, clock, starter):
    starter.command = ("sleep", "600")
    model = take_up(desk, clock, search="challengers = 18")
    with desk.store.transaction():
        record_an_hours_run(desk, clock)
        desk.store.change("UPDATE campaigns SET phase = 'done', ended_at = created_at")
    retune = queue_retune(desk, clock, model)
    service = make_service(desk, clock, starter, limits=LimitsTable(hours_a_month=35.5))
    service.tick()
    assert waits(desk, retune) == (
        "deferred to 1 February: 1 of this month's 35.5 hours for all models are used, "
        "and this campaign needs about 35 hours"
    )
    clock.move(days=1)
    service.tick()
    assert [number for number, _ in starter.started] == [retune]


def test_a_campaign_waits_for_its_window(desk, clock, starter):
    take_up(desk, clock, schedule='windows = ["Mon-Fri 20:00-06:00"]')
    service = make_service(desk, clock, starter)
    service.tick()
    assert waits(desk, 1) == "waits for its window, which opens on 2 February at 20:00 UTC"
    clock.move(days=2, hours=11)
    service.tick()
    assert len(starter.started) == 1


def test_the_interval_of_a_model_is_set_anew_when_a_retune_ended_even_while_no_service_ran(judged_copy, clock):
    starter = Starter(clock, ("sleep", "600"))
    clock.move(days=400)
    make_service(judged_copy, clock, starter).tick()
    with judged_copy.store.transaction():
        judged_copy.store.change(
            "UPDATE model_versions SET body = json_set(body, '$.schedule', json('{\"every\": \"auto\"}'))"
        )
        judged_copy.store.change("UPDATE campaigns SET ended_at = ? WHERE id = 3", (to_text(clock.now()),))
        judged_copy.store.change(
            "UPDATE service_facts SET at = '2026-01-01T00:00:00+00:00' WHERE name = ?", (ENDED_SEEN,)
        )
    make_service(judged_copy, clock, starter).tick()
    assert "STALE" in judged_copy.store.row("SELECT interval_reason FROM models")["interval_reason"]
    [process.kill() for process in starter.children]


def test_a_campaign_that_ended_is_not_started_again(service, desk, clock, starter):
    take_up(desk, clock)
    service.tick()
    end_campaigns(desk)
    ticks(service, clock, 20)
    assert len(starter.started) == 1
    assert service.processes.running() == frozenset()


def test_a_retired_model_is_left_alone(service, desk, clock, starter):
    take_up(desk, clock)
    set_state(desk.store, "toy", "retired")
    ticks(service, clock, 5)
    assert starter.started == []
    assert waits(desk, 1) == "its model is retired"


def test_a_campaign_process_of_an_earlier_service_is_taken_up_and_no_second_one_started(service, desk, clock, starter):
    take_up(desk, clock)
    process = leader(desk, 1)
    ticks(service, clock, 3)
    assert (starter.started, service.processes.running()) == ([], {1})
    (handle,) = service.processes.handles()
    process.kill()
    process.wait()
    assert select.select([handle], [], [], 10)[0] == [handle]
    ticks(service, clock, 2)
    assert len(starter.of(1)) == 1
    assert find_campaign(desk.store, 1).failures >= 1


def still(desk):
    return [fault.sentence for fault in recent_faults(desk.store) if "stood still" in fault.sentence]


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_campaign_process_that_does_not_move_is_told_then_ended_and_tried_again(desk, clock, starter, is_ours):
    starter.command = ("sleep", "600")
    take_up(desk, clock)
    process = None if is_ours else leader(desk, 1)
    service = make_service(desk, clock, starter)
    service.tick()
    process = process or starter.children[0]
    process.send_signal(signal.SIGSTOP)
    ticks(service, clock, 21)
    (told,) = still(desk)
    assert told == f"campaign 1 of toy: {waits(desk, 1)}"
    assert waits(desk, 1).startswith(f"its process ({process.pid}) has stood still for 10 min; ")
    if not is_ours:  # a child of the starter holds no lease
        assert told in health_of(desk.store, desk.config, clock.now()).sentences
    ticks(service, clock, 4)
    assert process.poll() is None
    ticks(service, clock, 2)
    process.wait(30)
    ticks(service, clock, 3)
    assert (
        still(desk)[0] == "the process of campaign 1 of toy stood still for 12.5 min and was ended; next attempt in 5 s"
    )
    assert find_campaign(desk.store, 1).failures == 1
    assert len(starter.of(1)) == 1 + is_ours
    assert service.processes.running() == {1}


def test_a_campaign_process_that_keeps_standing_still_is_given_up(desk, clock, starter):
    starter.command = ("sleep", "600")
    take_up(desk, clock)
    service = make_service(desk, clock, starter)
    for _ in range(6):
        ticks(service, clock, 26)  # the last one asks it to end
        assert starter.children[-1].wait(30) == -signal.SIGTERM
        service.tick()
        clock.move(days=1)
    assert find_campaign(desk.store, 1).failure.startswith(
        "its process died 6 times in a row, the last time it stood still for 12.5 min and was ended; see the service's"
    )


def test_a_campaign_process_that_shows_progress_is_left_alone_however_long_it_takes(desk, clock, starter):
    take_up(desk, clock)
    process = leader(desk, 1)
    service = make_service(desk, clock, starter)
    for second in range(100):
        ticks(service, clock, 10)
        os.utime(desk.store.state / "campaigns/1/lease", (second, second))
    assert (process.poll(), still(desk), waits(desk, 1)) == (None, [], None)
    process.kill()
    process.wait()


def test_a_machine_that_slept_for_a_night_ends_no_campaign_when_it_wakes(desk, clock, starter):
    take_up(desk, clock)
    process = leader(desk, 1)
    service = make_service(desk, clock, starter)
    for _ in range(3):
        ticks(service, clock, 2)
        clock.move(hours=9)
    assert (process.poll(), still(desk)) == (None, [])
    process.kill()
    process.wait()


def test_on_a_full_disk_where_all_wait_nobody_stands_still(desk, clock, starter):
    take_up(desk, clock)
    process = leader(desk, 1)
    service = make_service(desk, clock, starter, may_begin=lambda: False)
    ticks(service, clock, 60)
    assert (process.poll(), still(desk)) == (None, [])
    process.kill()
    process.wait()


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_cancel_frees_the_place_of_a_stopped_process_within_fifteen_seconds(desk, clock, starter, is_ours):
    starter.command = ("sleep", "600")
    take_up(desk, clock, "first")
    take_up(desk, clock, "second")
    process = None if is_ours else leader(desk, 1)
    service = make_service(desk, clock, starter, replace(MACHINE, campaigns=1))
    service.tick()
    process = process or starter.children[0]
    process.send_signal(signal.SIGSTOP)
    cancel_campaign(desk.store, find_campaign(desk.store, 1), clock.now())
    for _ in range(3):
        service.tick()
        assert service.processes.wait_s() <= 5.0
        clock.move(seconds=service.processes.wait_s())
    assert process.poll() is None
    clock.move(seconds=3)
    service.tick()
    process.wait(30)
    service.tick()
    assert starter.started[-1][0] == 2
    assert service.processes.running() == {2}
    assert find_campaign(desk.store, 1).phase == "cancelled"


def test_a_stopped_process_of_a_campaign_that_was_cancelled_while_no_service_ran_is_ended_by_the_next(
    desk, clock, starter
):
    take_up(desk, clock)
    process = leader(desk, 1)
    process.send_signal(signal.SIGSTOP)
    cancel_campaign(desk.store, find_campaign(desk.store, 1), clock.now())
    ticks(make_service(desk, clock, starter), clock, 2, seconds=6)
    assert process.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_process_that_was_stopped_before_it_claimed_its_campaign_is_found_by_the_next_service(
    desk, clock, starter, is_cancelled
):
    starter.command = ("sleep", "600")
    take_up(desk, clock)
    make_service(desk, clock, starter).tick()
    (process,) = starter.children
    process.send_signal(signal.SIGSTOP)
    if is_cancelled:
        cancel_campaign(desk.store, find_campaign(desk.store, 1), clock.now())
    service = make_service(desk, clock, starter)
    service.tick()
    assert (len(starter.children), service.processes.running()) == (1, {1})
    ticks(service, clock, 4 if is_cancelled else 27)
    assert process.wait(30) == -signal.SIGKILL
    ticks(service, clock, 2)
    assert len(starter.children) == (1 if is_cancelled else 2)


class Undying:
    """A process that no signal ends, as one that waits in the kernel for a network mount that is gone."""

    def __init__(self, process):
        self.pid, self.returncode = process.pid, None

    def poll(self):
        return None

    def send_signal(self, number):
        pass


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_process_that_nothing_ends_keeps_no_place(desk, clock, starter, is_cancelled):
    starter.command = ("sleep", "600")
    take_up(desk, clock, "first")
    take_up(desk, clock, "second")

    def start(campaign_id):
        process = starter(campaign_id)
        return Undying(process) if len(starter.started) == 1 else process

    service = make_service(desk, clock, start, replace(MACHINE, campaigns=1))
    service.tick()
    if is_cancelled:
        cancel_campaign(desk.store, find_campaign(desk.store, 1), clock.now())
    ticks(service, clock, 6 if is_cancelled else 31)
    assert [number for number, _ in starter.started] == [1, 2]
    assert service.processes.running() == {2}
    assert any("cannot be ended, not even by SIGKILL" in fault.sentence for fault in recent_faults(desk.store))


def test_a_process_that_lost_the_race_for_a_campaign_is_no_failure_of_it(service, desk, clock, starter):
    take_up(desk, clock)
    service.tick()
    winner = leader(desk, 1)
    ticks(service, clock, 3)
    assert (len(starter.started), find_campaign(desk.store, 1).failures) == (1, 0)
    assert service.processes.running() == {1}
    winner.kill()
    winner.wait()


@pytest.mark.parametrize(("on_stop", "is_left"), [("detach", True), ("terminate", False)])
def test_on_stop_decides_what_becomes_of_campaign_processes_adopted_ones_too(desk, clock, starter, on_stop, is_left):
    starter.command = ("sleep", "600")
    take_up(desk, clock, "one")
    take_up(desk, clock, "two")
    adopted = leader(desk, 1)
    service = make_service(desk, clock, starter, service=ServiceTable(on_stop=on_stop))
    service.tick()
    service.stop()
    assert [process.poll() is None for process in (adopted, starter.children[0])] == [is_left, is_left]
    assert [campaign.id for campaign in open_campaigns(desk.store)] == [1, 2]
    adopted.kill()
    adopted.wait()


def test_a_due_model_is_queued_and_started_in_one_tick(service, desk, clock, starter):
    take_up(desk, clock)
    end_campaigns(desk)
    clock.move(days=89)
    service.tick()
    assert [(c.kind, c.trigger) for c in open_campaigns(desk.store)] == [("retune", "schedule")]
    assert len(starter.of(2)) == 1


def test_a_settings_file_left_behind_is_written_and_a_broken_one_stops_nothing(judged_copy, clock):
    starter = Starter(clock, ("sleep", "60"))
    service = make_service(judged_copy, clock, starter)
    take_up(judged_copy, clock, "other")
    make_current(judged_copy.store, proposal(judged_copy.store, "toy", None), clock.now())
    live = Path(json.loads(judged_copy.store.row("SELECT body FROM model_versions")["body"])["settings"]["file"])
    with judged_copy.store.transaction():
        judged_copy.store.change("UPDATE settings SET is_file_pending = 1")
    before = live.read_text()
    live.unlink()
    service.tick()
    assert live.read_text() == before
    assert starter.started != []
    [process.kill() for process in starter.children]
    live.unlink()


def test_the_loop_wakes_when_told_and_when_a_process_that_it_watches_ends():
    waker = Waker()
    waker.wake()
    waker.wait(())  # told before it slept
    process = subprocess.Popen(["sleep", "600"])
    handle = os.pidfd_open(process.pid)
    process.kill()
    waker.wait((handle,))
    process.wait()
    os.close(handle)
    waker.stop()
    waker.wait(())
    assert waker.is_stopping()


def test_one_service_a_state_folder(tmp_path):
    assert not is_serving(make(tmp_path))
    with single_instance(tmp_path / "state"):
        assert is_serving(tmp_path / "state")
        with pytest.raises(ConflictError, match="a retuned service already runs"), single_instance(tmp_path / "state"):
            raise AssertionError("not reached")
    assert not is_serving(tmp_path / "state")


def make(tmp_path):
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


class Running:
    """A `retuned serve` process that ticks fast; another one goes on with the same log."""

    def __init__(self, desk, on_stop="detach", longest_step="10m"):
        table = f'tick_s = 0.2\nlog = "json"\non_stop = "{on_stop}"\nlongest_step = "{longest_step}"'
        (desk.folder / "config.toml").write_text(f"[service]\n{table}")
        self.desk = desk
        self.log = desk.folder / "service.log"
        self.start()

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(self.command("serve"), stderr=log, stdout=log)

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(30)

    def command(self, *words):
        options = ("--state", self.desk.config.state, "--config", self.desk.folder / "config.toml")
        return [sys.executable, "-m", "retuned.daemon", *map(str, (*options, *words))]

    def events(self):
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [json.loads(line)["event"] for line in lines]

    def left(self):
        """Processes of any kind that still belong to the state folder."""
        return [p.info for p in psutil.process_iter(["pid", "cmdline", "environ"]) if self.is_ours(p)]

    def is_ours(self, process):
        words = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
        return process.pid != os.getpid() and any(word.startswith(f"{self.desk.config.state}/") for word in words)


def wait_for(condition, seconds=40.0):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def running(desk):
    desk.register()
    yield from serving(desk, "detach")


@pytest.fixture
def terminating(desk):
    desk.register()
    yield from serving(desk, "terminate")


def serving(desk, on_stop):
    service = Running(desk, on_stop)
    wait_for(lambda: "service_started" in service.log.read_text())
    yield service
    service.process.kill()
    service.process.wait()
    wait_for(lambda: [psutil.Process(found["pid"]).kill() for found in service.left()] == [])


def retune_amid(desk, **toy):
    """Let the service begin a re-evaluation, and wait until a leg of it has ended."""
    wait_for(lambda: not open_campaigns(desk.store))
    desk.write_data(**{"optimum": -3.0, "sleep_s": 0.1, **toy})
    campaign = open_or_queue(desk.store, find_model(desk.store, "toy"), "retune", 1, {}, SystemClock())
    wait_for(lambda: desk.store.rows("SELECT * FROM legs WHERE campaign_id = 2 AND ended IS NOT NULL"))
    return campaign


def is_over(desk, campaign_id=2):
    return not find_campaign(desk.store, campaign_id).is_open


def test_the_service_runs_the_baseline_serves_a_retune_refuses_a_second_and_ends_cleanly(running, desk):
    second = subprocess.run(running.command("serve"), capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    errors = [line for line in second.stderr.splitlines() if not line.startswith("{")]
    assert errors == [
        f"retuned: a retuned service already runs on {desk.config.state}; one service per state folder; "
        "stop it, or use --state DIR"
    ]
    wait_for(lambda: not open_campaigns(desk.store))
    desk.write_data(optimum=-3.0)
    retune = subprocess.run(
        running.command("retune", "toy", "--seed", "1"), capture_output=True, text=True, timeout=60, check=False
    )
    assert retune.returncode == 10
    assert "STALE" in retune.stdout
    assert [campaign.phase for campaign in campaigns_of(desk.store, 1)] == ["done", "done"]
    assert running.events().count("campaign_started") == 2
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert running.events()[-1] == "service_stopped"
    assert "Traceback" not in running.log.read_text()
    assert running.left() == []


def test_a_service_that_terminates_on_stop_leaves_no_process_and_goes_on_later(terminating, desk):
    retune_amid(desk)
    assert terminating.end(signal.SIGTERM) == 0
    assert terminating.left() == []
    assert find_campaign(desk.store, 2).is_open
    terminating.start()
    wait_for(lambda: is_over(desk))
    assert find_campaign(desk.store, 2).verdict.outcome is Outcome.STALE


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_a_campaign_goes_on_without_the_service_and_the_next_one_takes_it_up(running, desk, number, code):
    retune_amid(desk, sleep_s=1.0)  # long enough for a slow machine to start the next one
    assert running.end(number) == code
    running.start()
    wait_for(lambda: is_over(desk), 120.0)
    wait_for(lambda: running.events().count("campaign_ended") == 2)
    assert find_campaign(desk.store, 2).verdict.outcome is Outcome.STALE
    assert find_campaign(desk.store, 2).epoch == 1
    assert running.events().count("campaign_started") == 2
    assert running.events().count("campaign_adopted") == 1
    assert running.end(signal.SIGTERM) == 0
    wait_for(lambda: running.left() == [])


def test_a_campaign_process_that_is_told_to_detach_leaves_its_worker_to_the_next_one(running, desk):
    retune_amid(desk)
    children = psutil.Process(running.process.pid).children()
    running.end(signal.SIGKILL)
    workers = {found["pid"] for found in running.left()} - {child.pid for child in children}
    [child.terminate() for child in children]
    psutil.wait_procs(children, 30)
    assert workers & {found["pid"] for found in running.left()}
    running.start()
    wait_for(lambda: is_over(desk))
    assert find_campaign(desk.store, 2).verdict.outcome is Outcome.STALE
    attempts = [folder.name for folder in (desk.config.state / "campaigns/2/legs").iterdir()]
    assert [name for name in attempts if not name.endswith(".a1")] == []


def test_a_stopped_campaign_process_is_replaced_and_its_trainings_are_kept(desk):
    desk.register()
    service = Running(desk, longest_step="5s")
    retune_amid(desk, sleep_s=0.4)
    (child,) = psutil.Process(service.process.pid).children()
    suspend_without_lock(child, desk)
    wait_for(lambda: "stood still for" in service.log.read_text(), 90.0)
    wait_for(lambda: is_over(desk), 120.0)
    assert find_campaign(desk.store, 2).verdict.outcome is Outcome.STALE
    attempts = [folder.name for folder in (desk.config.state / "campaigns/2/legs").iterdir()]
    assert [name for name in attempts if not name.endswith(".a1")] == []
    assert service.end(signal.SIGTERM) == 0
    wait_for(lambda: service.left() == [])


def suspend_without_lock(process, desk):
    """Stop a process where it does not hold the database's lock, which would stop everyone."""
    while True:
        process.suspend()
        other = sqlite3.connect(desk.store.state / "retuned.sqlite3", timeout=0.2)
        with contextlib.closing(other), contextlib.suppress(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
            return
        process.resume()
        time.sleep(0.05)


def test_a_cancel_ends_a_stopped_campaign_process_and_its_trainings(running, desk):
    retune_amid(desk, sleep_s=5.0)
    (child,) = psutil.Process(running.process.pid).children()
    suspend_without_lock(child, desk)
    subprocess.run(running.command("cancel", "toy"), check=True, timeout=60, capture_output=True)
    wait_for(lambda: running.events().count("campaign_ended") == 2)
    wait_for(lambda: {found["pid"] for found in running.left()} <= {running.process.pid})
    assert find_campaign(desk.store, 2).phase == "cancelled"


def test_workers_of_a_campaign_that_was_cancelled_while_nobody_led_it_are_cleared_away(running, desk):
    retune_amid(desk, sleep_s=5.0)
    children = psutil.Process(running.process.pid).children()
    running.end(signal.SIGKILL)
    [child.kill() for child in children]
    cancel_campaign(desk.store, find_campaign(desk.store, 2), SystemClock().now())
    assert running.left() != []
    running.start()
    wait_for(lambda: "workers_cleared_away" in running.events())
    running.end(signal.SIGTERM)
    assert running.left() == []


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_cancel_by_hand_without_a_service_ends_the_workers_itself_and_a_stopped_leader(running, desk, is_stopped):
    retune_amid(desk, sleep_s=5.0)
    children = psutil.Process(running.process.pid).children()
    [suspend_without_lock(child, desk) for child in children if is_stopped]
    running.end(signal.SIGKILL)
    [child.kill() for child in children if not is_stopped]
    psutil.wait_procs(children, 0 if is_stopped else 30)
    assert running.left() != []
    subprocess.run(running.command("cancel", "toy"), check=True, timeout=60, capture_output=True)
    assert running.left() == []


@pytest.mark.parametrize("end", ["cancel", "stop"])
def test_a_training_that_forks_twice_and_ignores_sigterm_leaves_nothing_behind(desk, end):
    fled = desk.folder / "fled"
    command = json.dumps([sys.executable, "-S", str(TOYS / "fleeing.py"), str(fled), "wait", "{lr}"])
    desk.register(training=f'command = {command}\nbudget = {{steps = 10}}\ntimeout = "60s"')
    service = Running(desk, "terminate")
    wait_for(lambda: fled.exists() and len(fled.read_text().split()) == 2)
    training = {int(pid) for pid in fled.read_text().split()}
    assert training <= {found["pid"] for found in service.left()}
    if end == "cancel":
        cancel_campaign(desk.store, find_campaign(desk.store, 1), SystemClock().now())
        wait_for(lambda: "campaign_ended" in service.events())
    assert service.end(signal.SIGTERM) == 0
    assert service.left() == []
    assert [pid for pid in training if psutil.pid_exists(pid)] == []


def test_a_retune_that_watches_a_service_lives_through_its_restart(running, desk):
    wait_for(lambda: not open_campaigns(desk.store))
    desk.write_data(optimum=-3.0, sleep_s=0.1)
    words = running.command("retune", "toy", "--seed", "1")
    retune = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: desk.store.rows("SELECT * FROM legs WHERE campaign_id = 2 AND ended IS NOT NULL"))
    running.end(signal.SIGKILL)
    running.start()
    said, complained = retune.communicate(timeout=60)
    assert (retune.returncode, "retuned:" in complained) == (10, False)
    assert "STALE" in said
