"""Messages to systemd, received on real sockets."""

import os
import socket

import pytest
from retuned.daemon.service.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def receiver(request, tmp_path):
    address = str(tmp_path / "notify") if request.param == "path" else f"@retuned-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        listener.settimeout(5)
        yield address, listener


def test_each_message_is_one_datagram_of_lines(receiver):
    address, listener = receiver
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    assert notifier.ready("idle\nnext due tomorrow")
    assert listener.recv(999) == b"READY=1\nSTATUS=idle next due tomorrow"
    assert notifier.status("runs 2")
    assert listener.recv(999) == b"STATUS=runs 2"
    assert notifier.alive()
    assert listener.recv(999) == b"WATCHDOG=1"
    assert notifier.stopping()
    assert listener.recv(999) == b"STOPPING=1"
    assert notifier.watchdog_s == 30.0


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_without_systemd_nothing_is_sent(environ):
    assert not Notifier.from_environ(environ).ready("idle")


@pytest.mark.parametrize(
    "watchdog",
    [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}],
)
def test_a_watchdog_that_is_off_or_meant_for_another_process_is_not_fed(receiver, watchdog):
    address, _ = receiver
    notifier = Notifier.from_environ({"NOTIFY_SOCKET": address, **watchdog}, pid=4711)
    assert notifier.watchdog_s is None
    assert not notifier.alive()


def test_a_socket_that_is_gone_ends_nothing(tmp_path):
    assert not Notifier(str(tmp_path / "gone"), 10.0).alive()
