"""What `retuned doctor` finds: one record per finding, with what to do about it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from ..config.config import Config

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The finding of a check, in a sentence; `remedy`: what to do, empty if nothing is needed."""

    part: str
    level: Level
    sentence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What is examined. `file`: the configuration file given by option; the folders are those of this machine."""

    config: Config
    environ: Mapping[str, str]
    now: datetime
    file: Path | None = None
    system_folder: Path = Path("/etc/retuned")
    units: Path = Path("/etc/systemd/system")
    mounts: Path = Path("/proc/self/mounts")
    user: int = field(default_factory=os.geteuid)

    @property
    def database(self) -> Path:
        """The path of the state database."""
        return self.config.state / "retuned.sqlite3"
