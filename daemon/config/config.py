"""The service's own configuration: where its state is kept, how often it ticks, how many workers it may run.

A key exists here only when something reads it; `config.example.toml` explains each.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ...strategies.alerting.routing import Routes
from ...strategies.errors import InputError
from .alert_tables import AlertsTable
from .api_table import ApiTable
from .channel_tables import Channels
from .schedule_tables import HouseScheduleTable, LimitsTable, LookEveryS, OnStop
from .toml_input import (
    DurationS,
    Integer,
    MemoryBytes,
    Number,
    OwnersPath,
    Table,
    Webhook,
    optional_table,
    read_table,
    refusal,
    shown,
)
from .workers_table import WorkersTable


class ServiceTable(Table):
    """How `retuned serve` runs."""

    tick_s: Annotated[Number, Field(gt=0, le=3600)] = 30.0
    log: Literal["console", "json"] = "console"
    max_campaigns: Annotated[Integer, Field(ge=1, le=64)] = 1
    on_stop: OnStop = "detach"
    longest_step_s: Annotated[DurationS, Field(ge=1.0)] = Field(default=600.0, alias="longest_step")
    heartbeat_url: Webhook | None = None
    look_pause_s: LookEveryS = Field(default=600.0, alias="look_pause")


class DiskTable(Table):
    """Disk space reserved for the service itself."""

    ballast_bytes: MemoryBytes = Field(default=64 << 20, alias="ballast")


class BackupTable(Table):
    """Copies of the database; folder None: STATE/backups."""

    every_s: DurationS = Field(default=86400.0, alias="every")
    keep: Annotated[Integer, Field(ge=1, le=1000)] = 7
    folder: OwnersPath | None = None


class RetentionTable(Table):
    """How long the files of a campaign are kept; settings and verdicts are kept forever."""

    legs_s: DurationS = Field(default=90 * 86400.0, alias="legs")
    snapshots_s: DurationS = Field(default=365 * 86400.0, alias="snapshots")
    curves_s: DurationS = Field(default=2 * 365 * 86400.0, alias="curves")


class Config(Table):
    """The whole configuration; `state` is the folder of the database, campaigns and snapshots."""

    state: OwnersPath
    service: ServiceTable = optional_table()
    workers: WorkersTable = optional_table()
    schedule: HouseScheduleTable = optional_table()
    limits: LimitsTable = optional_table()
    api: ApiTable = optional_table()
    disk: DiskTable = optional_table()
    backup: BackupTable = optional_table()
    retention: RetentionTable = optional_table()
    alerts: AlertsTable = optional_table()
    channels: Channels = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_channels_that_exist(self) -> Self:
        unknown = [name for name in self.alerts.channels or () if name not in self.channels]
        if unknown:
            known = ", ".join(self.channels) or "none is configured"
            remedy = f"add [channels.{unknown[0]}], or remove the name"
            raise refusal(f"names {shown(unknown[0])}", f"its channels: {known}", remedy, key="alerts.channels")
        return self

    @property
    def routes(self) -> Routes:
        """The channels and the default list, as the routing of messages takes them."""
        return Routes(tuple(channel.rule(name) for name, channel in self.channels.items()), self.alerts.channels)


def load_config(path: Path | None, environ: Mapping[str, str], system_folder: Path = Path("/etc/retuned")) -> Config:
    """The current configuration: the file at `path` (--config), else the first that exists of $RETUNED_CONFIG,
    `system_folder`/config.toml and ~/.config/retuned/config.toml, else the defaults.

    A file that is named must exist. Raises InputError.
    """
    named = path or (Path(environ["RETUNED_CONFIG"]) if environ.get("RETUNED_CONFIG") else None)
    places = [system_folder / "config.toml", _home(environ, "XDG_CONFIG_HOME", ".config") / "retuned" / "config.toml"]
    chosen = named or next((place for place in places if _is_for(place, environ)), None)
    state = _default_state(environ)
    if chosen is None:
        return Config(state=state)
    return read_table(Config, chosen, "config.example.toml, which `retuned example config` writes", state=state)


def _is_for(place: Path, environ: Mapping[str, str]) -> bool:
    """Whether a configuration exists that this user may read; a user who names a service needs none.

    Raises InputError for another user's, so that no one works on a state folder of their own by mistake.
    """
    try:
        if not place.is_file():
            return False
        if os.access(place, os.R_OK):
            return True
    except PermissionError:
        pass
    if environ.get("RETUNED_URL"):
        return False
    raise InputError(
        f"{place}: this user may not read it",
        "allowed: the service's user, root, and anyone with a token",
        "set RETUNED_URL and RETUNED_TOKEN to reach the service, or name your own configuration: --config FILE",
    )


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
        "the secret given is not a reference",
        "allowed: 'env:NAME', 'file:/path' or 'credential:NAME'",
        "put the secret in a file that only retuned can read and write its path as 'file:/path'",
    )


def signing_key(secret: str) -> bytes:
    """The key that a webhook secret stands for: what is base64 behind 'whsec_', or any other text as it is.

    Raises InputError, without the secret in it, for one that is not.
    """
    if not secret.startswith("whsec_"):
        return secret.encode(errors="surrogateescape")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise InputError(
            "the webhook secret starts with whsec_, but what follows is not base64",
            "whsec_ and base64, or any other text",
            "copy it again from the receiver",
        )
    return key


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
    # The XDG specification says to ignore a relative path here.
    if folder.startswith("/"):
        return Path(folder)
    return Path(environ.get("HOME") or Path.home()) / below_home
