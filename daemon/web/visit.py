"""A request of somebody who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ..api.redaction import redacted
from ..api.verbs import Verbs
from ..state.store import Store
from ..state.tokens import Caller, Role
from .kept import Kept
from .languages import Say
from .sessions import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is signed in, with what is needed to answer it."""

    session: Session
    store: Store
    verbs: Verbs
    now: datetime
    query: Mapping[str, str]
    path: Mapping[str, str]
    kept: Kept

    @property
    def caller(self) -> Caller:
        """Who it is."""
        return self.session.caller

    def shown(self, value: T) -> T:
        """The record as this caller may see it."""
        seen: T = redacted(value, self.store) if self.is_viewer else value
        return seen

    @property
    def say(self) -> Say:
        """What gives sentences in the language of this caller."""
        return self.session.say

    @property
    def is_viewer(self) -> bool:
        """Whether the caller sees neither commands nor what trainings wrote."""
        return self.caller.role is Role.VIEWER
