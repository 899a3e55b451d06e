"""The rows of alerts: what each is about and its life; every statement on the table but the listing's is here."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ...strategies.alerting.life_cycle import Life, State, resolved
from ...strategies.alerting.message import AlertMessage, Kind, Severity
from .database_errors import of_row
from .numbers import next_number
from .outbox import WITHDRAWN
from .store import Row, Store, from_text, moment_or_none, to_json, to_text

SERVICE = "service"
"""The owner of alerts about the service itself, and about all models."""
_COLUMNS = """id, campaign_id, model_id, owner, kind, cause, change, group_id, severity, state, opened_at, is_silent,
    told_at, is_told, asked_at, snoozed_until, escalated_at, resolved_at, owes_end, raised, reopened, tellings, by,
    note, resolution"""
_LIVING = "(state <> 'resolved' OR owes_end = 1)"


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert without its message; `model_id` None: of the service. `by`, `note`: the last answer and its reason."""

    id: int
    campaign_id: int | None
    model_id: int | None
    owner: str
    kind: Kind
    cause: str
    change: str
    group_id: int
    severity: Severity
    life: Life
    tellings: int
    by: str
    note: str
    resolution: str


def newest_alert(store: Store, model_id: int | None, kind: Kind, cause: str) -> AlertRow | None:
    """The newest alert of a model, kind and cause, over or not; None: there was none."""
    row = store.row(
        f"SELECT {_COLUMNS} FROM alerts WHERE model_id IS ? AND kind = ? AND cause = ? ORDER BY id DESC LIMIT 1",  # noqa: S608
        (model_id, kind.value, cause),
    )
    return None if row is None else _row(row)


def alert_numbered(store: Store, number: int) -> AlertRow | None:
    """The alert of that number; None if there is none."""
    row = store.row(f"SELECT {_COLUMNS} FROM alerts WHERE id = ?", (number,))  # noqa: S608 - our own words
    return None if row is None else _row(row)


def living_alerts(store: Store) -> tuple[AlertRow, ...]:
    """Those that are not over, and those whose end is not told yet, in order."""
    rows = store.rows(
        f"""SELECT {_COLUMNS} FROM alerts WHERE state <> 'resolved'
        UNION SELECT {_COLUMNS} FROM alerts WHERE owes_end = 1 ORDER BY id"""  # noqa: S608 - our own words
    )
    return tuple(map(_row, rows))


def living_members(store: Store, group_id: int) -> tuple[AlertRow, ...]:
    """The same of one group."""
    rows = store.rows(f"SELECT {_COLUMNS} FROM alerts WHERE group_id = ? AND {_LIVING} ORDER BY id", (group_id,))  # noqa: S608
    return tuple(map(_row, rows))


def unresolved_alerts(store: Store, model_id: int | None = None) -> tuple[AlertRow, ...]:
    """Those that are not over; of one model where it is given."""
    # few are: their index is the better one
    rows = store.rows(
        f"""SELECT {_COLUMNS} FROM alerts WHERE state <> 'resolved' AND (:model IS NULL OR +model_id = :model)
        ORDER BY id""",  # noqa: S608 - our own words
        {"model": model_id},
    )
    return tuple(map(_row, rows))


def unheard_alerts(store: Store) -> Mapping[int, int | None]:
    """Open alerts that count as told, or are silent, and of whose group nobody was sent anything: by their numbers, the
    version of the model's file; None: of the service."""
    rows = store.rows(  # `state <> 'resolved'` is what the index of unresolved alerts is found by
        """SELECT id, (SELECT version FROM models WHERE models.id = alerts.model_id) AS version FROM alerts
        WHERE state <> 'resolved' AND state = 'open' AND (is_silent = 1 OR is_told = 1)
        AND NOT EXISTS (SELECT 1 FROM alerts AS others JOIN outbox ON outbox.alert_id = others.id
            WHERE others.group_id = alerts.group_id AND outbox.last_error IS NOT ?) ORDER BY id""",
        (WITHDRAWN,),
    )
    return {row["id"]: row["version"] for row in rows}


def open_and_silent(store: Store) -> tuple[int, int]:
    """How many alerts are not over, and how many of them are told nobody by themselves."""
    row = store.row("SELECT count(*) AS n, coalesce(sum(is_silent), 0) AS silent FROM alerts WHERE state <> 'resolved'")
    assert row is not None
    return row["n"], row["silent"]


def group_to_join(store: Store, owner: str, kind: Kind, change: str) -> int | None:
    """The group that a new alert joins: that of an open one of its owner and kind with the same change."""
    if not change:
        return None
    rows = store.rows(
        """SELECT min(group_id) AS number FROM alerts
        WHERE state <> 'resolved' AND owner = ? AND kind = ? AND change = ?""",
        (owner, kind.value, change),
    )
    return rows[0]["number"]  # type: ignore[no-any-return]


def insert_alert(
    store: Store, message: AlertMessage, *, model_id: int | None, cause: str, change: str, life: Life, now: datetime
) -> AlertRow:
    """A new alert, inside the open transaction."""
    number = next_number(store, "alerts")
    group = group_to_join(store, message.owner, message.kind, change)
    row = AlertRow(
        number, message.campaign_id, model_id, message.owner, message.kind, cause, change,
        number if group is None else group, message.severity, life, 0, "", "", "",
    )  # fmt: skip
    store.insert(
        "alerts",
        {
            "id": number, "model_id": model_id, "owner": row.owner, "kind": row.kind.value, "cause": cause,
            "change": change, "group_id": row.group_id, "created_at": to_text(now), "message": _stored(message),
            **_saved(row), "campaign_id": row.campaign_id, "severity": row.severity.value,
        },
    )  # fmt: skip
    return row


def set_message(store: Store, number: int, message: AlertMessage) -> None:
    """Replace what an alert says, inside the open transaction."""
    store.change(
        "UPDATE alerts SET message = ?, campaign_id = ?, severity = ? WHERE id = ?",
        (_stored(message), message.campaign_id, message.severity.value, number),
    )


def save_alert(store: Store, row: AlertRow) -> None:
    """Write an alert's life, answers and count of messages, inside the open transaction."""
    changes = _saved(row)
    columns = ", ".join(f"{name} = :{name}" for name in changes)
    store.change(f"UPDATE alerts SET {columns} WHERE id = :id", {**changes, "id": row.id})  # noqa: S608 - our own names


def add_event(store: Store, number: int, event: str, now: datetime, by: str = "", detail: str = "") -> None:
    """Add to what happened to an alert, inside the open transaction."""
    store.insert("alert_events", {"alert_id": number, "at": to_text(now), "event": event, "by": by, "detail": detail})


def message_of(store: Store, number: int) -> AlertMessage:
    """What an alert said when it was raised last."""
    row = store.row("SELECT message FROM alerts WHERE id = ?", (number,))
    assert row is not None
    return AlertMessage.from_json(json.loads(row["message"]))


def resolve_alerts(
    store: Store,
    model_id: int | None,
    kinds: Collection[Kind],
    resolution: str,
    now: datetime,
    *,
    but: Sequence[int] = (),
) -> frozenset[int]:
    """End a model's open alerts of these kinds inside the open transaction, for a reason in words; their groups.

    `but`: numbers of those that stay. `model_id` None: those of the service. Their end is told by whoever tells next:
    the service's round at the latest.
    """
    rows = store.rows(
        f"SELECT {_COLUMNS} FROM alerts WHERE state <> 'resolved' AND +model_id IS ?",  # noqa: S608 - our own words
        (model_id,),
    )
    found = [row for row in map(_row, rows) if row.kind in kinds and row.id not in but]
    for row in found:
        end_alert(store, row, resolution, now)
    return frozenset(row.group_id for row in found)


def end_alert(store: Store, row: AlertRow, resolution: str, now: datetime) -> None:
    """End one alert inside the open transaction."""
    save_alert(store, replace(row, life=resolved(row.life, now), resolution=resolution))
    add_event(store, row.id, "resolved", now, detail=resolution)


def _stored(message: AlertMessage) -> str:
    return to_json(message.to_json())


def _saved(row: AlertRow) -> dict[str, object]:
    life = row.life
    moments = {
        name: getattr(life, name) for name in ("told_at", "asked_at", "snoozed_until", "escalated_at", "resolved_at")
    }
    return {
        "state": life.state.value, "opened_at": to_text(life.opened_at), "is_silent": int(life.is_silent),
        "is_told": int(life.is_told), "owes_end": int(life.owes_end), "raised": life.raised, "reopened": life.reopened,
        "tellings": row.tellings, "by": row.by, "note": row.note, "resolution": row.resolution,
        **{name: None if moment is None else to_text(moment) for name, moment in moments.items()},
    }  # fmt: skip


def life_of(row: Row) -> Life:
    """The life in an alert's row."""
    return Life(
        state=State(row["state"]), opened_at=from_text(row["opened_at"]), is_silent=bool(row["is_silent"]),
        told_at=moment_or_none(row["told_at"]), is_told=bool(row["is_told"]),
        asked_at=moment_or_none(row["asked_at"]), snoozed_until=moment_or_none(row["snoozed_until"]),
        escalated_at=moment_or_none(row["escalated_at"]), resolved_at=moment_or_none(row["resolved_at"]),
        owes_end=bool(row["owes_end"]), raised=row["raised"], reopened=row["reopened"],
    )  # fmt: skip


@of_row("an alert")
def _row(row: Row) -> AlertRow:
    return AlertRow(
        id=row["id"], campaign_id=row["campaign_id"], model_id=row["model_id"], owner=row["owner"],
        kind=Kind(row["kind"]), cause=row["cause"], change=row["change"], group_id=row["group_id"],
        severity=Severity(row["severity"]), life=life_of(row), tellings=row["tellings"], by=row["by"], note=row["note"],
        resolution=row["resolution"],
    )  # fmt: skip


OF_CHANGE = "SELECT model_id FROM alerts WHERE state <> 'resolved' AND change = :change"
"""The models with an alert that is not over and comes of that change."""


def shared_changes(store: Store, most: int) -> tuple[tuple[str, int], ...]:
    """What alerts of two or more models that are not over have in common, such as a new driver, and of how many; the
    most common first."""
    rows = store.rows(
        """SELECT change, count(DISTINCT model_id) AS n FROM alerts WHERE state <> 'resolved' AND change <> ''
        GROUP BY change HAVING n > 1 ORDER BY n DESC, change LIMIT ?""",
        (most,),
    )
    return tuple((row["change"], row["n"]) for row in rows)


def answers_of(store: Store, models: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many alerts of each of these models are open, and how many are snoozed."""
    rows = store.rows(
        """SELECT model_id, sum(state = 'open') AS open, sum(state = 'snoozed') AS snoozed FROM alerts
        WHERE state <> 'resolved' AND model_id IN (SELECT value FROM json_each(?)) GROUP BY model_id""",
        (json.dumps(list(models)),),
    )
    return {row["model_id"]: (row["open"], row["snoozed"]) for row in rows}
