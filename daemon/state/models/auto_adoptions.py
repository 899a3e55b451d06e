"""What became of adopting a campaign's values without a person: waiting for its time, refused, or done."""

from dataclasses import dataclass
from datetime import datetime

from ..database_errors import of_row
from ..store import Row, Store, from_text, to_text


@dataclass(frozen=True, slots=True)
class AutoAdoption:
    """The decision about one campaign. `state`: waiting, refused or adopted; `reason` says why, as a clause."""

    campaign_id: int
    model_id: int
    state: str
    reason: str
    decided_at: datetime

    @property
    def sentence(self) -> str:
        """The decision as a clause."""
        words = {
            "waiting": "its values are adopted without a person at the next time that the schedule's windows allow",
            "refused": "its values were not adopted without a person",
            "adopted": "its values were adopted without a person",
        }
        return f"{words[self.state]}, because {self.reason}"


def insert_auto_adoption(store: Store, decision: AutoAdoption) -> None:
    """Record a decision inside the open transaction; a campaign that is judged again replaces its own."""
    store.change("DELETE FROM auto_adoptions WHERE campaign_id = ?", (decision.campaign_id,))
    store.insert(
        "auto_adoptions",
        {
            "campaign_id": decision.campaign_id, "model_id": decision.model_id, "state": decision.state,
            "reason": decision.reason, "decided_at": to_text(decision.decided_at),
        },
    )  # fmt: skip


def waiting_auto_adoptions(store: Store) -> tuple[AutoAdoption, ...]:
    """Those that are still to be made, oldest campaign first."""
    rows = store.rows("SELECT * FROM auto_adoptions WHERE state = 'waiting' ORDER BY campaign_id")
    return tuple(map(_decision, rows))


def auto_adoptions_of(store: Store, model_id: int) -> tuple[AutoAdoption, ...]:
    """Every decision about a model's campaigns, oldest first."""
    rows = store.rows("SELECT * FROM auto_adoptions WHERE model_id = ? ORDER BY campaign_id", (model_id,))
    return tuple(map(_decision, rows))


def end_auto_adoption(store: Store, campaign_id: int, state: str, reason: str, now: datetime) -> bool:
    """Decide one that waits, inside the open transaction; False where it no longer does."""
    changed = store.change(
        "UPDATE auto_adoptions SET state = ?, reason = ?, decided_at = ? WHERE campaign_id = ? AND state = 'waiting'",
        (state, reason, to_text(now), campaign_id),
    )
    return changed == 1


@of_row("an automatic adoption")
def _decision(row: Row) -> AutoAdoption:
    return AutoAdoption(row["campaign_id"], row["model_id"], row["state"], row["reason"], from_text(row["decided_at"]))
