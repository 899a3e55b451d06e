"""What the verbs about channels return."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ChannelView:
    """A configured channel, without a secret. `takes`: its conditions, in words; empty: everything.

    `is_default`: it gets the alerts of models that name no channel. `delivered_at` None: nothing was delivered yet.
    `last_error`: why the last attempt failed; None: it did not. `problem`: what is wrong with its secrets, or None.
    """

    name: str
    kind: str
    takes: tuple[str, ...]
    is_default: bool
    pending: int
    dead: int
    delivered_at: datetime | None
    last_error: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class ChannelTested:
    """How a test message fared: what the other side answered, or why it could not be asked; and where to look."""

    name: str
    kind: str
    is_accepted: bool
    said: str
    look: str
