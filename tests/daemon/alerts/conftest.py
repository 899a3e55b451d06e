"""Receivers of messages with every habit, good and bad, on the loopback."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from retuned.daemon.state.outbox import enqueue

START_S = 120.0  # until a new interpreter has loaded what it needs, on a machine with much else to do
END_S = 10.0  # from SIGTERM to the end of the process
PASSWORD = b"canary-4711"  # that the mail server takes


def drip(connection, pieces, pause_s=0.05):
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(pause_s)


def forever(piece):
    while True:
        yield piece


def listen(connection):
    while connection.recv(65536):
        pass


def answer(status, *headers):
    lines = (f"HTTP/1.1 {status}", *headers, "Content-Length: 0", "", "")
    return lambda connection: connection.sendall("\r\n".join(lines).encode())


HABITS = {
    "drips a header": lambda c: drip(c, forever(b"H")),
    "continues without end": lambda c: drip(c, forever(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "drips a body": lambda c: (c.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 99999\r\n\r\n"), drip(c, forever(b"x"))),
    "says nothing": listen,
    "hangs up": lambda c: None,
    "fails": answer("500 No"),
    "redirects to itself": answer("302 There", "Location: /"),
    "answers at length": lambda c: drip(c, [b"HTTP/1.1 200 Yes\r\n\r\n", *([b"y" * 65536] * 200)], 0.0),
    "talks nonsense": lambda c: c.sendall(bytes(range(256)) * 40),
    "has no time": answer("429 Later", "Retry-After: 3600"),
}


class Receiver:
    """Accepts connections, reads a request, and behaves as told; `wrap` first makes a connection a secure one; `keep`
    gets the headers of each request."""

    def __init__(self, behave, wrap=None, scheme="http", keep=None, port=0):
        self.keep = [] if keep is None else keep
        self.behave = behave
        self.wrap = wrap or (lambda connection: connection)
        self.bodies, self.ids = [], []
        self.listening = socket.create_server(("127.0.0.1", port))
        self.url = f"{scheme}://127.0.0.1:{self.listening.getsockname()[1]}/hook"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, contextlib.suppress(OSError), self.wrap(connection) as wrapped, wrapped.makefile("rb") as sent:
            head = {"request": sent.readline().decode().strip()}
            while (line := sent.readline()).strip():
                name, _, value = line.decode().partition(":")
                head[name.lower()] = value.strip()
            if "content-length" not in head:  # it hung up before it had asked
                return
            # all of it: what is left unread would reset the connection
            self.bodies.append(sent.read(int(head["content-length"])))
            self.ids.append(head.get("webhook-id"))
            self.keep.append(head)
            self.behave(wrapped)

    def close(self):
        with contextlib.suppress(OSError):  # else the thread that waits in it would accept one more
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@pytest.fixture
def receive():
    """Receivers that behave in a given way: a habit's name, or what to do with the connection after the request."""
    made = []

    def start(behave, **named):
        made.append(Receiver(HABITS.get(behave, behave), **named))
        return made[-1]

    yield start
    for receiver in made:
        receiver.close()


@pytest.fixture
def bad(receive):
    return {habit: receive(habit) for habit in HABITS}


@pytest.fixture(params=HABITS)
def habit(request):
    return request.param


@pytest.fixture
def good(receive):
    return receive(answer("204 No Content"))


@pytest.fixture
def box(judged_copy):
    """A store with an alert to hang messages on and no message yet."""
    with judged_copy.store.transaction():
        judged_copy.store.change("DELETE FROM outbox")
    return judged_copy.store


@pytest.fixture
def put():
    """Queue a message to the address."""

    def queue(store, url, message_id, now):
        with store.transaction():
            enqueue(store, message_id=message_id, alert_id=1, url=url, secret_reference=None, payload="{}", now=now)

    return queue


@pytest.fixture
def answering():
    """What a receiver does that answers with a status line and headers."""
    return answer


def make_certificate(folder, names):
    """A certificate for these names and its key, trusted by nobody else; skips loudly where openssl is missing."""
    if shutil.which("openssl") is None:
        told = "NOT TESTED: messages over TLS; openssl is not installed"
        pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=retuned tests", "-addext", f"subjectAltName={names}"]
    command += ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for the loopback."""
    return make_certificate(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1")


@pytest.fixture(scope="session")
def named_certificate(tmp_path_factory):
    """A certificate for chat.example.org."""
    return make_certificate(tmp_path_factory.mktemp("named"), "DNS:chat.example.org")


class Mailbox:
    """Keeps what comes; answers RCPT and DATA as told, after `before`."""

    def __init__(self):
        self.mails, self.refused, self.data, self.before = [], {}, "250 OK", lambda: None

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's own
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.mails.append(envelope)
        self.before()
        return self.data


class MailServer(Controller):
    """Takes a login with that password, without TLS too."""

    def factory(self):
        return SMTP(
            self.handler,
            auth_require_tls=False,
            authenticator=lambda *words: AuthResult(success=words[-1].password == PASSWORD, handled=False),
        )


@pytest.fixture
def mailbox():
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    server = MailServer(box, hostname="127.0.0.1", port=box.port)
    server.start()
    yield box
    server.stop()


class Served:
    """A state folder that real services serve, one after another; what they log stands in a file."""

    def __init__(self, desk):
        self.state, self.log = desk.config.state, desk.folder / "service.log"
        self.command = [sys.executable, "-m", "retuned.daemon", "--state", str(self.state)]
        self.process, self.environ = None, {"HOME": "/tmp"}

    def configure(self, text, **environ):
        """What the configuration says, and the secrets that it names."""
        path = self.state.parent / "config.toml"
        path.write_text(text)
        self.command += ["--config", str(path)]
        self.environ |= environ

    def start(self):
        """Start one; returns once it has begun its work."""
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*self.command, "serve"], stderr=log, env=os.environ | self.environ)
        self.wait_for(lambda: "service_started" in self.log.read_text() or self.process.poll() is not None, START_S)
        assert self.process.poll() is None, self.log.read_text()

    def status(self):
        return json.loads(self.say("status", "--json").stdout)

    def say(self, *words):
        """What a command answers that is typed where the service's secrets stand in the environment, too."""
        environ = os.environ | self.environ
        return subprocess.run([*self.command, *words], capture_output=True, text=True, timeout=START_S, env=environ)

    def end(self, number=signal.SIGTERM):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(END_S)

    @staticmethod
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
