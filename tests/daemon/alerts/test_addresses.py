"""Where messages may be sent, and that the address which was checked is the one connected to."""

import ipaddress
import socket
import ssl

import pytest
from retuned.daemon.addresses import AddressRefused, Vetting, is_public
from retuned.daemon.alerts.connections import Connections
from retuned.daemon.alerts.posting import Attempt, post
from retuned.daemon.state.outbox import Outcome

PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
REFUSED = [
    ("127.0.0.1", "this machine's own"),
    ("127.8.9.1", "this machine's own"),
    ("::1", "this machine's own"),
    ("0.0.0.0", "no address of a host"),
    ("::", "no address of a host"),
    ("10.1.2.3", "private"),
    ("172.16.0.1", "private"),
    ("192.168.1.1", "private"),
    ("fd00::1", "private"),
    ("100.64.0.1", "not a public one"),  # carriers' own networks
    ("169.254.169.254", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("ff02::1", "multicast"),
    ("240.0.0.1", "private"),
    ("255.255.255.255", "private"),
    ("192.0.2.1", "private"),  # documents
    ("::ffff:127.0.0.1", "this machine's own"),  # IPv4 in IPv6, by four ways
    ("::ffff:10.0.0.1", "private"),
    ("2002:7f00:1::", "this machine's own"),
    ("64:ff9b::a00:1", "private"),
]


def at(*addresses, port=443):
    """A resolver that always answers so."""
    return lambda host, _: [
        (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port))
        for each in addresses
    ]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_connected_to(address):
    assert is_public(ipaddress.ip_address(address))
    assert [place[4][0] for place in Vetting((), at(address)).places("example.org", 443)] == [address]


@pytest.mark.parametrize(("address", "why"), REFUSED)
def test_addresses_of_the_inner_network_may_not(address, why):
    with pytest.raises(AddressRefused) as refused:
        Vetting((), at(address)).places("example.org", 443)
    assert why in refused.value.found


ALLOWED = [
    (("10.0.0.0/8",), "10.1.2.3"),
    (("10.0.0.0/8",), "::ffff:10.1.2.3"),
    (("127.0.0.1/32",), "127.0.0.1"),
    (("fd00::/8",), "fd00::1"),
    (("chat.example.org",), "192.168.1.1"),  # by name, whatever its address
]


@pytest.mark.parametrize(("allow", "address"), ALLOWED)
def test_what_is_listed_may_be_connected_to(allow, address):
    assert len(Vetting(allow, at(address)).places("Chat.example.org.", 443)) == 1


def test_of_a_name_with_several_addresses_only_those_that_may_be_are_used():
    places = Vetting((), at("10.0.0.1", "8.8.8.8", "::1")).places("example.org", 443)
    assert [place[4][0] for place in places] == ["8.8.8.8"]


class Rebinding:
    """Answers with a public address first and with the loopback from then on, and counts how often it was asked."""

    def __init__(self, first, then):
        self.answers, self.asked = [first, then], 0

    def __call__(self, host, port):
        self.asked += 1
        return self.answers[min(self.asked, 2) - 1]


def test_a_name_that_turns_to_the_inner_network_after_the_check_is_not_followed(receive, answering):
    inner = receive(answering("200 OK"))
    port = inner.listening.getsockname()[1]
    resolver = Rebinding(at("192.0.2.1", port=port)("", 0), at("127.0.0.1", port=port)("", 0))
    vetting = Vetting(("192.0.2.0/24",), resolver)  # stands for a public address that takes no connection
    trying = Attempt(lambda connections: sent(connections, f"http://rebind.example.org:{port}/hook"), vetting=vetting)
    assert trying.wait(1.0).error is not None
    assert resolver.asked == 1
    assert inner.bodies == []


def test_a_second_attempt_looks_up_again_and_refuses_the_inner_address(receive, answering):
    inner = receive(answering("200 OK"))
    port = inner.listening.getsockname()[1]
    vetting = Vetting((), at("127.0.0.1", port=port))
    error = Attempt(lambda connections: sent(connections, inner.url), vetting=vetting).wait().error
    assert error.startswith("the receiver's address 127.0.0.1 is this machine's own; public addresses")
    assert inner.bodies == []


def sent(connections: Connections, url):
    return Outcome(str(post(connections, url, b"{}", {}, None).status))


def test_tls_checks_the_name_of_the_address_though_the_socket_goes_to_the_one_that_was_vetted(
    receive, answering, named_certificate
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(named_certificate / "certificate.pem", named_certificate / "key.pem")
    asked, heads = [], []
    context.sni_callback = lambda _, name, __: asked.append(name)
    wrap = lambda connection: context.wrap_socket(connection, server_side=True)  # noqa: E731
    receiver = receive(answering("200 OK"), wrap=wrap, scheme="https", keep=heads)
    port = receiver.listening.getsockname()[1]
    vetting = Vetting(("127.0.0.0/8",), at("127.0.0.1", port=port))
    trusted = str(named_certificate / "certificate.pem")

    def send(connections, host):
        return Outcome(str(post(connections, f"https://{host}:{port}/hook", b"{}", {}, trusted).status))

    assert Attempt(lambda c: send(c, "chat.example.org"), vetting=vetting).wait().error == "200"
    assert asked == ["chat.example.org"]
    assert heads[0]["host"] == f"chat.example.org:{port}"
    wrong = Attempt(lambda c: send(c, "other.example.org"), vetting=vetting).wait().error
    assert wrong.startswith("no connection: its certificate is not trusted (Hostname mismatch")
