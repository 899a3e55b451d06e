"""Health, read from the database alone: with and without a service, and by thousands of models."""

import json
from dataclasses import asdict, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from pydantic import TypeAdapter
from retuned.daemon.alerts.webhooks import deliver_due
from retuned.daemon.config.config import Config
from retuned.daemon.service.heartbeat import Heartbeat, Movement, Pulse, why_stuck
from retuned.daemon.state.campaigns.campaigns import open_campaigns
from retuned.daemon.state.campaigns.lease import Lease
from retuned.daemon.state.campaigns.phase_records import ChosenStrategy
from retuned.daemon.state.faults import get_fact, note_fault, recent_faults, set_fact
from retuned.daemon.state.models.due_dates import overdue_since
from retuned.daemon.state.outbox import FirstDue, Outcome, due_messages, enqueue, settle_message
from retuned.daemon.state.running_service import single_instance
from retuned.daemon.state.store import Store, to_text
from retuned.daemon.upkeep.health import health_of
from retuned.daemon.upkeep.health_records import Health
from retuned.strategies.search.choose import Strategy

CANARY = "canary-4711"
CHOSEN = ChosenStrategy(Strategy.CAVIAR, "caviar", 0, "a minute", None, 1.0, seconds_expected=60.0)


@pytest.fixture
def quiet(judged_copy, clock):
    """A judged model, with nothing in the outbox and no faults, by the test's clock."""
    with judged_copy.store.transaction():
        judged_copy.store.change("DELETE FROM outbox")
    return judged_copy


def beaten(desk, clock, tick_s=0.012, failed=()):
    value = {"pid": 4711, "started_at": to_text(clock.now()), "tick": 3, "tick_s": tick_s, "failed": list(failed)}
    set_fact(desk.store, "heartbeat", value, clock.now())


def put(desk, clock, message_id="msg_1", url=f"http://127.0.0.1:9/{CANARY}"):
    with desk.store.transaction():
        enqueue(
            desk.store, message_id=message_id, alert_id=1, url=url, secret_reference=None, payload="{}",
            now=clock.now(),
        )  # fmt: skip


def test_without_a_service_it_says_so_and_still_tells_the_rest(quiet, clock):
    health = health_of(quiet.store, quiet.config, clock.now())
    assert (health.overall, health.is_serving, health.pid, health.up_since) == ("degraded", False, None, None)
    assert health.sentences == ("not running: nothing starts automatically; start it with: retuned serve",)
    assert health.models == (("active", 1),)
    assert health.next_due.model == "toy"
    assert (health.queue_length, health.running) == (0, ())


def test_a_service_that_ticks_and_has_no_trouble_is_ok(quiet, clock):
    beaten(quiet, clock)
    clock.move(seconds=30)
    with single_instance(quiet.config.state):
        health = health_of(quiet.store, quiet.config, clock.now())
    assert (health.overall, health.sentences, health.pid) == ("ok", (), 4711)
    assert health.last_tick.seconds == 0.012
    assert health.up_since == clock.now() - timedelta(seconds=30)


def test_a_service_whose_rounds_stopped_is_failing(quiet, clock):
    beaten(quiet, clock)
    clock.move(minutes=10)
    with single_instance(quiet.config.state):
        health = health_of(quiet.store, quiet.config, clock.now())
    assert health.overall == "failing"
    assert "its last round ended 10 minutes ago, and one is due every 30 s" in health.sentences[0]


def test_a_clock_that_was_set_back_is_told(quiet, clock):
    beaten(quiet, clock)
    clock.move(hours=-3)
    with single_instance(quiet.config.state):
        health = health_of(quiet.store, quiet.config, clock.now())
    assert health.sentences == ("the clock was set back: the last round is 3 hours in the future",)


def test_a_full_disk_is_failing_and_says_why(quiet, clock):
    beaten(quiet, clock)
    set_fact(quiet.store, "disk_mode", {"mode": "full", "why": "3 MiB are free"}, clock.now())
    with single_instance(quiet.config.state):
        health = health_of(quiet.store, quiet.config, clock.now())
    assert (health.overall, health.disk.mode) == ("failing", "full")
    assert "nothing new is started: 3 MiB are free" in health.sentences[0]


def trouble_faults(desk, clock):
    note_fault(desk.store, "queue", "no such interpreter", clock.now())


def trouble_part(desk, clock):
    beaten(desk, clock, failed=["messages"])


def trouble_old_message(desk, clock):
    put(desk, clock)
    deliver_due(desk.store, clock.now())
    clock.move(hours=5)


def trouble_dead_message(desk, clock):
    put(desk, clock)
    with desk.store.transaction():
        desk.store.change("UPDATE outbox SET state = 'dead'")


def trouble_refused_message(desk, clock):
    put(desk, clock)
    (message,) = due_messages(desk.store, clock.now(), 1)
    settle_message(desk.store, message, Outcome("HTTP status 413", is_final=True), clock.now())


def trouble_old_backup(desk, clock):
    set_fact(desk.store, "last_backup", {"path": "/b/1", "bytes": 5}, clock.now() - timedelta(days=5))


TROUBLES = [
    (trouble_faults, "1 error within a day, the last: queue: no such interpreter"),
    (trouble_part, "the last round failed in part: messages; see the last errors"),
    (trouble_old_message, "1 message not delivered yet, the oldest for 5 hours: no connection: Connection refused"),
    (trouble_dead_message, "1 message given up; see: retuned alerts, then: retuned ack ALERT"),
    (
        trouble_refused_message,
        "1 message given up, the newest because of: HTTP status 413; see: retuned alerts, then: retuned ack ALERT",
    ),
    (trouble_old_backup, "the last backup is 5 days old; see the last errors, or run: retuned backup"),
]


@pytest.mark.parametrize(("trouble", "sentence"), TROUBLES)
def test_each_trouble_has_its_sentence(quiet, clock, trouble, sentence):
    beaten(quiet, clock)
    trouble(quiet, clock)
    with single_instance(quiet.config.state):
        health = health_of(quiet.store, Config(state=quiet.config.state), clock.now())
    assert sentence in health.sentences


def test_an_error_of_yesterday_is_listed_and_no_longer_counts(quiet, clock):
    note_fault(quiet.store, "queue", "no such interpreter", clock.now())
    clock.move(days=2)
    beaten(quiet, clock)
    with single_instance(quiet.config.state):
        health = health_of(quiet.store, quiet.config, clock.now())
    assert health.overall == "ok"
    assert [fault.sentence for fault in health.faults] == ["no such interpreter"]


def test_what_is_worked_on_and_what_waits_are_told_apart(desk, clock):
    desk.register()
    (baseline,) = open_campaigns(desk.store)
    waiting = health_of(desk.store, desk.config, clock.now())
    assert [(campaign.model, campaign.kind) for campaign in waiting.queue] == [("toy", "baseline")]
    lease = Lease(desk.store, baseline.id)
    lease.advance("prepare", lambda facts: replace(facts, chosen=CHOSEN), clock.now())
    (running,) = health_of(desk.store, desk.config, clock.now()).running
    assert (running.model, running.phase, running.runs_planned) == ("toy", "prepare", 0)
    assert running.expected_end == clock.now() + timedelta(seconds=60)
    lease.release()
    after = health_of(desk.store, desk.config, clock.now())
    assert (after.running, after.queue_length) == ((), 1)


def test_channels_are_shown_without_what_may_be_a_password(quiet, clock):
    put(quiet, clock)
    put(quiet, clock, "msg_2")
    deliver_due(quiet.store, clock.now())
    health = health_of(quiet.store, quiet.config, clock.now())
    (channel,) = health.channels
    assert (channel.place, channel.pending) == ("http://127.0.0.1:9", 2)
    assert channel.last_error == "no connection: Connection refused"
    assert CANARY not in repr(health)


def test_disk_use_is_told_by_model_the_largest_first(quiet, clock):
    set_fact(quiet.store, "disk_use", {"models": {"a": 5, "b": 7}}, clock.now())
    disk = health_of(quiet.store, quiet.config, clock.now()).disk
    assert (disk.models, disk.models_bytes) == ((("b", 7), ("a", 5)), 12)
    assert 0 < disk.free_bytes <= disk.total_bytes


def test_it_goes_through_json_and_back(quiet, clock):
    beaten(quiet, clock)
    note_fault(quiet.store, "queue", "x", clock.now())
    health = health_of(quiet.store, quiet.config, clock.now())
    adapter = TypeAdapter(Health)
    assert adapter.validate_json(adapter.dump_json(health)) == health
    assert json.dumps(asdict(health), default=str)


def test_a_model_that_is_due_and_not_queued_is_seen(quiet, clock):
    assert overdue_since(quiet.store, clock.now()) is None
    with quiet.store.transaction():
        quiet.store.change("UPDATE models SET next_due_at = ?", (to_text(clock.now()),))
    assert overdue_since(quiet.store, clock.now() + timedelta(hours=1)) == clock.now()


def test_no_query_reads_whole_tables_of_campaigns_legs_or_messages(quiet, clock):
    statements = []
    quiet.store._db.set_trace_callback(statements.append)
    health_of(quiet.store, quiet.config, clock.now())
    quiet.store._db.set_trace_callback(None)
    reads = [statement for statement in statements if statement.lstrip().upper().startswith("SELECT")]
    plans = [row["detail"] for statement in reads for row in quiet.store.rows(f"EXPLAIN QUERY PLAN {statement}")]
    assert len(reads) > 8
    assert [plan for plan in plans if plan in ("SCAN campaigns", "SCAN legs", "SCAN outbox")] == []


# --- the heartbeat ---

FIRST = FirstDue("msg_1", 0, "2026-01-01")
MOVEMENTS = [
    (None, Movement(1, 1, FIRST), ""),  # nothing to compare with yet
    (None, Movement(1, 0, None), "the database did not keep the round"),
    (Movement(1, 1, None), Movement(2, 2, None), ""),  # nothing is due: that is no hang
    (Movement(1, 1, FIRST), Movement(1, 1, None), "no round since the last time"),
    (Movement(1, 1, None), Movement(2, 1, None), "the database did not keep the round"),
    (Movement(1, 1, FIRST), Movement(2, 2, FIRST), "message msg_1 is due and was not tried"),
    (Movement(1, 1, FIRST), Movement(2, 2, FirstDue("msg_1", 1, "2026-01-02")), ""),  # tried: the receiver is down
    (Movement(1, 1, FIRST), Movement(2, 2, FirstDue("msg_2", 0, "2026-01-01")), ""),  # the first one was tried
    (Movement(1, 1, None), Movement(2, 2, FIRST), ""),  # it has only just come
]


@pytest.mark.parametrize(("before", "after", "why"), MOVEMENTS)
def test_the_watchdog_is_fed_only_where_round_database_and_outbox_moved(before, after, why):
    assert why_stuck(before, after) == why


@pytest.fixture
def fed():
    return []


@pytest.fixture
def heartbeat(quiet, clock, fed):
    return Heartbeat(quiet.store, clock, lambda: fed.append(clock.now()))


def test_a_round_is_written_down_with_its_length_and_its_failed_parts(quiet, clock, heartbeat, fed):
    heartbeat.begin()
    note_fault(quiet.store, "queue", "x", clock.now())
    note_fault(quiet.store, "campaign", "a training failed, which is no fault of the round", clock.now())
    clock.move(seconds=2)
    heartbeat.end()
    value, at = get_fact(quiet.store, "heartbeat")
    assert (value["tick"], value["tick_s"], value["failed"], at) == (1, 2.0, ["queue"], clock.now())
    assert len(fed) == 1


def round_of(heartbeat, clock):
    heartbeat.begin()
    clock.move(seconds=30)
    heartbeat.end()


def test_an_outbox_that_is_not_worked_on_starves_the_watchdog_until_it_moves(quiet, clock, heartbeat, fed):
    put(quiet, clock)
    round_of(heartbeat, clock)
    round_of(heartbeat, clock)
    assert len(fed) == 1
    assert "message msg_1 is due and was not tried" in recent_faults(quiet.store)[0].sentence
    deliver_due(quiet.store, clock.now())
    round_of(heartbeat, clock)
    assert len(fed) == 2


def test_a_receiver_that_is_down_does_not_starve_the_watchdog(quiet, clock, heartbeat, fed):
    put(quiet, clock)
    round_of(heartbeat, clock)
    deliver_due(quiet.store, clock.now())
    round_of(heartbeat, clock)
    deliver_due(quiet.store, clock.now())
    clock.move(hours=1)
    round_of(heartbeat, clock)
    assert len(fed) == 3


def test_a_database_that_another_holds_starves_the_watchdog(quiet, clock, fed):
    heartbeat = Heartbeat(Store(quiet.config.state, busy_timeout_s=0.05), clock, lambda: fed.append(1))
    round_of(heartbeat, clock)
    heartbeat.begin()
    with quiet.store.transaction(), pytest.raises(Exception, match="cannot be written"):
        heartbeat.end()
    assert len(fed) == 1


def test_a_full_disk_where_no_message_is_tried_does_not_starve_the_watchdog(quiet, clock, heartbeat, fed):
    heartbeat.is_read_only = lambda: True
    put(quiet, clock)
    round_of(heartbeat, clock)
    round_of(heartbeat, clock)
    assert len(fed) == 2


def test_a_disk_on_which_not_even_the_round_can_be_written_down_does_not_either(quiet, clock, heartbeat, fed):
    set_fact(quiet.store, "filler", "x" * 4000, clock.now())  # leaves no room in the table's only page
    quiet.store._db.execute("VACUUM")
    (pages,) = quiet.store._db.execute("PRAGMA page_count").fetchone()
    quiet.store._db.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    round_of(heartbeat, clock)
    assert (len(fed), get_fact(quiet.store, "heartbeat")) == (1, None)


class Listener(ThreadingHTTPServer):
    """Answers GET with a status and counts."""

    status, asked = 200, 0

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.go_on = Event()
        self.go_on.set()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        self.server.go_on.wait(10)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    with Listener() as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.go_on.set()
        server.shutdown()


@pytest.fixture
def pulse(listener, clock):
    return Pulse(f"http://127.0.0.1:{listener.server_port}/{CANARY}", clock)


def test_the_heartbeat_url_is_asked_once_a_minute_at_most(quiet, clock, listener, pulse):
    heartbeat = Heartbeat(quiet.store, clock, lambda: None, pulse)
    round_of(heartbeat, clock)
    pulse.wait(10)
    round_of(heartbeat, clock)
    pulse.wait(10)
    assert listener.asked == 1
    round_of(heartbeat, clock)
    pulse.wait(10)
    assert listener.asked == 2
    assert recent_faults(quiet.store) == ()


def test_after_a_round_that_failed_in_part_the_url_is_not_asked(quiet, clock, listener, pulse):
    heartbeat = Heartbeat(quiet.store, clock, lambda: None, pulse)
    heartbeat.begin()
    note_fault(quiet.store, "queue", "x", clock.now())
    heartbeat.end()
    pulse.wait(10)
    assert listener.asked == 0


def test_a_url_that_does_not_answer_keeps_no_round_waiting(clock, listener, pulse):
    listener.go_on.clear()
    assert [pulse.beat(), pulse.beat()] == [None, None]
    listener.go_on.set()
    pulse.wait(10)
    assert listener.asked == 1


def test_a_failed_heartbeat_is_a_fault_that_does_not_tell_the_address(quiet, clock, listener, pulse):
    listener.status = 404
    heartbeat = Heartbeat(quiet.store, clock, lambda: None, pulse)
    round_of(heartbeat, clock)
    pulse.wait(10)
    round_of(heartbeat, clock)
    (fault,) = recent_faults(quiet.store)
    assert fault.sentence.endswith("failed: HTTP status 404")
    assert CANARY not in fault.sentence


def test_a_refused_heartbeat_does_not_tell_the_address_either(clock):
    pulse = Pulse(f"http://127.0.0.1:9/{CANARY}", clock)
    pulse.beat()
    pulse.wait(10)
    assert pulse.beat() == "the heartbeat to http://127.0.0.1:9 failed: ConnectionError"
