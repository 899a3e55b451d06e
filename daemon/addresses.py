"""Where messages may be sent: public addresses, and what `[alerts] allow` names.

A name is looked up once, its addresses are checked, and the connection is made to one that passed: between two look-ups
the owner of a name could turn it to an address of the inner network.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..strategies.errors import InputError

Place = tuple[int, int, int, str, Any]
"""An address as `socket.getaddrinfo` gives it."""
Resolve = Callable[[str, int], Sequence[Place]]
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(InputError):
    """A receiver whose every address is one that messages may not be sent to."""


def system_resolve(host: str, port: int) -> Sequence[Place]:
    """The addresses that the system knows for a name; raises OSError."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@dataclass(frozen=True, slots=True)
class Vetting:
    """Which addresses may be connected to. `allow` None: all of them, as webhooks of earlier versions may."""

    allow: tuple[str, ...] | None = ()
    resolve: Resolve = system_resolve

    def places(self, host: str, port: int) -> Sequence[Place]:
        """The addresses of a host that may be connected to.

        Raises OSError where it has none, AddressRefused where it has none that may be.
        """
        found = self.resolve(host, port)
        if self.allow is None or host.rstrip(".").lower() in self.allow:
            return found
        networks = tuple(network for network in map(_network, self.allow) if network is not None)
        allowed = [place for place in found if _may_be(_address(place), networks)]
        if found and not allowed:
            address = _address(found[0])
            raise AddressRefused(
                f"the receiver's address {address} is {_kind_of(address)}",
                "public addresses, and what allow under [alerts] lists",
                f'if it is meant, add "{address}" or the host\'s name to allow',
            )
        return allowed


def is_public(address: _IP) -> bool:
    """Whether an address is one of the public internet; an IPv4 address inside an IPv6 one counts for itself."""
    inner = _inside(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
        or address.is_link_local or address.is_private
    )  # fmt: skip


def _inside(address: _IP) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4, Teredo or NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (None if teredo is None else teredo[1])


def _may_be(address: _IP, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    inner = _inside(address)
    return is_public(address) or any(
        candidate.version == network.version and candidate in network
        for candidate in (address, inner)
        if candidate is not None
        for network in networks
    )


def _address(place: Place) -> _IP:
    return ipaddress.ip_address(str(place[4][0]).partition("%")[0])


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def _kind_of(address: _IP) -> str:
    seen = _inside(address) or address
    kinds = (
        (seen.is_loopback, "this machine's own"),
        (seen.is_link_local, "link-local, where clouds keep their credentials"),
        (seen.is_multicast, "a multicast address"),
        (seen.is_unspecified, "no address of a host"),
        (seen.is_private, "private"),
    )
    return next((words for holds, words in kinds if holds), "not a public one")
