"""The table [api]: where the service answers, and from where it may be reached."""

import ipaddress
import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, model_validator

from .toml_input import Flag, OwnersPath, Table, refusal, shown


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value == "off" or value.startswith("unix:/") or (host and port.isdecimal() and int(port) < 65536):
        return value
    raise refusal(f"is {shown(value)}", "allowed: HOST:PORT, unix:/PATH, or 'off'", "for instance '127.0.0.1:8765'")


def _public_url(value: object) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) and value.isprintable() and " " not in value else None
        is_address = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address, parts = False, None
    if not is_address or parts is None or parts.query or parts.fragment or parts.username is not None:
        allowed = "allowed: an http:// or https:// address without a password, '?' and '#'"
        raise refusal(f"is {shown(value)}", allowed, "for instance 'https://retuned.example.org'")
    return str(value).rstrip("/")


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise refusal(f"is {shown(value)}", "allowed: addresses and networks", "such as '10.0.0.0/24'") from None


def _host_name(value: str) -> str:
    if re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", value.lower()):
        return value.lower()
    raise refusal(f"is {shown(value)}", "allowed: host names without a port", "such as 'retuned.example.org'")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class ApiTable(Table):
    """Where the service answers the command line and other programs. `public_url`: at which address people reach its
    pages, for links in messages; None: messages say what to type instead. `tls_cert` and `tls_key`: files in PEM; None:
    what it sends is not encrypted."""

    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:0"
    public_url: Annotated[str, BeforeValidator(_public_url)] | None = None
    behind_proxy: Flag = False
    trusted: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    names: tuple[Annotated[str, AfterValidator(_host_name)], ...] = ()
    tls_cert: OwnersPath | None = None
    tls_key: OwnersPath | None = None

    @model_validator(mode="after")
    def _names_its_proxies(self) -> Self:
        if self.behind_proxy == bool(self.trusted):
            return self
        raise refusal(
            f"is {shown(self.behind_proxy)}, and trusted names {len(self.trusted)} addresses",
            "allowed: both, or neither",
            "for instance behind_proxy = true and trusted = ['10.0.0.5']",
            key="behind_proxy",
        )

    @model_validator(mode="after")
    def _names_certificate_and_key(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            given, missing = ("tls_cert", "tls_key") if self.tls_key is None else ("tls_key", "tls_cert")
            raise refusal(f"is set without {missing}", "allowed: both, or neither", f"name {missing} too", key=given)
        if self.tls_cert is not None and not self.is_tcp:
            raise refusal(
                f"is set, and listen is {shown(self.listen)}",
                "allowed: with listen = 'HOST:PORT'",
                "change listen, or remove tls_cert and tls_key",
                key="tls_cert",
            )
        return self

    @model_validator(mode="after")
    def _is_encrypted_where_others_reach_it(self) -> Self:
        host = self.listen.rpartition(":")[0]
        if self.tls_cert is not None or self.behind_proxy or not self.is_tcp or _is_loopback(host):
            return self
        raise refusal(
            f"is {shown(self.listen)}, which other machines can reach, and tokens are sent unencrypted",
            "allowed: 127.0.0.1, ::1, localhost or a unix socket",
            "name files as tls_cert and tls_key, or put a proxy with TLS in front: behind_proxy and trusted",
            key="listen",
        )

    @property
    def is_tcp(self) -> bool:
        """Whether it listens at a host and port."""
        return self.listen != "off" and not self.listen.startswith("unix:")
