"""Messages to real receivers on the loopback, one for each kind of channel, good and bad."""

import base64
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter
from retuned.daemon.alerts.channels import Outlet
from retuned.daemon.alerts.deliveries import Deliveries
from retuned.daemon.config.channel_tables import Channels
from retuned.daemon.state.channel_outbox import channel_standing, enqueue_for, enqueue_routed
from retuned.daemon.state.outbox import BACKOFF_S, delay_s, pending_by_address
from retuned.daemon.state.store import Store, from_text
from retuned.strategies.alerting.message import AlertMessage, Event, Kind, Severity
from retuned.strategies.alerting.routing import Routes
from standardwebhooks import Webhook

CANARY = "canary-4711"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRETS = ["whsec_" + base64.b64encode(word * 8).decode() for word in (b"old!", b"new!")]
MESSAGE = AlertMessage(
    id="msg_1", event=Event.OPENED, kind=Kind.STALE, severity=Severity.WARNING, key="rides/stale",
    title="rides is stale", sentences=("Newer settings are better.",), owner="ann@example.org", at=NOW, opened_at=NOW,
    model="rides", commands=("retuned adopt rides",), link="https://retuned.example.org/reports/17",
)  # fmt: skip
OK = ("200 OK", b"ok")


def answer_with(status, body=b"", *headers):
    head = "\r\n".join((f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", "")).encode()
    return lambda connection: connection.sendall(head + body)


def in_turn(*statuses):
    """Answers with each status once, the last one for ever."""
    left = list(statuses)

    def behave(connection):
        answer_with(left.pop(0) if len(left) > 1 else left[0])(connection)

    return behave


class Bench:
    """Deliveries to channels of a table, whose secrets stand in an environment of their own."""

    def __init__(self, store, clock, channels, environ, allow=("127.0.0.0/8",), **named):
        self.store, self.clock = store, clock
        self.channels = TypeAdapter(Channels).validate_python(channels)
        self.outlet = Outlet(self.channels, allow, environ, "host-1", **named)
        self.sending = Deliveries(store, clock, lambda: None, environ, self.outlet)
        self.rules = {name: channel.rule(name) for name, channel in self.channels.items()}

    def put(self, channel, message=MESSAGE, alert_id=1):
        with self.store.transaction():
            return enqueue_for(self.store, message, channel, self.rules.get(channel), alert_id, self.clock.now())

    def deliver(self):
        """One round, and what ended in it."""
        self.sending.step()
        for lane in tuple(self.sending._lanes.values()):
            lane.trying._thread.join(30)
        return self.sending.step()

    def row(self, message_id):
        return self.store.row("SELECT * FROM outbox WHERE id = ?", (message_id,))


@pytest.fixture
def store(tmp_path):
    """A store without an alert of number 1, to which messages still belong."""
    made = Store(tmp_path / "state")
    made._db.execute("PRAGMA foreign_keys = OFF")
    yield made
    made.close()


@pytest.fixture
def bench(store, clock):
    made = []

    def build(channels, environ=None, **named):
        made.append(Bench(store, clock, channels, environ or {}, **named))
        return made[-1]

    yield build
    for one in made:
        one.sending.stop()


def posted(url, kind, **keys):
    """A channel of that kind whose address, on the loopback and without TLS, is in ADDRESS."""
    return {"x": {"kind": kind, "insecure": True, "url": "env:ADDRESS", **keys}}, {"ADDRESS": url}


def test_slack_is_sent_blocks_and_a_fallback_and_accepts_with_a_word(bench, receive):
    receiver = receive(answer_with(*OK))
    desk = bench(*posted(receiver.url, "slack"))
    desk.put("x")
    (delivery,) = desk.deliver()
    assert (delivery.is_delivered, delivery.place) == (True, "channel x")
    body = json.loads(receiver.bodies[0])
    assert body["blocks"][0]["type"] == "header"
    assert "rides is stale" in body["text"]
    assert desk.store.rows("SELECT number, error FROM attempts") == [{"number": 1, "error": None}]


ANSWERS = [
    # kind, answer; is it over, what the error says
    ("slack", ("200 OK", b"nothing"), False, "status 200 (it says: nothing), expected 200 and ok"),
    ("slack", ("400 Bad", b"invalid_blocks"), True, "Slack cannot use this message (it says: invalid_blocks)"),
    ("slack", ("404 No", b"no_service"), True, "make a new one (it says: no_service)"),
    ("slack", ("410 Gone", b"channel_is_archived"), True, "the Slack channel is archived"),
    ("slack", ("500 No", b""), False, "HTTP status 500"),
    ("teams", ("413 Large", b""), True, "this message is too long for the receiver"),
    ("teams", ("429 Later", b""), False, "HTTP status 429"),
    ("pagerduty", ("400 Bad", b'{"status":"invalid event"}'), True, 'it says: {"status":"invalid event"}'),
    ("pagerduty", ("200 OK", b""), False, "HTTP status 200, expected 202: something else answers there"),
    ("alertmanager", ("400 Bad", b"bad label"), True, "Alertmanager cannot use this alert (it says: bad label)"),
    ("webhook", ("302 There", b""), False, "a redirect is not followed"),
    ("webhook", ("410 Gone", b""), True, "the receiver wants no more messages there"),
    ("webhook", ("500 No", f"you sent {CANARY} to me".encode()), False, "you sent *** to me"),
]  # fmt: skip
DEAD = "SELECT payload FROM outbox WHERE state = 'dead'"
EXTRA = {"pagerduty": {"routing_key": "env:KEY"}, "webhook": {"secrets": ["env:KEY"]}}


@pytest.mark.parametrize(("kind", "answer", "is_over", "error"), ANSWERS)
def test_what_an_answer_means_depends_on_who_gives_it(bench, receive, kind, answer, is_over, error):
    receiver = receive(answer_with(*answer))
    channels, environ = posted(receiver.url, kind, **EXTRA.get(kind, {}))
    channels["x"] |= {"url": receiver.url} if kind == "pagerduty" else {}
    desk = bench(channels, environ | {"KEY": CANARY})
    desk.put("x")
    (delivery,) = desk.deliver()
    assert error in delivery.error
    assert "/hook" not in delivery.error
    assert delivery.is_given_up is is_over
    assert [json.loads(row["payload"])["title"] for row in desk.store.rows(DEAD)] == ["rides is stale"] * is_over


ACCEPTED = [("teams", "202 Accepted"), ("pagerduty", "202 Accepted"), ("alertmanager", "200 OK"), ("webhook", "204 OK")]


@pytest.mark.parametrize(("kind", "status"), ACCEPTED)
def test_each_kind_accepts_in_its_own_way(bench, receive, kind, status):
    receiver = receive(answer_with(status))
    channels, environ = posted(receiver.url, kind, **EXTRA.get(kind, {}))
    channels["x"] |= {"url": receiver.url} if kind == "pagerduty" else {}
    desk = bench(channels, environ | {"KEY": CANARY})
    desk.put("x")
    assert [delivery.error for delivery in desk.deliver()] == [None]
    assert len(receiver.bodies) == 1


def test_both_secrets_of_a_rotation_sign_and_the_public_library_accepts_each(bench, receive):
    heads = []
    receiver = receive(answer_with("204 OK"), keep=heads)
    channels, environ = posted(receiver.url, "webhook", secrets=["env:OLD", "env:NEW"])
    desk = bench(channels, environ | dict(zip(("OLD", "NEW"), SECRETS, strict=True)))
    desk.clock.move(seconds=time.time() - desk.clock.now().timestamp())
    desk.put("x")
    assert desk.deliver()[0].error is None
    (head,), (body,) = heads, receiver.bodies
    assert head["webhook-id"] == "msg_1_x"
    assert len(head["webhook-signature"].split()) == 2
    assert [Webhook(secret).verify(body, head)["type"] for secret in SECRETS] == ["retuned.stale.opened"] * 2


def test_the_address_of_a_workflow_is_used_byte_for_byte(bench, receive):
    heads = []
    receiver = receive(answer_with("202 Accepted"), keep=heads)
    path = "/workflows/%2fa%2F/triggers?api-version=1&sp=%2Ftriggers%2fmanual&sig=a-b_c%3d" + "s" * 300
    desk = bench(*posted(receiver.url.removesuffix("/hook") + path, "teams"))
    desk.put("x")
    assert desk.deliver()[0].error is None
    assert heads[0]["request"] == f"POST {path} HTTP/1.1"


def test_a_receiver_that_asks_for_time_gets_it_and_an_endless_answer_is_not_read(bench, receive):
    busy, endless = receive("has no time"), receive("answers at length")
    channels = {name: {"kind": "webhook", "insecure": True, "url": receiver.url}
                for name, receiver in (("busy", busy), ("endless", endless))}  # fmt: skip
    desk = bench(channels)
    desk.put("busy")
    desk.put("endless")
    assert {delivery.place: delivery.is_delivered for delivery in desk.deliver()} == {
        "channel busy": False,
        "channel endless": True,
    }
    again = from_text(desk.row("msg_1_busy")["next_attempt_at"]) - desk.clock.now()
    assert again.total_seconds() == pytest.approx(delay_s("msg_1_busy", 0, 3600.0), abs=1e-3)


def test_a_message_that_was_accepted_does_not_wait_for_the_end_of_a_slow_answer(bench, receive):
    receiver = receive(lambda connection: (connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
                                           connection.recv(1)))  # fmt: skip
    desk = bench({"x": {"kind": "webhook", "insecure": True, "url": receiver.url}})
    desk.put("x")
    assert desk.deliver()[0].is_delivered


def test_a_slow_channel_holds_no_other_up(bench, receive):
    slow, fast = receive("says nothing"), receive(answer_with("204 OK"))
    desk = bench({name: {"kind": "webhook", "insecure": True, "url": receiver.url}
                  for name, receiver in (("slow", slow), ("fast", fast))})  # fmt: skip
    desk.put("slow")
    desk.put("fast")
    desk.sending.step()
    desk.sending._lanes["channel fast"].trying._thread.join(10)
    assert [(delivery.place, delivery.is_delivered) for delivery in desk.sending.step()] == [("channel fast", True)]


def test_a_message_of_a_channel_that_is_gone_is_given_up_at_once_with_a_sentence(bench):
    desk = bench({})
    desk.put("old")
    (delivery,) = desk.deliver()
    assert delivery.is_given_up
    assert delivery.error == "the channel old is not in the configuration any more"


def test_an_alert_that_is_over_before_it_was_told_is_not_told_and_its_end_neither(bench, receive):
    receiver = receive(answer_with("204 OK"))
    desk = bench({"x": {"kind": "webhook", "insecure": True, "url": receiver.url, "quiet": ["00:00-23:59"]}})
    desk.put("x")
    assert desk.deliver() == ()
    assert pending_by_address(desk.store)[0].place == "channel x"
    routes = Routes(tuple(desk.rules.values()))
    over = replace(MESSAGE, id="msg_2", event=Event.RESOLVED)
    with desk.store.transaction():
        assert enqueue_routed(desk.store, over, routes, 1, desk.clock.now(), told=["x"]) == ()
    desk.clock.move(days=1)
    assert desk.deliver() == ()
    assert desk.store.rows("SELECT * FROM outbox") == []


def test_the_end_of_an_alert_goes_to_the_channels_that_heard_of_it_alone(bench, receive):
    receivers = {name: receive(answer_with("204 OK")) for name in ("stale", "broken")}
    desk = bench({name: {"kind": "webhook", "insecure": True, "url": receiver.url, "kinds": [name]}
                  for name, receiver in receivers.items()})  # fmt: skip
    routes, told = Routes(tuple(desk.rules.values())), []
    for message in (MESSAGE, replace(MESSAGE, id="msg_2", event=Event.RESOLVED, kind=Kind.BROKEN)):
        with desk.store.transaction():
            told.append(enqueue_routed(desk.store, message, routes, 1, desk.clock.now(), told=(told or [()])[0]))
        desk.deliver()
    assert told == [("stale",), ("stale",)]
    assert {name: len(receiver.bodies) for name, receiver in receivers.items()} == {"stale": 2, "broken": 0}


def test_the_end_of_an_alert_that_no_channel_heard_of_goes_nowhere(bench, receive):
    desk = bench({"x": {"kind": "webhook", "insecure": True, "url": receive(answer_with("204 OK")).url}})
    over = replace(MESSAGE, event=Event.RESOLVED)
    with desk.store.transaction():
        routes = Routes(tuple(desk.rules.values()))
        assert enqueue_routed(desk.store, over, routes, 1, desk.clock.now(), told=()) == ()


def test_the_end_of_an_alert_waits_for_its_beginning_where_that_has_not_passed_yet(bench, receive):
    receiver = receive(in_turn("500 No", "204 OK"))
    desk = bench({"x": {"kind": "webhook", "insecure": True, "url": receiver.url}})
    desk.put("x")
    desk.deliver()
    assert desk.put("x", replace(MESSAGE, id="msg_2", event=Event.RESOLVED))
    assert desk.deliver() == ()
    desk.clock.move(seconds=BACKOFF_S[0] * 2)
    assert [delivery.id for delivery in (*desk.deliver(), *desk.deliver())] == ["msg_1_x", "msg_2_x"]
    told = [json.loads(body)["data"]["event"] for body in receiver.bodies]
    assert told == ["opened", "opened", "resolved"]


def test_an_alertmanager_is_told_again_until_the_alert_is_over_under_the_labels_it_knows(bench, receive):
    receiver = receive(answer_with("200 OK"))
    channels, environ = posted(receiver.url.removesuffix("/hook"), "alertmanager", token="env:TOKEN")
    desk = bench(channels, environ | {"TOKEN": CANARY})
    desk.put("x")
    desk.deliver()
    desk.deliver()
    assert len(receiver.bodies) == 1
    desk.clock.move(seconds=61)
    desk.deliver()
    sent = [json.loads(body) for body in receiver.bodies]
    assert [len(alerts) for alerts in sent] == [1, 1]
    ends = [datetime.fromisoformat(alerts[0]["endsAt"]) for alerts in sent]
    assert ends[1] == desk.clock.now() + timedelta(minutes=3)
    desk.put("x", replace(MESSAGE, id="msg_2", event=Event.RESOLVED, severity=Severity.INFO, at=desk.clock.now()))
    desk.deliver()
    (last,) = json.loads(receiver.bodies[-1])
    assert last["labels"] == sent[0][0]["labels"]
    assert datetime.fromisoformat(last["endsAt"]) == desk.clock.now()
    desk.clock.move(hours=1)
    desk.deliver()
    assert len(receiver.bodies) == 3


def test_an_alertmanager_that_was_away_is_told_again_soon_after_a_restart_of_the_service(bench, receive):
    receiver = receive(in_turn("200 OK", "500 No", "200 OK"))
    channels, environ = posted(receiver.url, "alertmanager")
    desk = bench(channels, environ)
    desk.put("x")
    desk.deliver()
    desk.clock.move(seconds=61)
    desk.deliver()
    assert "HTTP status 500" in channel_standing(desk.store, "x").last_error
    again = bench(channels, environ)
    again.clock.move(seconds=31)
    again.deliver()
    assert len(receiver.bodies) == 3


def test_a_channel_without_its_alertmanager_forgets_what_was_open_there(bench, receive):
    receiver = receive(answer_with("200 OK"))
    desk = bench(*posted(receiver.url, "alertmanager"))
    desk.put("x")
    desk.deliver()
    desk.clock.move(hours=1)
    bench({}).deliver()
    assert desk.store.rows("SELECT * FROM channel_alerts") == []


def mail_channel(box, **keys):
    return {
        "x": {
            "kind": "email", "host": "127.0.0.1", "port": box.port, "security": "none", "insecure": True,
            "sender": "retuned@example.org", "to": ["ann@example.org", "bob@example.org"], **keys,
        }
    }  # fmt: skip


def test_mail_is_sent_as_text_and_html_in_a_thread(bench, mailbox):
    desk = bench(mail_channel(mailbox, username="me", password="env:PASSWORD"), {"PASSWORD": CANARY})
    desk.put("x")
    assert [delivery.error for delivery in desk.deliver()] == [None]
    (mail,) = mailbox.mails
    assert mail.rcpt_tos == ["ann@example.org", "bob@example.org"]
    head = mail.content.decode()
    assert "Subject: [retuned] rides is stale" in head
    assert "multipart/alternative" in head
    assert "Message-ID: <msg_1_x@example.org>" in head
    assert "Auto-Submitted: auto-generated" in head


MAIL_ANSWERS = [
    ({"data": "554 no"}, True, "the mail server answered: 554 no"),
    ({"data": "451 later"}, False, "the mail server answered: 451 later"),
    ({"refused": dict.fromkeys(["ann@example.org", "bob@example.org"], "550 nobody")}, False,
     "the mail server takes mail for none of the addresses in to: 550 nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("behave", "is_over", "error"), MAIL_ANSWERS)
def test_what_a_mail_server_refuses_is_told_in_its_words(bench, mailbox, behave, is_over, error):
    vars(mailbox).update(behave)
    desk = bench(mail_channel(mailbox))
    desk.put("x")
    (delivery,) = desk.deliver()
    assert (delivery.error, delivery.is_given_up) == (error, is_over)


def test_an_address_that_a_mail_server_does_not_take_is_noted_though_the_others_got_it(bench, mailbox):
    mailbox.refused = {"bob@example.org": "550 nobody"}
    desk = bench(mail_channel(mailbox))
    desk.put("x")
    assert desk.deliver()[0].is_delivered
    assert channel_standing(desk.store, "x").last_error == "not taken for bob@example.org: 550 nobody"


MAIL_TROUBLE = [
    ({"security": "starttls", "insecure": False}, "the mail server offers no STARTTLS or no login"),
    ({"username": "me", "password": "env:WRONG"}, "the mail server refused the login (535)"),
    ({"security": "tls", "insecure": False}, "no connection: no TLS with it"),
]


@pytest.mark.parametrize(("keys", "error"), MAIL_TROUBLE)
def test_a_mail_server_is_given_no_mail_without_the_tls_and_login_that_the_channel_says(bench, mailbox, keys, error):
    desk = bench(mail_channel(mailbox, **keys), {"WRONG": f"{CANARY}-not"})
    desk.put("x")
    (delivery,) = desk.deliver()
    assert delivery.error.startswith(error)
    assert mailbox.mails == []


def test_apprise_sends_in_a_process_of_its_own(bench, receive):
    receiver = receive(answer_with("200 OK"))
    address = receiver.url.replace("http://", "json://")
    desk = bench({"x": {"kind": "apprise", "url": "env:ADDRESS"}}, {"ADDRESS": address})
    desk.put("x")
    assert [delivery.error for delivery in desk.deliver()] == [None]
    assert json.loads(receiver.bodies[0])["title"] == "rides is stale"


def test_what_apprise_cannot_send_is_told_without_its_address(bench):
    desk = bench({"x": {"kind": "apprise", "url": "env:ADDRESS"}}, {"ADDRESS": f"nosuch://{CANARY}"})
    desk.put("x")
    assert [delivery.error for delivery in desk.deliver()] == ["Apprise does not know an address of this form"]


def test_no_secret_of_a_channel_is_in_the_database_or_an_error(bench, receive, mailbox):
    echo = receive(answer_with("500 No", f"token={CANARY} {CANARY}".encode()))
    address = f"{echo.url}/{CANARY}?sig={CANARY}"
    channels = {name: {"kind": name, "insecure": True, "url": "env:ADDRESS"} for name in ("slack", "teams", "webhook")}
    channels["alertmanager"] = {"kind": "alertmanager", "insecure": True, "url": "env:ADDRESS", "token": "env:SECRET"}
    channels["webhook"]["secrets"] = ["env:SECRET"]
    channels["pagerduty"] = {"kind": "pagerduty", "insecure": True, "url": echo.url, "routing_key": "env:SECRET"}
    channels["email"] = mail_channel(mailbox, username="me", password="env:BAD")["x"]
    desk = bench(channels, {"ADDRESS": address, "SECRET": CANARY, "BAD": f"{CANARY}-bad"})
    for name in channels:
        desk.put(name)
    errors = [delivery.error for delivery in desk.deliver()]
    assert len(errors) == 6
    assert [error for error in errors if error is None or CANARY in error] == []
    desk.store._db.commit()
    assert CANARY not in "\n".join(desk.store._db.iterdump())
