"""Channels that take a post of JSON: webhook, Slack, Teams, PagerDuty, Alertmanager."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ...strategies.alerting.forms.alertmanager import PERIODS, alertmanager_form
from ...strategies.alerting.forms.pagerduty import pagerduty_form, path_of
from ...strategies.alerting.forms.slack import slack_form
from ...strategies.alerting.forms.teams import teams_form
from ...strategies.alerting.forms.webhook import webhook_form
from ...strategies.alerting.message import AlertMessage
from ...strategies.alerting.routing import ChannelKind
from ..config.channel_secrets import address_of
from ..config.channel_tables import (
    AlertmanagerChannel,
    PagerdutyChannel,
    SlackChannel,
    TeamsChannel,
    WebhookChannel,
)
from ..config.config import resolve_secret
from ..config.toml_input import is_reference
from ..masking import LEAST_CHARACTERS, Mask
from ..state.channel_alerts import OpenThere
from ..state.outbox import Outcome
from .channel_answers import READ_BYTES, channel_outcome
from .connections import Connections
from .posting import Answer, post
from .signing import sign_with_all

USER_AGENT = "retuned"
PostedChannel = WebhookChannel | SlackChannel | TeamsChannel | PagerdutyChannel | AlertmanagerChannel


@dataclass(frozen=True, slots=True)
class Occasion:
    """When, with which environment and from which host something is sent."""

    now: datetime
    environ: Mapping[str, str]
    host: str

    @property
    def authorities(self) -> str | None:
        """A file or folder of certificates to trust instead of the well-known ones."""
        return self.environ.get("SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class Post:
    """What is posted, and the secrets in it, which no error repeats."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    secrets: tuple[str, ...]


def post_of(
    channel: PostedChannel, message_id: str, message: AlertMessage, occasion: Occasion, labels: Mapping[str, str]
) -> Post:
    """What a channel is posted for a message; raises InputError where a secret cannot be read.

    `labels`: those under which an Alertmanager knows the alert; no other kind has any.
    """
    environ = occasion.environ
    match channel:
        case WebhookChannel():
            return _signed(channel, message_id, message, occasion)
        case SlackChannel():
            url = address_of(channel.url, environ, channel.insecure)
            return Post(url, _body(slack_form(message)), _headers(), (url,))
        case TeamsChannel():
            url = address_of(channel.url, environ, channel.insecure)
            return Post(url, _body(teams_form(message)), _headers(), (url,))
        case PagerdutyChannel():
            key = resolve_secret(channel.routing_key, environ)
            body = _body(pagerduty_form(message, key, occasion.host))
            return Post(channel.url.rstrip("/") + path_of(message), body, _headers(), (key,))
        case AlertmanagerChannel():
            return alertmanager_post(channel, (OpenThere(message, labels),), occasion)


def alertmanager_post(channel: AlertmanagerChannel, alerts: Sequence[OpenThere], occasion: Occasion) -> Post:
    """All that is open on an Alertmanager, in one post."""
    ends_at = occasion.now + timedelta(seconds=PERIODS * channel.every_s)
    url = address_of(channel.url, occasion.environ, channel.insecure)
    token = None if channel.token is None else resolve_secret(channel.token, occasion.environ)
    headers = _headers() | ({} if token is None else {"authorization": f"Bearer {token}"})
    secrets = tuple(secret for secret in (token, url if is_reference(channel.url) else None) if secret is not None)
    body = _body([alertmanager_form(alert.message, alert.labels, ends_at) for alert in alerts])
    return Post(url.rstrip("/") + "/api/v2/alerts", body, headers, secrets)


def send_post(connections: Connections, kind: ChannelKind, made: Post, occasion: Occasion) -> Outcome:
    """Post it; what the answer means."""

    def read_bytes(status: int) -> int:  # what accepted a message may take as long as it likes to say so
        return READ_BYTES if kind is ChannelKind.SLACK or not 200 <= status < 300 else 0

    answer = post(connections, made.url, made.body, made.headers, occasion.authorities, read_bytes)
    text = Mask(_parts(made.secrets))(answer.text)
    shown = Answer(answer.status, answer.location, answer.retry_after, text)
    return channel_outcome(kind, shown, made.url, occasion.now)


def _parts(secrets: Sequence[str]) -> tuple[str, ...]:
    """The secrets, and what stands between the slashes and signs of those that are addresses, the longest first."""
    parts = {part for secret in secrets for part in (secret, *re.split(r"[/?&=#]", secret.partition("://")[2]))}
    return tuple(sorted((part for part in parts if len(part) >= LEAST_CHARACTERS), key=lambda part: (-len(part), part)))


def _signed(channel: WebhookChannel, message_id: str, message: AlertMessage, occasion: Occasion) -> Post:
    url = address_of(channel.url, occasion.environ, channel.insecure)
    secrets = tuple(resolve_secret(reference, occasion.environ) for reference in channel.secrets)
    body, timestamp = _body(webhook_form(message)), str(int(occasion.now.timestamp()))
    headers = _headers() | {"webhook-id": message_id, "webhook-timestamp": timestamp}
    if secrets:
        headers["webhook-signature"] = sign_with_all(message_id, timestamp, body, secrets)
    return Post(url, body, headers, (*secrets, *((url,) if is_reference(channel.url) else ())))


def _headers() -> dict[str, str]:
    return {"content-type": "application/json", "user-agent": USER_AGENT}


def _body(content: Any) -> bytes:  # noqa: ANN401 - plain JSON
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(errors="replace")
