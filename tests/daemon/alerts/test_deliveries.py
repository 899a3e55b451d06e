"""Deliveries beside the rounds: receivers of every bad habit, and one good one, which waits for none of them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from retuned.daemon.alerts import deliveries as service_side
from retuned.daemon.alerts import posting
from retuned.daemon.alerts.deliveries import Deliveries
from retuned.daemon.alerts.posting import Try
from retuned.daemon.service.heartbeat import Heartbeat
from retuned.daemon.state.faults import recent_faults
from retuned.daemon.state.outbox import BACKOFF_S, enqueue
from retuned.daemon.state.store import from_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACCEPTED = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


def drip(connection, pieces, pause_s=0.05):
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(pause_s)


def forever(piece):
    while True:
        yield piece


HABITS = {
    "drips a header": lambda c: drip(c, forever(b"H")),
    "continues without end": lambda c: drip(c, forever(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "drips a body": lambda c: (c.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n"), drip(c, forever(b"x"))),
    "says nothing": lambda c: time.sleep(300),
    "hangs up": lambda c: None,
    "fails": lambda c: c.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"),
    "redirects to itself": lambda c: c.sendall(b"HTTP/1.1 302 There\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
    "answers at length": lambda c: drip(c, [b"HTTP/1.1 200 Yes\r\n\r\n", *([b"y" * 65536] * 200)], 0.0),
    "talks nonsense": lambda c: c.sendall(bytes(range(256)) * 40),
    "has no time": lambda c: c.sendall(b"HTTP/1.1 429 Later\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"),
}


class Receiver:
    """Accepts connections, reads a request, and behaves as told."""

    def __init__(self, behave):
        self.behave = behave
        self.bodies = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}/hook"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, contextlib.suppress(OSError):
            received = b""
            while b"\r\n\r\n" not in received:
                part = connection.recv(65536)
                if not part:  # it hung up before it had asked
                    return
                received += part
            self.bodies.append(received)
            self.behave(connection)

    def close(self):
        self.listening.close()


@pytest.fixture
def bad():
    receivers = {habit: Receiver(behave) for habit, behave in HABITS.items()}
    yield receivers
    for receiver in receivers.values():
        receiver.close()


@pytest.fixture
def good():
    receiver = Receiver(lambda connection: connection.sendall(ACCEPTED))
    yield receiver
    receiver.close()


def put(store, url, message_id, now):
    with store.transaction():
        enqueue(store, message_id=message_id, alert_id=1, url=url, secret_reference=None, payload="{}", now=now)


def row_of(store, message_id):
    return store.row("SELECT * FROM outbox WHERE id = ?", (message_id,))


@pytest.fixture
def box(judged_copy):
    with judged_copy.store.transaction():
        judged_copy.store.change("DELETE FROM outbox")
    return judged_copy.store


@pytest.mark.parametrize("habit", HABITS)
def test_a_try_ends_in_time_whatever_the_receiver_does_and_leaves_no_thread(bad, habit, monkeypatch):
    ended = threading.Event()
    trying = Try(bad[habit].url, b"{}", dict, NOW, ended.set)
    outcome = trying.wait(1.0)
    assert (outcome.error is None) == (habit == "answers at length")
    assert "hook" not in (outcome.error or "")
    trying._thread.join(10)
    assert not trying._thread.is_alive()


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("99999999999999999999", 86_400.0),
        ("Sun, 01 Mar 2026 12:05:00 GMT", 300.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("soon", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("١٢٠", 0.0),
    ],
)
def test_a_receiver_may_ask_to_be_left_alone_for_up_to_a_day(header, wait_s):
    assert posting._asked_wait_s(header, NOW) == pytest.approx(wait_s)


def test_a_receiver_that_is_gone_is_not_tried_again_and_one_that_has_no_time_is_left_alone(box, clock):
    gone = Receiver(lambda c: c.sendall(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"))
    busy = Receiver(HABITS["has no time"])
    sending = Deliveries(box, clock, lambda: None)
    put(box, gone.url, "msg_gone", clock.now())
    put(box, busy.url, "msg_busy", clock.now())
    sending.step()
    for lane in tuple(sending._lanes.values()):
        lane.trying._thread.join(10)
    clock.move(seconds=7)  # what the try took
    ended = {delivery.id: delivery for delivery in sending.step()}
    assert ended["msg_gone"].error == "HTTP status 410, expected 200 to 299"
    assert row_of(box, "msg_gone")["state"] == "dead"
    assert from_text(row_of(box, "msg_busy")["next_attempt_at"]) == clock.now() + timedelta(hours=1)


def test_addresses_do_not_wait_for_one_another_and_each_takes_one_message_at_a_time(box, clock, bad, good):
    sending = Deliveries(box, clock, lambda: None)
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    put(box, bad["says nothing"].url, "msg_2", clock.now())
    put(box, good.url, "msg_3", clock.now())
    assert sending.step() == ()
    sending._lanes[good.url.removesuffix("/hook")].trying._thread.join(10)
    assert [(d.id, d.is_delivered) for d in sending.step()] == [("msg_3", True)]
    assert (row_of(box, "msg_1")["attempts"], row_of(box, "msg_2")["attempts"]) == (1, 0)
    assert sending.seconds_left == pytest.approx(posting.TRY_S)
    sending.stop()
    assert sending.seconds_left is None


def test_a_long_queue_of_one_address_keeps_no_other_address_waiting(box, clock, bad, good):
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


def test_the_watchdog_is_fed_while_a_message_waits_for_its_address_to_be_free(box, clock, bad):
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


def test_the_watchdog_is_not_fed_while_a_message_that_could_be_sent_is_not(box, clock, bad, good):
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


def test_a_try_that_should_be_over_and_is_not_is_told_as_one_that_waits(box, clock, bad):
    sending = Deliveries(box, clock, lambda: None)
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    sending.step()
    assert sending.first_waiting() is None
    clock.move(seconds=posting.TRY_S)
    assert sending.first_waiting().id == "msg_1"
    sending.stop()


def test_a_try_that_lasts_too_long_is_cut_and_counts(box, clock, bad):
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


def test_a_message_whose_every_try_was_cut_off_with_its_process_is_given_up(box, clock, bad):
    put(box, bad["says nothing"].url, "msg_1", clock.now())
    for _ in BACKOFF_S:
        sending = Deliveries(box, clock, lambda: None)
        sending.step()
        sending.stop()  # as a kill would: nothing is recorded
        clock.move(seconds=service_side.CLAIM_S + 1)
    Deliveries(box, clock, lambda: None).step()
    row = row_of(box, "msg_1")
    assert (row["state"], row["last_error"]) == ("dead", "every attempt was cut off")


def test_a_running_service_serves_the_good_receiver_and_ends_in_time_among_all_the_bad_ones(judged_copy, bad, good):
    now = datetime.now(UTC)
    with judged_copy.store.transaction():
        judged_copy.store.change("DELETE FROM outbox")
    for number, receiver in enumerate([*bad.values(), good]):
        put(judged_copy.store, receiver.url, f"msg_{number}", now)
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(judged_copy.config.state), "serve"]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"HOME": "/tmp"})
    try:
        ends_at = time.monotonic() + 60
        while not good.bodies and time.monotonic() < ends_at:
            time.sleep(0.1)
        assert len(good.bodies) == 1
        while not all(receiver.bodies for receiver in bad.values()) and time.monotonic() < ends_at:
            time.sleep(0.1)
        status = subprocess.run([*command[:-1], "status", "--json"], capture_output=True, text=True, timeout=60)
        assert json.loads(status.stdout)["overall"] in ("ok", "degraded")
        service.send_signal(signal.SIGTERM)
        log = service.communicate(timeout=30)[1]
        assert service.returncode == 0, log
        assert "service_stopped" in log
    finally:
        service.kill()
