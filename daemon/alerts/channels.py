"""Messages of channels: given their form when they are sent, by what the configuration says then."""

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from ...strategies.alerting.forms.alertmanager import alertmanager_labels
from ...strategies.alerting.forms.apprise import apprise_form
from ...strategies.alerting.message import AlertMessage, Event
from ...strategies.alerting.routing import ChannelKind
from ..addresses import Resolve, Vetting, system_resolve
from ..config.channel_tables import AlertmanagerChannel, AnyChannel, AppriseChannel, EmailChannel
from ..config.config import Config
from ..state.channel_alerts import OpenThere, labels_there, note_open, note_over
from ..state.outbox import Message, Outcome
from ..state.store import Store
from .apprise_process import send_apprise
from .channel_posts import Occasion, alertmanager_post, post_of, send_post
from .chart_process import chart_of
from .connections import Connections
from .mail import mail_of, send_mail
from .posting import Attempt

Send = Callable[[Connections], Outcome]
CORRUPT = "the stored message cannot be read"


@dataclass(frozen=True, slots=True)
class Outlet:
    """The channels of the configuration, and where receivers may be. `resolve`: looks names up; `state`: the folder
    whose models e-mails show charts of, None: no charts."""

    channels: Mapping[str, AnyChannel] = field(default_factory=dict)
    allow: tuple[str, ...] | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    host: str = field(default_factory=socket.gethostname)
    resolve: Resolve = system_resolve
    state: Path | None = None

    @classmethod
    def of(cls, config: Config, environ: Mapping[str, str] = os.environ) -> Self:
        """What the configuration says."""
        return cls(config.channels, config.alerts.allow, environ, state=config.state)

    @property
    def vetting(self) -> Vetting:
        """Where channels may send: public addresses, and what is allowed."""
        return Vetting(self.allow or (), self.resolve)

    @property
    def webhook_vetting(self) -> Vetting:
        """Where plain webhooks may send: anywhere, as in earlier versions, unless `allow` is written."""
        return Vetting(self.allow, self.resolve)

    def begin(self, store: Store, message: Message, now: datetime, on_end: Callable[[], None]) -> Attempt:
        """Begin to send a claimed message of a channel."""
        channel = self.channels.get(str(message.channel))
        if channel is None:
            error = f"the channel {message.channel} is not in the configuration any more"
            return Attempt(lambda _: Outcome(error, is_final=True), on_end)
        try:
            content = content_of(message)
        except (ValueError, KeyError, TypeError):
            return Attempt(lambda _: Outcome(CORRUPT, is_final=True), on_end)
        labels = labels_there(store, str(message.channel), content.key) or alertmanager_labels(content)
        return Attempt(self.sending(channel, message.id, content, now, labels), on_end, self.vetting)

    def begin_again(self, channel: AlertmanagerChannel, alerts: Sequence[OpenThere], now: datetime,
                    on_end: Callable[[], None]) -> Attempt:  # fmt: skip
        """Begin to tell an Alertmanager again of what is open there."""
        occasion = Occasion(now, self.environ, self.host)

        def send(connections: Connections) -> Outcome:
            made = alertmanager_post(channel, alerts, occasion)
            return send_post(connections, ChannelKind.ALERTMANAGER, made, occasion)

        return Attempt(send, on_end, self.vetting)

    def sending(
        self, channel: AnyChannel, message_id: str, message: AlertMessage, now: datetime, labels: Mapping[str, str]
    ) -> Send:
        """What sends the message; secrets are read in the attempt's own thread, and are in no error."""
        occasion = Occasion(now, self.environ, self.host)

        def send(connections: Connections) -> Outcome:
            match channel:
                case EmailChannel():
                    chart = chart_of(connections, self.state, message, self.environ)
                    mail = mail_of(channel, message_id, message, occasion, chart)
                    return send_mail(connections, channel, mail, self.environ)
                case AppriseChannel():
                    return send_apprise(connections, channel.url, apprise_form(message), self.environ)
                case _:
                    made = post_of(channel, message_id, message, occasion, labels)
                    return send_post(connections, ChannelKind(channel.kind), made, occasion)

        return send

    def record(self, store: Store, message: Message, now: datetime) -> None:
        """Inside the transaction that marks a message delivered: what is open on its channel from now on."""
        channel = self.channels.get(str(message.channel))
        if not isinstance(channel, AlertmanagerChannel):
            return
        content = content_of(message)
        if content.event is Event.RESOLVED:
            note_over(store, str(message.channel), content.key)
        elif content.event is not Event.SAMPLE:
            again_at = now + timedelta(seconds=channel.every_s)
            labels = alertmanager_labels(content)
            note_open(store, str(message.channel), content, labels, message.alert_id, again_at)


NO_CHANNELS = Outlet()


def content_of(message: Message) -> AlertMessage:
    """What a stored message of a channel says."""
    return AlertMessage.from_json(json.loads(message.payload))
