"""The tables `[channels.NAME]`: where messages go, what passes there, and in which hours it waits."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ...strategies.alerting.message import Kind, Severity
from ...strategies.alerting.routing import ChannelKind, ChannelRule
from ...strategies.schedule.windows import next_open, next_outside, parse_window
from .schedule_tables import TimeZone, WindowText
from .toml_input import (
    DurationS,
    Flag,
    Integer,
    Line,
    SecretReference,
    Table,
    Webhook,
    is_reference,
    refusal,
    shown,
    webhook_address,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?")
_MAILBOX = re.compile(r"[^@\s<>,;:\"\\]+@[^@\s<>,;:\"\\]+")
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
PAGERDUTY_URL = "https://events.pagerduty.com"


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value.strip("[]"))
    except ValueError:
        if not _HOST.fullmatch(value):
            allowed = "allowed: a host's name or address, without a port"
            raise refusal(f"is {shown(value)}", allowed, "for instance 'mail.example.org'") from None
    return value.strip("[]")


def _mailbox(value: str) -> str:
    if not _MAILBOX.fullmatch(value) or not value.isprintable():
        raise refusal(f"is {shown(value)}", "allowed: one e-mail address", "for instance 'ops@example.org'")
    return value


def _plain_or_reference(value: object) -> str:
    return str(value) if is_reference(value) else webhook_address(value)


Mailbox = Annotated[Line, AfterValidator(_mailbox)]
Host = Annotated[Line, AfterValidator(_host)]


class ChannelTable(Table):
    """What all channels have: conditions that a message must meet, and quiet hours; an empty list: no condition."""

    owners: tuple[Line, ...] = ()
    tags: tuple[Line, ...] = ()
    kinds: tuple[Kind, ...] = ()
    severities: tuple[Severity, ...] = ()
    quiet: tuple[WindowText, ...] = ()
    timezone: TimeZone = "UTC"
    quiet_critical: Flag = False
    insecure: Flag = False

    @model_validator(mode="after")
    def _is_not_always_quiet(self) -> Self:
        windows, zone = tuple(map(parse_window, self.quiet)), ZoneInfo(self.timezone)
        moment = next_open(windows, _ANY_DAY, zone)
        if windows and next_outside(windows, moment, zone) == moment:
            raise refusal("leaves no hour in which messages are sent", "allowed: some hours of the week", key="quiet")
        return self

    def rule(self, name: str) -> ChannelRule:
        """The conditions as the routing takes them."""
        return ChannelRule(
            name=name, kind=ChannelKind(getattr(self, "kind")),  # noqa: B009 - each table below has its own
            owners=self.owners, tags=self.tags, kinds=self.kinds, severities=self.severities,
            quiet=tuple(map(parse_window, self.quiet)), zone=self.timezone, is_critical_quiet=self.quiet_critical,
        )  # fmt: skip


class _PostedTable(ChannelTable):
    """A channel with an address of its owner's."""

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        if str(getattr(self, "url", "")).startswith("http://") and not self.insecure:
            raise refusal(
                "is an http:// address, over which messages are sent unencrypted",
                "allowed: https://",
                "use https, or set insecure = true next to it",
                key="url",
            )
        return self


class WebhookChannel(_PostedTable):
    """Any receiver of JSON; `secrets`: what messages are signed with, two of them while one replaces the other."""

    kind: Literal["webhook"]
    url: Annotated[str, BeforeValidator(_plain_or_reference)]
    secrets: Annotated[tuple[SecretReference, ...], Field(max_length=2)] = ()


class SlackChannel(ChannelTable):
    """A Slack channel, by its incoming webhook."""

    kind: Literal["slack"]
    url: SecretReference


class TeamsChannel(ChannelTable):
    """A channel or chat of Microsoft Teams, by a Workflows webhook."""

    kind: Literal["teams"]
    url: SecretReference


class EmailChannel(ChannelTable):
    """E-mail over SMTP; `port` None: the usual one of `security`."""

    kind: Literal["email"]
    host: Host
    port: Annotated[Integer, Field(ge=1, le=65535)] | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Line | None = None
    password: SecretReference | None = None
    sender: Mailbox
    to: Annotated[tuple[Mailbox, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.security == "none" and not self.insecure:
            raise refusal(
                "is 'none': mails are sent unencrypted", "allowed: 'starttls' or 'tls'",
                "use one of them, or set insecure = true next to it", key="security",
            )  # fmt: skip
        if (self.username is None) != (self.password is None):
            missing = "username" if self.username is None else "password"
            raise refusal("is missing", "allowed: user name and password, or neither", key=missing)
        return self

    @property
    def port_used(self) -> int:
        """The port: as written, else 587 for STARTTLS, 465 for TLS and 25 without either."""
        usual = {"starttls": 587, "tls": 465, "none": 25}
        return self.port if self.port is not None else usual[self.security]


class PagerdutyChannel(_PostedTable):
    """A service of PagerDuty, by the key of its Events API v2 integration; `url`: another region's."""

    kind: Literal["pagerduty"]
    routing_key: SecretReference
    url: Webhook = PAGERDUTY_URL


class AlertmanagerChannel(_PostedTable):
    """A Prometheus Alertmanager; `every_s`: how often open alerts are sent again, without which they end."""

    kind: Literal["alertmanager"]
    url: Annotated[str, BeforeValidator(_plain_or_reference)]
    token: SecretReference | None = None
    every_s: Annotated[DurationS, Field(ge=10.0, le=86_400.0)] = Field(default=60.0, alias="every")


class AppriseChannel(ChannelTable):
    """A service that Apprise knows, by its address there."""

    kind: Literal["apprise"]
    url: SecretReference


AnyChannel = (
    WebhookChannel
    | SlackChannel
    | TeamsChannel
    | EmailChannel
    | PagerdutyChannel
    | AlertmanagerChannel
    | AppriseChannel
)


def _known_kind(value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    if not isinstance(kind, str) or kind not in list(ChannelKind):
        found = "is missing" if kind is None else f"is {shown(kind)}"
        raise refusal(found, f"allowed: {', '.join(ChannelKind)}", key="kind")
    return value


Channel = Annotated[
    Annotated[AnyChannel, Field(discriminator="kind")],
    BeforeValidator(_known_kind),
]


def _channel_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        allowed = "allowed: up to 40 small letters, digits, - and _"
        raise refusal(f"has the name {shown(value)}", allowed, "for instance [channels.ops]")
    return value


ChannelName = Annotated[Line, AfterValidator(_channel_name)]
Channels = Mapping[ChannelName, Channel]


def _allowed_place(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        if "/" in value or not _HOST.fullmatch(value):
            raise refusal(
                f"is {shown(value)}", "allowed: networks such as '10.0.0.0/8', addresses, names of hosts",
                "for instance 'mattermost.example.org'",
            ) from None  # fmt: skip
    return value.rstrip(".").lower()


AllowedPlace = Annotated[Line, AfterValidator(_allowed_place)]
"""A network in which receivers may be, or the name of one."""
