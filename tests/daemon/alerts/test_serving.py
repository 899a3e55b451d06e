"""Messages of a real service: among receivers of every bad habit, and across a kill in the middle of a try."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from retuned.daemon.state.store import to_text

START_S = 120.0  # until a new interpreter has loaded what it needs, on a machine with much else to do
GOOD_S = 30.0  # from the service's start to the good receiver's message, which waits for no bad one
END_S = 10.0  # from SIGTERM to the end of the process


class Served:
    """A state folder that real services serve, one after another; what they log stands in a file."""

    def __init__(self, desk):
        self.state, self.log = desk.config.state, desk.folder / "service.log"
        self.command = [sys.executable, "-m", "retuned.daemon", "--state", str(self.state)]
        self.process = None

    def start(self):
        """Start one; returns once it has begun its work."""
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*self.command, "serve"], stderr=log, env=os.environ | {"HOME": "/tmp"})
        wait_for(lambda: "service_started" in self.log.read_text() or self.process.poll() is not None, START_S)
        assert self.process.poll() is None, self.log.read_text()

    def status(self):
        command = [*self.command, "status", "--json"]
        return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=START_S).stdout)

    def end(self, number=signal.SIGTERM):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(END_S)


def wait_for(condition, seconds):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def served(judged_copy, box):
    made = Served(judged_copy)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()


def test_a_running_service_serves_the_good_receiver_and_ends_in_time_among_all_the_bad_ones(
    served, box, put, bad, good
):
    for number, receiver in enumerate([*bad.values(), good]):
        put(box, receiver.url, f"msg_{number}", datetime.now(UTC))
    served.start()
    wait_for(lambda: good.bodies, GOOD_S)
    wait_for(lambda: all(receiver.bodies for receiver in bad.values()), GOOD_S)
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
    wait_for(lambda: box.row("SELECT * FROM outbox")["state"] == "delivered", GOOD_S)
    assert served.end() == 0
    assert set(receiver.ids) == {"msg_1"}
    assert len(receiver.ids) == 1 + (row["state"] == "pending")
