"""The last state of each model's data, code and environment (the table `looks`), and when it is checked again."""

from dataclasses import dataclass
from datetime import datetime

from ..store import Store, from_text, to_text


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A model to be checked for changes; `is_first`: it was never checked."""

    model_id: int
    model: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class LastCheck:
    """The result of a check of one part; `error`: why the last check failed, None if it did not."""

    signature: str | None
    fingerprint: str | None
    error: str | None


def checks_due(store: Store, now: datetime, limit: int) -> tuple[DueCheck, ...]:
    """Active models due for a check: first those never checked, then the longest due."""
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
    """The last check of 'data', 'code' or 'environment'; None: it was never checked."""
    row = store.row("SELECT signature, fingerprint, error FROM looks WHERE model_id = ? AND part = ?", (model_id, part))
    return None if row is None else LastCheck(row["signature"], row["fingerprint"], row["error"])


def last_seen_at(store: Store, model_id: int) -> tuple[int, datetime] | None:
    """The number and end of the last ended campaign that recorded data, code and environment; None without one."""
    row = store.row(
        """SELECT id, coalesce(ended_at, created_at) AS ended_at FROM campaigns WHERE model_id = ?
        AND ended_at IS NOT NULL AND facts ->> '$.environment' IS NOT NULL ORDER BY id DESC LIMIT 1""",
        (model_id,),
    )
    return None if row is None else (row["id"], from_text(row["ended_at"]))


def next_check_at(store: Store, model_id: int) -> datetime | None:
    """When the model is checked next by a service; None: at once, it was never checked."""
    row = store.row("SELECT next_look_at FROM models WHERE id = ?", (model_id,))
    return None if row is None or row["next_look_at"] is None else from_text(row["next_look_at"])


def next_checks(store: Store, limit: int) -> tuple[tuple[int, str, datetime], ...]:
    """(number, name, moment) of the active models that are checked next, soonest first."""
    rows = store.rows(
        "SELECT id, name, next_look_at FROM models WHERE state = 'active' AND next_look_at > '' ORDER BY next_look_at"
        " LIMIT ?",
        (limit,),
    )
    return tuple((row["id"], row["name"], from_text(row["next_look_at"])) for row in rows)


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
    """Record a check; None keeps the earlier signature and fingerprint."""
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
    """Let models whose next check is after a moment be checked now. For a clock that was set back."""
    with store.transaction():
        store.change("UPDATE models SET next_look_at = NULL WHERE next_look_at > ?", (to_text(moment),))
