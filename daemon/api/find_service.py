"""Which service runs a command: the one that owns the state folder, one named by $RETUNED_URL, or none."""

from collections.abc import Mapping
from pathlib import Path

from ...strategies.errors import InputError, StateError
from ..config.config import Config
from ..state.running_service import UNIX, Place, is_serving, read_place, url_of


def find_service(config: Config, environ: Mapping[str, str]) -> Place | None:
    """The service's address; None: no service owns the state folder, or its API is off, so the caller runs the command.

    $RETUNED_URL overrides it. Another user's state folder is only reached through its service, on [api] listen.
    """
    if environ.get("RETUNED_URL"):
        return Place(_checked(environ["RETUNED_URL"]), _token(environ))
    lock = config.state / "service.lock"
    try:
        return read_place(config.state) if lock.exists() and is_serving(config.state) else None
    except PermissionError:
        return _place_of_another_user(config, environ)


def _place_of_another_user(config: Config, environ: Mapping[str, str]) -> Place:
    listen = config.api.listen
    if listen == "off" or listen.endswith(":0"):
        raise StateError(
            f"the state folder {config.state} belongs to another user, and [api] listen = '{listen}' names no address",
            "allowed: a fixed port or a unix socket, and a token",
            "set RETUNED_URL and RETUNED_TOKEN, or choose another folder with --state DIR",
        )
    return Place(url_of(listen, is_encrypted=config.api.tls_cert is not None), _token(environ))


def _token(environ: Mapping[str, str]) -> str:
    if environ.get("RETUNED_TOKEN"):
        return environ["RETUNED_TOKEN"].strip()
    folder = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME") or Path.home()) / ".config")
    path = Path(folder) / "retuned" / "token"
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        raise InputError(
            "the service requires a token, and there is none",
            f"$RETUNED_TOKEN, or the file {path}",
            "an admin creates one: retuned token create NAME --role operator",
        ) from None


def _checked(url: str) -> str:
    if url.startswith(("http://", "https://", UNIX + "/")):
        return url
    raise InputError(f"RETUNED_URL is '{url[:100]}'", "allowed: http://HOST:PORT or unix:/PATH", "see STATE/api.json")
