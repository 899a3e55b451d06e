"""The service's own configuration: where its state lives, how it ticks, how many workers it may run.

A key exists here only when something reads it; `config.example.toml` explains each.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..strategies.errors import InputError
from .toml_input import Integer, Number, OwnersPath, SecretReference, Table, Webhook, read_table


def _usable_cores() -> int:
    return os.cpu_count() or 1


class ServiceTable(Table):
    """How `retuned serve` runs."""

    tick_s: Annotated[Number, Field(gt=0, le=3600)] = 30.0
    log: Literal["console", "json"] = "console"
    max_campaigns: Annotated[Integer, Field(ge=1, le=64)] = 1


class WorkersTable(Table):
    """What all campaigns together may run at a time, in trials."""

    slots: Annotated[Integer, Field(ge=1, le=4096)] = Field(default_factory=_usable_cores)


class AlertsTable(Table):
    """Where alerts go that a model's own file sends nowhere else; None: they wait in `retuned alerts`."""

    webhook: Webhook | None = None
    webhook_secret: SecretReference | None = None


class _Tables(Table):
    service: ServiceTable = ServiceTable()
    workers: WorkersTable = Field(default_factory=WorkersTable)
    alerts: AlertsTable = AlertsTable()


class _File(_Tables):
    state: OwnersPath | None = None


class Config(_Tables):
    """The whole configuration; `state` is the folder of the database, campaigns and snapshots."""

    state: OwnersPath


def load_config(path: Path | None, environ: Mapping[str, str], system_folder: Path = Path("/etc/retuned")) -> Config:
    """The configuration in force: the file at `path` (--config), else the first that is there of $RETUNED_CONFIG,
    `system_folder`/config.toml and ~/.config/retuned/config.toml, else the defaults.

    A file that was named must exist. Raises InputError.
    """
    named = path or (Path(environ["RETUNED_CONFIG"]) if environ.get("RETUNED_CONFIG") else None)
    places = [system_folder / "config.toml", _home(environ, "XDG_CONFIG_HOME", ".config") / "retuned" / "config.toml"]
    found = named or next((place for place in places if place.is_file()), None)
    content = _File() if found is None else read_table(_File, found, "config.example.toml")
    state = content.state if content.state is not None else _default_state(environ)
    return Config(state=state, service=content.service, workers=content.workers, alerts=content.alerts)


def resolve_secret(reference: str, environ: Mapping[str, str]) -> str:
    """The secret that `env:NAME`, `file:/path` or `credential:NAME` (a file in $CREDENTIALS_DIRECTORY) stands for.

    Raises InputError, whose text never holds the secret, not even one that was written in place of a reference.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        secret = environ.get(name, "")
        if not secret:
            raise InputError(f"the environment variable {name} is not set", remedy="set it where retuned is started")
        return secret
    if kind == "file":
        return _secret_in(Path(name))
    if kind == "credential" and name and "/" not in name and name not in (".", ".."):
        folder = environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise InputError(
                f"credential:{name} needs $CREDENTIALS_DIRECTORY, which is not set",
                remedy="start retuned from a systemd unit with LoadCredential=, or use file:/path",
            )
        return _secret_in(Path(folder) / name)
    raise InputError(
        "a secret is given that is not a reference",
        "allowed: 'env:NAME', 'file:/path' or 'credential:NAME'",
        "put the secret in a file that only retuned can read and write its path as 'file:/path'",
    )


def _secret_in(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise InputError(
            f"the secret file {path} cannot be read: {reason}", remedy="check its path and owner"
        ) from None
    if not secret:
        raise InputError(f"the secret file {path} is empty", "allowed: one line with the secret")
    return secret


def _default_state(environ: Mapping[str, str]) -> Path:
    if environ.get("RETUNED_STATE"):
        return Path(os.path.abspath(environ["RETUNED_STATE"]))
    return _home(environ, "XDG_STATE_HOME", ".local/state") / "retuned"


def _home(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    folder = environ.get(variable, "")
    # The XDG rules tell to ignore a relative path here.
    if folder.startswith("/"):
        return Path(folder)
    return Path(environ.get("HOME") or Path.home()) / below_home
