"""How soon after a model's last campaign a change in its data, code or environment makes it due again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ...config.schedule_tables import TriggersTable
from ..store import Store
from .change_checks import last_seen_at


@dataclass(frozen=True, slots=True)
class CoolDown:
    """The time after a campaign in which no change makes the model due; `until`: its end."""

    campaign: int
    length: str
    until: datetime

    @property
    def sentence(self) -> str:
        """When it ends, and why then."""
        return f"{self.until:%Y-%m-%d %H:%M} UTC ({self.length} after campaign {self.campaign})"


def cool_down_of(store: Store, model_id: int, now: datetime) -> CoolDown | None:
    """The cool-down that the model is in by its newest file; None for none.

    It counts from the end of the last campaign that saw data, code and environment. One that ended in the future, by a
    clock that was set back since, starts none.
    """
    last = last_seen_at(store, model_id)
    if last is None:
        return None
    campaign, ended_at = last
    table = TriggersTable(cool_down=_length_of(store, model_id))
    until = ended_at + timedelta(seconds=table.cool_down_s)
    return CoolDown(campaign, table.cool_down, until) if ended_at <= now < until else None


def _length_of(store: Store, model_id: int) -> str:
    row = store.row(
        """SELECT body ->> '$.triggers.cool_down' AS cool_down FROM model_versions
        WHERE model_id = ? ORDER BY version DESC LIMIT 1""",
        (model_id,),
    )
    return TriggersTable().cool_down if row is None or row["cool_down"] is None else row["cool_down"]
