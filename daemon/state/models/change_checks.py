"""What was last seen of each model's data, code and environment (the table `looks`), and when it is checked again."""

from dataclasses import dataclass
from datetime import datetime

from ..store import Store, to_text


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A model to be checked for changes; `is_first`: it never was."""

    model_id: int
    model: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class LastCheck:
    """What a check of one part saw; `error`: why the last one could not be made, None where it could."""

    signature: str | None
    fingerprint: str | None
    error: str | None


def checks_due(store: Store, now: datetime, limit: int) -> tuple[DueCheck, ...]:
    """Active models that are to be checked, those first that never were, then the longest due."""
    # two questions, so that each is answered by the index
    new = store.rows(
        "SELECT id, name, next_look_at FROM models WHERE state = 'active' AND next_look_at IS NULL LIMIT ?", (limit,)
    )
    due = store.rows(
        "SELECT id, name, next_look_at FROM models WHERE state = 'active' AND next_look_at <= ?"
        " ORDER BY next_look_at LIMIT ?",
        (to_text(now), limit - len(new)),
    )
    return tuple(DueCheck(row["id"], row["name"], row["next_look_at"] is None) for row in (*new, *due))


def last_check(store: Store, model_id: int, part: str) -> LastCheck | None:
    """What was last seen of 'data', 'code' or 'environment'; None: it was never checked."""
    row = store.row("SELECT signature, fingerprint, error FROM looks WHERE model_id = ? AND part = ?", (model_id, part))
    return None if row is None else LastCheck(row["signature"], row["fingerprint"], row["error"])


def record_check(
    store: Store,
    model_id: int,
    part: str,
    now: datetime,
    *,
    signature: str | None = None,
    fingerprint: str | None = None,
    error: str | None = None,
) -> None:
    """Record what was seen; None keeps the signature and the fingerprint that were seen before."""
    with store.transaction():
        store.change(
            """INSERT INTO looks (model_id, part, signature, fingerprint, looked_at, error) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (model_id, part) DO UPDATE SET signature = coalesce(excluded.signature, signature),
            fingerprint = coalesce(excluded.fingerprint, fingerprint), looked_at = excluded.looked_at,
            error = excluded.error""",
            (model_id, part, signature, fingerprint, to_text(now), error),
        )


def check_again(store: Store, model_id: int, at: datetime) -> None:
    """Set when the model is checked next."""
    with store.transaction():
        store.change("UPDATE models SET next_look_at = ? WHERE id = ?", (to_text(at), model_id))


def forget_checks_after(store: Store, moment: datetime) -> None:
    """Give the models whose next check lies after a moment a new one. For a clock that was set back."""
    with store.transaction():
        store.change("UPDATE models SET next_look_at = NULL WHERE next_look_at > ?", (to_text(moment),))
