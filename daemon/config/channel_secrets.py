"""What a channel's references stand for; no error repeats it."""

from collections.abc import Mapping

from pydantic_core import PydanticCustomError

from ...strategies.errors import InputError, RetunedError
from .channel_tables import AnyChannel, WebhookChannel
from .config import resolve_secret, signing_key
from .toml_input import is_reference, webhook_address

_KEYS = ("url", "secrets", "password", "routing_key", "token")


def references_of(channel: AnyChannel) -> tuple[str, ...]:
    """The references to secrets that a channel has."""
    written = [getattr(channel, key, None) for key in _KEYS]
    flat = [part for value in written for part in (value if isinstance(value, tuple) else (value,))]
    return tuple(str(part) for part in flat if is_reference(part))


def why_unreadable(channel: AnyChannel, environ: Mapping[str, str]) -> RetunedError | None:
    """Why a secret of the channel cannot be used; None: all can."""
    try:
        for reference in references_of(channel):
            secret = resolve_secret(reference, environ)
            if isinstance(channel, WebhookChannel) and reference in channel.secrets:
                signing_key(secret)
        address = getattr(channel, "url", None)
        if address is not None and channel.kind != "apprise":
            address_of(address, environ, channel.insecure)
    except RetunedError as error:
        return error
    return None


def address_of(written: str, environ: Mapping[str, str], insecure: bool) -> str:
    """The address that a channel's url is or refers to, byte for byte; raises InputError, without it in the error."""
    if not is_reference(written):
        return written
    url = resolve_secret(written, environ)
    try:
        webhook_address(url)
    except PydanticCustomError:
        raise InputError(
            f"what {written} holds is not the address of a webhook", "an https:// address on one line",
            "copy it again from the service",
        ) from None  # fmt: skip
    if url.startswith("http://") and not insecure:
        raise InputError(
            f"what {written} holds is an http:// address, over which messages are sent unencrypted", "https://",
            "use https, or set insecure = true next to url",
        )  # fmt: skip
    return url
