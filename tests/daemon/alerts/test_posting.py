"""One try to post: it ends in time and leaves nothing behind, whatever the receiver does, with TLS and without."""

import contextlib
import os
import socket
import ssl
import threading
import time
from datetime import UTC, datetime

import pytest
from retuned.daemon.alerts.posting import Try
from retuned.daemon.state.outbox import Outcome

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_try_ends_in_time_whatever_the_receiver_does_and_leaves_no_thread(receive, habit):
    ended = threading.Event()
    trying = Try(receive(habit).url, b"{}", dict, NOW, ended.set)
    outcome = trying.wait(1.0)
    assert (outcome.error is None) == (habit == "answers at length")
    assert "hook" not in (outcome.error or "")
    trying._thread.join(10)
    assert not trying._thread.is_alive()


@pytest.fixture
def secured(certificate):
    """Makes a server's connection a TLS one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    return lambda connection: context.wrap_socket(connection, server_side=True)


def begin(receiver, certificate):
    return Try(receiver.url, b"{}", dict, NOW, authorities=str(certificate / "certificate.pem"))


def sockets():
    """The sockets that this process has open, by their number."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.add(os.readlink(f"/proc/self/fd/{name}"))
    return {target for target in found if target.startswith("socket:")}


def assert_nothing_is_left(trying, before):
    trying._thread.join(5)
    assert not trying._thread.is_alive()
    ends_at = time.monotonic() + 5  # the receiver notices, too, and closes its end
    while sockets() - before and time.monotonic() < ends_at:
        time.sleep(0.02)
    assert sockets() - before == set()


def test_a_good_receiver_is_served_over_tls(receive, answering, secured, certificate):
    receiver = receive(answering("204 No Content"), wrap=secured, scheme="https")
    before = sockets()
    trying = begin(receiver, certificate)
    assert trying.wait() == Outcome(None)
    assert receiver.bodies == [b"{}"]
    assert_nothing_is_left(trying, before)


def test_a_try_over_tls_ends_in_time_whatever_the_receiver_does(receive, habit, secured, certificate):
    receiver = receive(habit, wrap=secured, scheme="https")
    before = sockets()
    trying = begin(receiver, certificate)
    outcome = trying.wait(0.5)
    assert (outcome.error is None) == (habit == "answers at length")
    assert_nothing_is_left(trying, before)


def test_a_certificate_that_nobody_vouches_for_is_refused_in_a_sentence(receive, answering, secured):
    receiver = receive(answering("204 No Content"), wrap=secured, scheme="https")
    error = "no connection: its certificate is not trusted (self-signed certificate)"
    assert Try(receiver.url, b"{}", dict, NOW).wait().error == error
    assert receiver.bodies == []


def plain(connection):
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    raise OSError("it speaks no TLS")


def test_a_receiver_without_tls_is_told_as_such_and_a_missing_file_of_authorities_by_its_name(receive):
    receiver = receive(None, wrap=plain, scheme="https")
    assert Try(receiver.url, b"{}", dict, NOW).wait().error.startswith("no connection: no TLS with it (")
    error = Try(receiver.url, b"{}", dict, NOW, authorities="/nowhere/ca.pem").wait().error
    assert error.startswith("SSL_CERT_FILE names /nowhere/ca.pem, which cannot be read; a file of ")


def never(connection):
    while connection.recv(65536):
        pass
    raise OSError("the other side hung up")


def record(connection):
    """A TLS record that announces 16 KiB of handshake and drips it, so that no read of the other side times out."""
    connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while True:
        connection.sendall(b"\x00")
        time.sleep(0.02)


@pytest.mark.parametrize("handshake", [never, record])
def test_a_handshake_without_end_is_cut(receive, handshake, certificate):
    receiver = receive(None, wrap=handshake, scheme="https")
    before = sockets()
    trying = begin(receiver, certificate)
    assert trying.wait(0.5).error == "no answer within 20 s"
    assert_nothing_is_left(trying, before)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_is_never_taken_is_cut(scheme, certificate):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):  # until the kernel answers no further one
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        before = sockets()
        trying = Try(f"{scheme}://127.0.0.1:{full.getsockname()[1]}/", b"{}", dict, NOW)
        assert trying.wait(0.5).error == "no answer within 20 s"
        assert_nothing_is_left(trying, before)
