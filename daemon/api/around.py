"""What every verb works on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ..clock import Clock
from ..config.config import Config
from ..state.acting_user import login_user
from ..state.paging import MOST
from ..state.store import Store

Limit = Annotated[int, Field(json_schema_extra={"minimum": 1, "maximum": MOST})]
"""How many rows a page has at most."""


def unredacted(record: Any) -> Any:  # noqa: ANN401 - any record
    """The record as it is."""
    return record


@dataclass(frozen=True, slots=True)
class Around:
    """The state, the configuration and the clock.

    `user`: that of the service where this is its process; None: the caller's. `redact`: what is done to a record before
    a page is made of it. `caller`: the name of the token that asks; None: the command line itself. `person`: who uses
    the service's own command line; `request_id`: of the request to the API.
    """

    store: Store
    config: Config
    clock: Clock
    user: str | None = None
    redact: Callable[[Any], Any] = unredacted
    caller: str | None = None
    person: str | None = None
    request_id: str | None = None

    @property
    def by(self) -> str:
        """Who acts, for the audit."""
        return self.person or self.caller or login_user()
