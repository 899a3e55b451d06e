"""Checks of where alerts go: receivers accept connections, their addresses may be used, secrets can be read."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from ...strategies.errors import InputError, RetunedError
from ..addresses import Vetting
from ..config.channel_secrets import address_of, why_unreadable
from ..config.channel_tables import AnyChannel, AppriseChannel, EmailChannel
from ..config.config import resolve_secret, signing_key
from ..state.models.registry import Model
from ..state.outbox import place_of
from .doctor_findings import Case, Finding

PLACES_TRIED = 20
CONNECT_TIMEOUT_S = 3.0
_REMEDY = "check the address, the name service and the firewall; messages wait until it can be reached"


def check_channels(case: Case, models: tuple[Model, ...]) -> Iterator[Finding]:
    """That receivers of alerts accept a connection, and that secrets can be read. Nothing is sent."""
    channels = case.config.channels
    yield from _webhooks(case, models, bool(channels))
    for name, channel in list(channels.items())[:PLACES_TRIED]:
        yield _channel(case, name, channel)
    unknown = [
        (model.name, name) for model in models for name in model.file.alerts.channels or () if name not in channels
    ]
    for model, name in unknown[:PLACES_TRIED]:
        yield Finding(
            "channels", "error", f"{model} names the channel {name}, which is not configured: its alerts are given up",
            f"add [channels.{name}] to the configuration, or register the model with another",
        )  # fmt: skip


def _webhooks(case: Case, models: tuple[Model, ...], has_channels: bool) -> Iterator[Finding]:
    pairs = [(case.config.alerts.webhook, case.config.alerts.webhook_secret)]
    pairs += [(model.file.alerts.webhook, model.file.alerts.webhook_secret) for model in models]
    places = list(dict.fromkeys(place_of(url) for url in dict.fromkeys(url for url, _ in pairs if url is not None)))
    if not places and not has_channels:
        yield Finding(
            "channels", "warning", "no channel and no webhook is set: alerts wait in retuned alerts",
            "add a [channels.NAME] to the configuration, then: retuned channels test NAME",
        )  # fmt: skip
    for place in places[:PLACES_TRIED]:
        why = _why_unreachable(place, Vetting(case.config.alerts.allow))
        yield (
            Finding("channels", "error", f"{place} cannot be reached: {why}", _REMEDY)
            if why
            else Finding("channels", "ok", f"{place} accepts connections")
        )
    for reference in dict.fromkeys(secret for _, secret in pairs if secret is not None):
        try:
            signing_key(resolve_secret(reference, case.environ))
            yield Finding("channels", "ok", f"the secret {reference} can be read and signs messages")
        except RetunedError as error:
            yield Finding("channels", "error", error.found, error.remedy)


def _channel(case: Case, name: str, channel: AnyChannel) -> Finding:
    problem = why_unreadable(channel, case.environ)
    if problem is not None:
        return Finding("channels", "error", f"{name}: {problem.found}", problem.remedy)
    if isinstance(channel, AppriseChannel):
        return Finding("channels", "ok", f"{name}: its address can be read; to try it: retuned channels test {name}")
    if isinstance(channel, EmailChannel):
        place = f"smtp://{f'[{channel.host}]' if ':' in channel.host else channel.host}:{channel.port_used}"
        shown = f"{channel.host}, port {channel.port_used},"
    else:
        place = place_of(address_of(channel.url, case.environ, channel.insecure))
        shown = "its receiver"
    why = _why_unreachable(place, Vetting(case.config.alerts.allow or ()))
    if why:
        return Finding("channels", "error", f"{name}: {shown} cannot be reached: {why}", _REMEDY)
    return Finding("channels", "ok", f"{name}: {shown} accepts connections; to try it: retuned channels test {name}")


def _why_unreachable(place: str, vetting: Vetting) -> str:
    """Why no connection to an allowed address can be made; empty if one can."""
    parts = urlsplit(place)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        failure = "it has no address"
        for family, kind, protocol, _, address in vetting.places(str(parts.hostname), port):
            with socket.socket(family, kind, protocol) as probe:
                probe.settimeout(CONNECT_TIMEOUT_S)
                try:
                    probe.connect(address)
                except OSError as error:
                    failure = _said(error)
                else:
                    return ""
    except InputError as error:
        return f"{error.found}; {error.remedy}"
    except (OSError, ValueError) as error:
        return _said(error)
    return failure


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or f"no answer within {CONNECT_TIMEOUT_S:g} s"
