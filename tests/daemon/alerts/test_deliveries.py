"""Deliveries beside the rounds: receivers of every bad habit, and one good one, which waits for none of them."""

from datetime import UTC, datetime

import pytest
from retuned.daemon.alerts import deliveries as service_side
from retuned.daemon.alerts import posting
from retuned.daemon.alerts.deliveries import Deliveries
from retuned.daemon.service.heartbeat import Heartbeat
from retuned.daemon.state.faults import recent_faults
from retuned.daemon.state.outbox import BACKOFF_S, delay_s, enqueue
from retuned.daemon.state.store import from_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def row_of(store, message_id):
    return store.row("SELECT * FROM outbox WHERE id = ?", (message_id,))


def test_a_receiver_that_is_gone_is_not_tried_again_and_one_that_has_no_time_is_left_alone(
    box, clock, put, receive, answering
):
    gone, busy = receive(answering("410 Gone")), receive("has no time")
    sending = Deliveries(box, clock, lambda: None)
    put(box, gone.url, "msg_gone", clock.now())
    put(box, busy.url, "msg_busy", clock.now())
    sending.step()
    for lane in tuple(sending._lanes.values()):
        lane.trying._thread.join(10)
    clock.move(seconds=7)  # what the try took
    ended = {delivery.id: delivery for delivery in sending.step()}
    assert ended["msg_gone"].error.startswith("HTTP status 410, expected 200 to 299")
    assert row_of(box, "msg_gone")["state"] == "dead"
    again = from_text(row_of(box, "msg_busy")["next_attempt_at"]) - clock.now()
    assert again.total_seconds() == pytest.approx(delay_s("msg_busy", 0, 3600.0), abs=1e-3)


def test_addresses_do_not_wait_for_one_another_and_each_takes_one_message_at_a_time(box, clock, put, bad, good):
    sending = Deliveries(box, clock, lambda: None)
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    put(box, bad["says nothing"].url, "msg_2", clock.now())
    put(box, good.url, "msg_3", clock.now())
    assert sending.step() == ()
    sending._lanes[good.url].trying._thread.join(10)
    assert [(d.id, d.is_delivered) for d in sending.step()] == [("msg_3", True)]
    assert (row_of(box, "msg_1")["attempts"], row_of(box, "msg_2")["attempts"]) == (1, 0)
    assert sending.seconds_left == pytest.approx(posting.TRY_S)
    sending.stop()
    assert sending.seconds_left is None


def test_a_long_queue_of_one_address_keeps_no_other_address_waiting(box, clock, put, bad, good):
    sending = Deliveries(box, clock, lambda: None)
    with box.transaction():
        for number in range(300):
            enqueue(box, message_id=f"msg_{number}", alert_id=1, url=bad["says nothing"].url, secret_reference=None,
                    payload="{}", now=clock.now())  # fmt: skip
    clock.move(seconds=1)
    put(box, good.url, "msg_good", clock.now())
    sending.step()
    assert row_of(box, "msg_good")["attempts"] == 1
    sending.stop()


def test_two_channels_of_one_host_do_not_wait_for_each_other(box, clock, put, receive):
    host = receive("says nothing")
    sending = Deliveries(box, clock, lambda: None)
    put(box, f"{host.url}/channel-a", "msg_1", clock.now())
    put(box, f"{host.url}/channel-a", "msg_2", clock.now())
    put(box, f"{host.url}/channel-b", "msg_3", clock.now())
    sending.step()
    assert [row_of(box, f"msg_{number}")["attempts"] for number in (1, 2, 3)] == [1, 0, 1]
    sending.stop()


def test_a_host_is_tried_four_times_at_once_and_its_other_addresses_wait_without_an_alarm(
    box, clock, put, receive, good
):
    host = receive("says nothing")
    sending = Deliveries(box, clock, lambda: None)
    for number in range(6):
        put(box, f"{host.url}/{number}", f"msg_{number}", clock.now())
    clock.move(seconds=1)
    put(box, good.url, "msg_good", clock.now())
    sending.step()
    begun = [row["id"] for row in box.rows("SELECT id FROM outbox WHERE attempts = 1 ORDER BY rowid")]
    assert begun == ["msg_0", "msg_1", "msg_2", "msg_3", "msg_good"]
    assert sending.first_waiting() is None
    clock.move(seconds=posting.TRY_S)
    sending.step()
    assert [row_of(box, f"msg_{number}")["attempts"] for number in (4, 5)] == [1, 1]
    sending.stop()


def test_the_watchdog_is_fed_while_a_message_waits_for_its_address_to_be_free(box, clock, put, bad):
    sending, fed = Deliveries(box, clock, lambda: None), []
    heartbeat = Heartbeat(box, clock, lambda: fed.append(clock.now()))
    heartbeat.first_due = sending.first_waiting
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    put(box, bad["says nothing"].url, "msg_2", clock.now())
    for _ in range(3):  # rounds that something else woke, all within one try
        heartbeat.begin()
        sending.step()
        heartbeat.end()
    assert len(fed) == 3
    assert [fault.sentence for fault in recent_faults(box)] == []
    sending.stop()


def test_the_watchdog_is_not_fed_while_a_message_that_could_be_sent_is_not(box, clock, put, bad, good):
    sending, fed = Deliveries(box, clock, lambda: None), []
    heartbeat = Heartbeat(box, clock, lambda: fed.append(clock.now()))
    heartbeat.first_due = sending.first_waiting
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    sending.step()
    put(box, good.url, "msg_2", clock.now())
    for _ in range(2):  # rounds without a step of the deliveries
        heartbeat.begin()
        heartbeat.end()
    assert len(fed) == 1
    assert "msg_2 is due and was not tried" in recent_faults(box)[0].sentence
    sending.stop()


def test_a_try_that_should_be_over_and_is_not_is_told_as_one_that_waits(box, clock, put, bad):
    sending = Deliveries(box, clock, lambda: None)
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    sending.step()
    assert sending.first_waiting() is None
    clock.move(seconds=posting.TRY_S)
    assert sending.first_waiting().id == "msg_1"
    sending.stop()


def test_a_try_that_lasts_too_long_is_cut_and_counts(box, clock, put, bad):
    sending = Deliveries(box, clock, lambda: None)
    put(box, bad["drips a header"].url, "msg_1", clock.now())
    for attempt in range(1, len(BACKOFF_S) + 1):
        assert sending.step() == ()
        clock.move(seconds=posting.TRY_S)
        (cut,) = sending.step()
        assert cut.error == "no answer within 20 s"
        assert row_of(box, "msg_1")["attempts"] == attempt
        clock.move(days=2)
    assert row_of(box, "msg_1")["state"] == "dead"


def test_a_message_whose_every_try_was_cut_off_with_its_process_is_given_up(box, clock, put, bad):
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    for _ in BACKOFF_S:
        sending = Deliveries(box, clock, lambda: None)
        sending.step()
        sending.stop()  # as a kill would: nothing is recorded
        clock.move(seconds=service_side.CLAIM_S + 1)
    Deliveries(box, clock, lambda: None).step()
    row = row_of(box, "msg_1")
    assert (row["state"], row["last_error"]) == ("dead", "every attempt was cut off")
