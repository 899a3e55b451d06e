"""The verbs about channels: which there are and how they fare, and a test message to one of them."""

import os
import secrets

from ...strategies.alerting.forms.alertmanager import PERIODS, alertmanager_labels
from ...strategies.alerting.message import AlertMessage, Kind
from ...strategies.alerting.routing import ChannelKind
from ...strategies.alerting.sample import sample_message
from ...strategies.errors import InputError, UnknownName
from ..config.channel_secrets import why_unreadable
from ..config.channel_tables import AlertmanagerChannel, AnyChannel, EmailChannel
from ..state.channel_outbox import channel_standing
from .around import Around
from .channel_views import ChannelTested, ChannelView

_TEAMS = (
    "the Teams channel or chat of the workflow; Teams only says that it took the message, so if it is not there, see"
    " the workflow's run history in Power Automate"
)


class ChannelVerbs(Around):
    """channels and channel_test."""

    def channels(self) -> tuple[ChannelView, ...]:
        """The configured channels, in the order of the configuration, and how they fare."""
        return tuple(self._view(name, channel) for name, channel in self.config.channels.items())

    def channel_test(self, channel: str) -> ChannelTested:
        """Send a recognisable message to a channel now; what the other side answered."""
        from ..alerts.channels import Outlet
        from ..alerts.posting import Attempt

        table = self.config.channels.get(channel)
        if table is None:
            known = ", ".join(self.config.channels) or "none is configured"
            raise UnknownName(
                f"no channel is called {channel[:60]!r}",
                f"the channels: {known}",
                "see [channels.NAME] in the configuration",
            )
        outlet, now = Outlet.of(self.config, os.environ), self.clock.now()
        message = sample_message(channel, outlet.host, f"msg_test_{secrets.token_hex(8)}", now)
        sending = outlet.sending(table, message.id, message, now, alertmanager_labels(message))
        outcome = Attempt(sending, vetting=outlet.vetting).wait()
        said = outcome.error or outcome.note or "accepted"
        return ChannelTested(channel, table.kind, outcome.error is None, said, _where_to_look(table, message))

    def _view(self, name: str, channel: AnyChannel) -> ChannelView:
        standing, problem = channel_standing(self.store, name), why_unreadable(channel, os.environ)
        default = self.config.alerts.channels
        return ChannelView(
            name=name,
            kind=channel.kind,
            takes=_conditions(channel),
            is_default=default is None or name in default,
            pending=standing.pending,
            dead=standing.dead,
            delivered_at=standing.delivered_at,
            last_error=standing.last_error,
            problem=None if problem is None else str(problem),
        )


def check_channel_names(names: tuple[str, ...] | None, known: tuple[str, ...]) -> None:
    """Raise InputError for a model whose file names a channel that is not configured here."""
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise InputError(
            f"alerts.channels names {unknown[0]!r}, which is not configured",
            f"the channels: {', '.join(known)}" if known else "no channel is configured here",
            f"add [channels.{unknown[0]}] to the service's configuration, or correct the name",
        )


def _conditions(channel: AnyChannel) -> tuple[str, ...]:
    """What passes, in words; empty: everything."""
    parts = (("owner", channel.owners), ("tag", channel.tags), ("kind", channel.kinds),
             ("severity", channel.severities))  # fmt: skip
    shown = [f"{name} {' or '.join(map(str, wanted))}" for name, wanted in parts if wanted]
    if channel.quiet:
        exception = "" if channel.quiet_critical else ", except critical"
        shown.append(f"quiet {', '.join(channel.quiet)} ({channel.timezone}){exception}")
    return tuple(shown)


def _where_to_look(channel: AnyChannel, message: AlertMessage) -> str:
    match ChannelKind(channel.kind):
        case ChannelKind.SLACK:
            return "the Slack channel that the webhook was made for"
        case ChannelKind.TEAMS:
            return _TEAMS
        case ChannelKind.EMAIL:
            assert isinstance(channel, EmailChannel)
            return f"the inbox, and the folder for spam, of {', '.join(channel.to)}"
        case ChannelKind.PAGERDUTY:
            return f"the integration's service in PagerDuty; resolve its new alert there ({message.title})"
        case ChannelKind.ALERTMANAGER:
            assert isinstance(channel, AlertmanagerChannel)
            name = f"Retuned{Kind.STALE.capitalize()}"
            return f"Alertmanager's list of alerts, {name}; it ends by itself in {PERIODS * channel.every_s:.0f} s"
        case ChannelKind.APPRISE:
            return "the service that the address names"
        case _:
            return f"the receiver's log, webhook-id {message.id}"
