"""The records of a service's health."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ..state.faults import Fault
from ..state.models.cool_down import CoolDown

Overall = Literal["ok", "degraded", "failing"]


@dataclass(frozen=True, slots=True)
class Tick:
    """The last round of the service: when it ended, how long it took, and the parts of it that failed."""

    number: int
    at: datetime
    seconds: float
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """The model that is due next, and when."""

    model: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class NextLook:
    """When a service looks at a model for changes next, and the cool-down that the model is in; None: in none."""

    model: str
    at: datetime
    cool_down: CoolDown | None


@dataclass(frozen=True, slots=True)
class AtWork:
    """A campaign that a process works on; `expected_end` None: unknown yet."""

    campaign: int
    model: str
    kind: str
    phase: str
    since: datetime | None
    runs_done: int
    runs_planned: int
    expected_end: datetime | None


@dataclass(frozen=True, slots=True)
class WaitingCampaign:
    """A waiting campaign and the reason; empty: it was only just queued."""

    campaign: int
    model: str
    kind: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """How many alerts are not over, and how many of them are listed and told nobody by themselves."""

    count: int
    silent: int

    @property
    def sentence(self) -> str:
        """The same in words."""
        silent = f", {self.silent} of them told nobody (DEGRADED, INCONCLUSIVE)" if self.silent else ""
        return f"{self.count} open{silent}" + (": retuned alerts" if self.count else "")


@dataclass(frozen=True, slots=True)
class Channel:
    """A receiver of messages, without secret parts of its address, and its pending messages."""

    place: str
    pending: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages that wait to be delivered, and those given up (`dead`); `dead_error`: why the newest of these was."""

    pending: int
    dead: int
    dead_error: str | None
    oldest_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class DiskUse:
    """The disk of the state folder; `models`: those that use most, and `models_bytes`: all; None: not measured yet."""

    mode: str
    why: str
    free_bytes: int
    total_bytes: int
    models_bytes: int | None
    models: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Backup:
    """The last good copy of the database."""

    at: datetime
    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Health:
    """The health of the service: in one word, in sentences about what is wrong, and in numbers."""

    overall: Overall
    sentences: tuple[str, ...]
    version: str
    state: str
    is_serving: bool
    pid: int | None
    up_since: datetime | None
    last_tick: Tick | None
    models: tuple[tuple[str, int], ...]
    next_due: Due | None
    running: tuple[AtWork, ...]
    queue_length: int
    queue: tuple[WaitingCampaign, ...]
    messages: Messages
    channels: tuple[Channel, ...]
    faults: tuple[Fault, ...]
    disk: DiskUse
    last_backup: Backup | None
    next_looks: tuple[NextLook, ...] = ()
    alerts: OpenAlerts = OpenAlerts(0, 0)
