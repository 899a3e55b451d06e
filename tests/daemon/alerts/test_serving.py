"""Messages of a real service: among receivers of every bad habit, and across a kill in the middle of a try."""

import json
import re
import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from retuned.daemon.state.channel_outbox import enqueue_for
from retuned.daemon.state.store import to_text
from retuned.strategies.alerting.message import Event
from retuned.strategies.alerting.sample import sample_message

START_S = 120.0  # as long as a start may take
GOOD_S = 30.0  # from the service's start to the good receiver's message, which waits for no bad one


def test_a_running_service_serves_the_good_receiver_and_ends_in_time_among_all_the_bad_ones(
    served, box, put, bad, good
):
    for number, receiver in enumerate([*bad.values(), good]):
        put(box, receiver.url, f"msg_{number}", datetime.now(UTC))
    served.start()
    served.wait_for(lambda: good.bodies, GOOD_S)
    served.wait_for(lambda: all(receiver.bodies for receiver in bad.values()), GOOD_S)
    assert served.status()["overall"] in ("ok", "degraded")
    assert served.end() == 0
    assert "service_stopped" in served.log.read_text()
    assert len(good.bodies) == 1


@pytest.mark.parametrize("is_accepted", [False, True])
def test_a_message_whose_service_is_killed_in_the_middle_of_a_try_is_delivered_and_sent_twice_at_most(
    served, box, put, receive, answering, is_accepted
):
    accept = answering("204 No Content")

    def behave(connection):
        if len(receiver.bodies) == 1:  # the first try; its service is killed before or just after the answer
            served.process.kill() if not is_accepted else accept(connection)
            served.process.kill()
        else:
            accept(connection)

    receiver = receive(behave)
    put(box, receiver.url, "msg_1", datetime.now(UTC))
    served.start()
    assert served.process.wait(START_S) == -signal.SIGKILL
    row = box.row("SELECT * FROM outbox")
    assert row["attempts"] == 1  # counted before it began
    with box.transaction():  # the minute for which the killed service held the message is over
        box.change(
            "UPDATE outbox SET next_attempt_at = ? WHERE state = 'pending'",
            (to_text(datetime.now(UTC) - timedelta(seconds=1)),),
        )
    served.start()
    served.wait_for(lambda: box.row("SELECT * FROM outbox")["state"] == "delivered", GOOD_S)
    assert served.end() == 0
    assert set(receiver.ids) == {"msg_1"}
    assert len(receiver.ids) == 1 + (row["state"] == "pending")


KINDS = ("webhook", "slack", "teams", "pagerduty", "alertmanager", "email")
SAME = {  # by what a receiver knows that it has heard a message before
    "webhook": lambda body, head: head["webhook-id"],
    "slack": lambda body, head: body,
    "teams": lambda body, head: body,
    "pagerduty": lambda body, head: json.loads(body)["dedup_key"],
    "alertmanager": lambda body, head: json.loads(body)[0]["labels"],
}


def channels_of(receivers, mailbox):
    """The configuration of a channel for each receiver, and one for mail."""
    tables = ['[alerts]\nallow = ["127.0.0.0/8"]']
    for name, receiver in receivers.items():
        key = 'routing_key = "env:KEY"' if name == "pagerduty" else ""
        is_base = name in ("pagerduty", "alertmanager")
        address = receiver.url.removesuffix("/hook") if is_base else f"env:{name.upper()}"
        tables.append(f'[channels.{name}]\nkind = "{name}"\ninsecure = true\nurl = "{address}"\n{key}')
    tables.append(
        '[channels.email]\nkind = "email"\nhost = "127.0.0.1"\nsecurity = "none"\ninsecure = true\n'
        f'port = {mailbox.port}\nsender = "retuned@example.org"\nto = ["ann@example.org"]'
    )
    return "\n".join(tables)


def test_what_every_channel_was_sent_before_a_kill_comes_again_as_the_same(served, box, receive, answering, mailbox):
    accepts = {"slack": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "alertmanager": b"HTTP/1.1 200 OK\r\n\r\n"}
    everyone = threading.Barrier(len(KINDS), action=lambda: served.end(signal.SIGKILL))
    heads = {name: [] for name in KINDS}

    def behaving(name):
        def behave(connection):
            if len(heads[name]) == 1:  # they have the message, the service has no answer, and is killed
                everyone.wait(START_S)
            connection.sendall(accepts.get(name, b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"))

        return behave

    receivers = {name: receive(behaving(name), keep=heads[name]) for name in KINDS if name != "email"}
    mailbox.before = lambda: everyone.wait(START_S) if len(mailbox.mails) == 1 else None
    served.configure(channels_of(receivers, mailbox), KEY="R0", **{n.upper(): r.url for n, r in receivers.items()})
    message = replace(sample_message("ops", "host-1", "msg_1", datetime.now(UTC)), event=Event.OPENED)
    with box.transaction():
        for name in KINDS:
            enqueue_for(box, message, name, None, 1, datetime.now(UTC))
    served.start()
    assert served.process.wait(START_S) == -signal.SIGKILL
    assert {row["state"] for row in box.rows("SELECT state FROM outbox")} == {"pending"}
    with box.transaction():  # the minute for which the killed service held the messages is over
        box.change("UPDATE outbox SET next_attempt_at = created_at")
    served.start()
    served.wait_for(lambda: {row["state"] for row in box.rows("SELECT state FROM outbox")} == {"delivered"}, GOOD_S)
    assert served.end() == 0
    for name, receiver in receivers.items():
        first, second = (SAME[name](*sent) for sent in zip(receiver.bodies, heads[name], strict=True))
        assert first == second
    ids = [re.search(rb"Message-ID: (\S+)", mail.content)[1] for mail in mailbox.mails]
    assert ids == [b"<msg_1_email@example.org>"] * 2
