"""Deliveries to a real receiver on the loopback: once, signed, put off when refused, dead at last."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from retuned.daemon.alerts.webhooks import deliver_due
from retuned.daemon.state.outbox import (
    BACKOFF_S,
    SPREAD,
    delay_s,
    enqueue,
    first_due,
    last_dead_error,
    pending_by_address,
    place_of,
)
from retuned.daemon.state.store import Store, from_text

CANARY = "canary-4711"


class Receiver(ThreadingHTTPServer):
    """Answers with the given statuses in turn, the last one for ever, and keeps what came."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = [204]
        self.requests = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.entered = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook/{CANARY}?key={CANARY}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.server.entered.set()
        self.server.go_on.wait(10)
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.send_header("location", self.server.url)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.go_on.set()
        server.shutdown()


@pytest.fixture
def box(judged_copy, clock):
    """A store with an alert to hang messages on and no message yet."""
    with judged_copy.store.transaction():
        judged_copy.store.change("DELETE FROM outbox")
    return judged_copy.store


def put(store, clock, url, secret=None, message_id="msg_1"):
    with store.transaction():
        enqueue(
            store, message_id=message_id, alert_id=1, url=url, secret_reference=secret, payload='{"é":1}',
            now=clock.now(),
        )  # fmt: skip


def row_of(store, message_id="msg_1"):
    return store.row("SELECT * FROM outbox WHERE id = ?", (message_id,))


def test_a_message_is_delivered_once(box, clock, receiver):
    put(box, clock, receiver.url)
    (delivery,) = deliver_due(box, clock.now())
    assert delivery.is_delivered
    clock.move(days=400)
    assert deliver_due(box, clock.now()) == ()
    ((path, headers, body),) = receiver.requests
    assert path == f"/hook/{CANARY}?key={CANARY}"
    assert (headers["webhook-id"], headers["content-type"]) == ("msg_1", "application/json")
    assert json.loads(body) == {"é": 1}
    assert pending_by_address(box) == ()
    assert row_of(box)["state"] == "delivered"


def test_the_same_id_twice_is_one_message(box, clock, receiver):
    put(box, clock, receiver.url)
    put(box, clock, receiver.url)
    assert [pending.count for pending in pending_by_address(box)] == [1]


def test_a_refused_message_is_tried_again_with_growing_delay_under_its_own_id_and_dies_at_last(box, clock, receiver):
    receiver.statuses = [500]
    put(box, clock, receiver.url)
    waits = []
    for number in range(1, len(BACKOFF_S)):
        (delivery,) = deliver_due(box, clock.now())
        assert delivery.error == "HTTP status 500, expected 200 to 299"
        assert row_of(box)["attempts"] == number
        waits.append(delay_s("msg_1", number - 1))
        clock.move(seconds=waits[-1] - 1)
        assert deliver_due(box, clock.now()) == ()
        clock.move(seconds=1)
    assert row_of(box)["state"] == "pending"
    assert [delivery.is_given_up for delivery in deliver_due(box, clock.now())] == [True]
    assert row_of(box)["state"] == "dead"
    clock.move(days=30)
    assert deliver_due(box, clock.now()) == ()
    assert waits == sorted(waits)
    assert len(receiver.requests) == len(BACKOFF_S)
    assert {headers["webhook-id"] for _, headers, _ in receiver.requests} == {"msg_1"}


def test_a_receiver_that_comes_back_gets_the_message_and_clears_the_error(box, clock, receiver):
    receiver.statuses = [503, 204]
    put(box, clock, receiver.url)
    deliver_due(box, clock.now())
    clock.move(seconds=delay_s("msg_1", 0))
    assert [delivery.is_delivered for delivery in deliver_due(box, clock.now())] == [True]
    assert row_of(box)["last_error"] is None


def test_a_redirect_is_not_followed(box, clock, receiver):
    receiver.statuses = [307]
    put(box, clock, receiver.url)
    (delivery,) = deliver_due(box, clock.now())
    assert f"a redirect to {place_of(receiver.url)} is not followed" in delivery.error
    assert CANARY not in delivery.error
    assert len(receiver.requests) == 1


def test_a_message_that_will_never_pass_is_given_up_at_once(box, clock, receiver):
    receiver.statuses = [413]
    put(box, clock, receiver.url)
    (delivery,) = deliver_due(box, clock.now())
    assert (delivery.is_delivered, delivery.is_given_up) == (False, True)
    assert row_of(box)["state"] == "dead"
    assert last_dead_error(box).endswith("this message is too long for the receiver")
    clock.move(days=9)
    assert deliver_due(box, clock.now()) == ()
    assert len(receiver.requests) == 1


def test_messages_that_failed_together_do_not_come_back_together(box, clock, receiver):
    receiver.statuses = [503]
    for number in range(30):
        put(box, clock, receiver.url, message_id=f"msg_{number}")
    deliver_due(box, clock.now())
    times = {row["next_attempt_at"] for row in box.rows("SELECT next_attempt_at FROM outbox")}
    assert len(times) == 30
    span = from_text(max(times)) - from_text(min(times))
    assert span.total_seconds() > 0.5 * SPREAD * BACKOFF_S[0]


@pytest.mark.parametrize("attempts", range(len(BACKOFF_S) + 1))
@pytest.mark.parametrize("wait_s", [0.0, 3600.0, 86_400.0])
def test_a_delay_is_as_long_as_planned_or_asked_for_and_a_fifth_longer_at_most(attempts, wait_s):
    least = max(wait_s, BACKOFF_S[min(attempts, len(BACKOFF_S) - 1)])
    delays = {delay_s(f"msg_{number}", attempts, wait_s) for number in range(500)}
    assert least <= min(delays) < max(delays) < least * (1 + SPREAD)
    assert delay_s("msg_7", attempts, wait_s) in delays  # the same again, also after a restart


def test_a_refused_connection_is_put_off_and_the_error_does_not_repeat_the_address(box, clock):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/hook/{CANARY}"
    put(box, clock, url)
    (delivery,) = deliver_due(box, clock.now())
    assert delivery.error == "no connection: Connection refused"
    assert row_of(box)["next_attempt_at"] > clock.now().isoformat()


def test_an_answer_that_is_no_http_is_put_off_without_the_address_in_the_error(box, clock):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        put(box, clock, f"http://127.0.0.1:{server.getsockname()[1]}/hook/{CANARY}")
        (delivery,) = deliver_due(box, clock.now())
    assert not delivery.is_delivered
    assert CANARY not in delivery.error
    assert "\n" not in delivery.error


def hang_up(server):
    server.accept()[0].close()


def test_the_body_of_an_answer_is_not_waited_for(box, clock):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection = server.accept()[0]
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
            done.wait(10)
            connection.close()

        done = threading.Event()
        threading.Thread(target=answer, daemon=True).start()
        put(box, clock, f"http://127.0.0.1:{server.getsockname()[1]}/")
        assert [delivery.is_delivered for delivery in deliver_due(box, clock.now())] == [True]
        done.set()


SECRETS = [
    ("whsec_" + base64.b64encode(CANARY.encode()).decode(), CANARY.encode()),  # as receivers hand them out
    (CANARY, CANARY.encode()),  # any other text
]


@pytest.mark.parametrize(("secret", "key"), SECRETS)
def test_a_delivery_is_signed_as_standard_webhooks_says(box, clock, receiver, secret, key):
    put(box, clock, receiver.url, "env:HOOK")
    deliver_due(box, clock.now(), {"HOOK": secret})
    ((_, headers, body),) = receiver.requests
    assert int(headers["webhook-timestamp"]) == int(clock.now().timestamp())
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_without_a_secret_there_is_no_signature(box, clock, receiver):
    put(box, clock, receiver.url)
    deliver_due(box, clock.now())
    assert "webhook-signature" not in receiver.requests[0][1]


def test_a_secret_is_in_neither_the_database_nor_the_errors(box, clock, receiver, tmp_path):
    put(box, clock, "http://127.0.0.1:9/", "env:HOOK", "msg_a")
    put(box, clock, receiver.url.replace(CANARY, "x"), f"file:{tmp_path}/hook", "msg_b")
    (tmp_path / "hook").write_text(f"whsec_{CANARY}!")
    deliveries = deliver_due(box, clock.now(), {"HOOK": CANARY})
    assert [delivery.is_delivered for delivery in deliveries] == [False, False]
    assert "whsec_, but what follows is not base64" in deliveries[1].error
    assert CANARY not in repr(deliveries)
    everything = b"".join(path.read_bytes() for path in box.state.glob("retuned.sqlite3*"))
    assert b"msg_b" in everything
    assert CANARY.encode() not in everything


def test_a_secret_that_is_missing_puts_the_message_off_and_sends_nothing(box, clock, receiver):
    put(box, clock, receiver.url, "env:HOOK")
    (delivery,) = deliver_due(box, clock.now(), {})
    assert "HOOK is not set" in delivery.error
    assert receiver.requests == []
    assert row_of(box)["state"] == "pending"


def test_a_message_that_fails_does_not_keep_the_others_waiting(box, clock, receiver):
    put(box, clock, "http://127.0.0.1:9/", message_id="msg_0")
    put(box, clock, receiver.url, message_id="msg_1")
    assert [delivery.is_delivered for delivery in deliver_due(box, clock.now())] == [False, True]


def test_two_processes_do_not_send_the_same_message_at_once(box, clock, receiver):
    receiver.go_on.clear()
    put(box, clock, receiver.url)
    now = clock.now()
    first = threading.Thread(target=lambda: deliver_due(Store(box.state), now))
    first.start()
    assert receiver.entered.wait(10)
    slow = now + timedelta(seconds=BACKOFF_S[0] + 1)  # the first one is still waiting for its answer
    assert deliver_due(box, slow) == ()
    receiver.go_on.set()
    first.join(10)
    assert len(receiver.requests) == 1
    assert row_of(box)["state"] == "delivered"


def test_a_message_whose_sender_was_killed_is_sent_again(box, clock, receiver):
    put(box, clock, receiver.url)
    with box.transaction():  # what a claim leaves behind
        box.change(
            "UPDATE outbox SET attempts = 1, next_attempt_at = ?", ((clock.now() + timedelta(minutes=1)).isoformat(),)
        )
    clock.move(minutes=2)
    assert [delivery.is_delivered for delivery in deliver_due(box, clock.now())] == [True]


def test_a_message_whose_every_try_was_cut_off_is_not_tried_once_more(box, clock, receiver):
    put(box, clock, receiver.url)
    with box.transaction():
        box.change("UPDATE outbox SET attempts = ?", (len(BACKOFF_S),))
    assert deliver_due(box, clock.now()) == ()
    assert receiver.requests == []
    assert row_of(box)["state"] == "dead"


PLACES = [
    ("https://hooks.example.org/services/T0/secret?x=1#y", "https://hooks.example.org"),
    ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ("http://[::1]:8080/x", "http://[::1]:8080"),
    ("https://user:password@example.org/x", "https://example.org"),
]


@pytest.mark.parametrize(("url", "place"), PLACES)
def test_an_address_is_shown_without_what_may_be_a_password(url, place):
    assert place_of(url) == place


def test_a_round_takes_so_many_messages_and_leaves_the_rest_for_the_next_in_their_order(box, clock, receiver):
    put(box, clock, receiver.url, message_id="msg_b")
    put(box, clock, receiver.url, message_id="msg_a")
    put(box, clock, receiver.url, message_id="msg_c")
    assert [delivery.id for delivery in deliver_due(box, clock.now(), limit=2)] == ["msg_b", "msg_a"]
    assert [delivery.id for delivery in deliver_due(box, clock.now(), limit=2)] == ["msg_c"]


def test_a_round_that_has_lasted_too_long_begins_no_further_message(box, clock, receiver):
    put(box, clock, receiver.url, message_id="msg_1")
    put(box, clock, receiver.url, message_id="msg_2")
    seconds = iter((0.0, 1.0, 99.0))
    done = deliver_due(box, clock.now(), round_s=20.0, monotonic=lambda: next(seconds))
    assert [delivery.id for delivery in done] == ["msg_1"]
    assert row_of(box, "msg_2")["attempts"] == 0


def test_a_receiver_that_cannot_be_reached_is_asked_once_a_round(box, clock, receiver):
    put(box, clock, "http://127.0.0.1:9/", message_id="msg_1")
    put(box, clock, "http://127.0.0.1:9/", message_id="msg_2")
    put(box, clock, receiver.url, message_id="msg_3")
    assert [delivery.id for delivery in deliver_due(box, clock.now())] == ["msg_1", "msg_3"]
    assert [delivery.id for delivery in deliver_due(box, clock.now())] == ["msg_2"]


def test_a_receiver_that_refuses_one_message_is_given_the_next(box, clock, receiver):
    receiver.statuses = [400, 204]
    put(box, clock, receiver.url, message_id="msg_1")
    put(box, clock, receiver.url, message_id="msg_2")
    assert [delivery.is_delivered for delivery in deliver_due(box, clock.now())] == [False, True]


def test_the_longest_due_message_changes_when_it_is_tried(box, clock):
    put(box, clock, "http://127.0.0.1:9/", message_id="msg_1")
    put(box, clock, "http://127.0.0.1:9/", message_id="msg_2")
    before = first_due(box, clock.now())
    assert (before.id, before.attempts) == ("msg_1", 0)
    deliver_due(box, clock.now())
    assert first_due(box, clock.now()).id == "msg_2"
    deliver_due(box, clock.now())
    assert first_due(box, clock.now()) is None
