"""The table of models: which versions are current, and when each model is due. Files and settings: registry.py."""

import difflib
from dataclasses import dataclass
from datetime import datetime

from ....strategies.errors import UnknownName
from ..database_errors import of_row
from ..numbers import next_number
from ..store import Row, Store, from_text, to_text

NAMED_BESIDE = 10  # models in an error message, on each side of the name that is not there


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model's row. `interval_days` None: no verdict has set one; `next_due_at` None: never due."""

    id: int
    name: str
    state: str
    version: int
    settings_version: int
    anchor_at: datetime
    next_due_at: datetime | None
    registered_at: datetime
    interval_days: int | None = None
    interval_reason: str | None = None


def find_entry(store: Store, model_id: int) -> ModelEntry | None:
    """The row of that number; None if there is none."""
    row = store.row("SELECT * FROM models WHERE id = ?", (model_id,))
    return None if row is None else _entry(row)


def entry_named(store: Store, name: str) -> ModelEntry | None:
    """The row of that name; None if there is none."""
    row = store.row("SELECT * FROM models WHERE name = ?", (name,))
    return None if row is None else _entry(row)


def known_entry(store: Store, name: str) -> ModelEntry:
    """The row of that name; raises UnknownName with the names there are, of many those next in the alphabet, and the
    one that may be meant."""
    entry = entry_named(store, name)
    if entry is not None:
        return entry
    names, count = _names_beside(store, name)
    more = f" and {count - len(names)} more" if count > len(names) else ""
    near = difflib.get_close_matches(name, _names(store), n=1, cutoff=0.6)
    raise UnknownName(
        f"no model is registered as '{name}'{_removed_before(store, name)}",
        f"registered: {', '.join(names) or 'none yet'}{more}",
        f"did you mean '{near[0]}'?" if near else "see: retuned models",
    )


def _names(store: Store) -> list[str]:
    return [row["name"] for row in store.rows("SELECT name FROM models")]


def _removed_before(store: Store, name: str) -> str:
    """What is added where a model of that name was removed; empty where none was."""
    row = store.row("SELECT max(removed_at) AS at FROM removed_models WHERE name = ?", (name,))
    return f"; one was removed on {from_text(row['at']):%Y-%m-%d}" if row is not None and row["at"] else ""


def _names_beside(store: Store, name: str) -> tuple[list[str], int]:
    """The names next in the alphabet, before and after, and how many there are in all."""
    above = store.rows("SELECT name FROM models WHERE name < ? ORDER BY name DESC LIMIT ?", (name, NAMED_BESIDE))
    below = store.rows("SELECT name FROM models WHERE name > ? ORDER BY name LIMIT ?", (name, NAMED_BESIDE))
    count = store.rows("SELECT count(*) AS n FROM models")[0]["n"]
    return [row["name"] for row in (*reversed(above), *below)], count


def all_entries(store: Store) -> tuple[ModelEntry, ...]:
    """Every row, in order of name."""
    return tuple(_entry(row) for row in store.rows("SELECT * FROM models ORDER BY name"))


def names_in_use(store: Store) -> tuple[str, ...]:
    """The names of the models that are not retired, in the order of their registration."""
    rows = store.rows("SELECT name FROM models WHERE state <> 'retired' ORDER BY id")
    return tuple(row["name"] for row in rows)


def insert_entry(store: Store, name: str, next_due_at: datetime | None, now: datetime) -> ModelEntry:
    """A new active model inside the open transaction, without a version or settings yet."""
    row = {
        "id": next_number(store, "models"), "name": name,
        "state": "active", "version": 0, "settings_version": 0, "anchor_at": to_text(now),
        "next_due_at": None if next_due_at is None else to_text(next_due_at), "registered_at": to_text(now),
    }  # fmt: skip
    return ModelEntry(store.insert("models", row), name, "active", 0, 0, now, next_due_at, now)


def set_state_of(store: Store, model_id: int, state: str) -> None:
    """Change a model's state inside the open transaction."""
    store.change("UPDATE models SET state = ? WHERE id = ?", (state, model_id))


def set_version(store: Store, model_id: int, version: int) -> None:
    """Make a version of the model's file the newest, inside the open transaction."""
    store.change("UPDATE models SET version = ? WHERE id = ?", (version, model_id))


def set_settings_version(store: Store, model_id: int, version: int) -> None:
    """Make a settings version the current one, inside the open transaction."""
    store.change("UPDATE models SET settings_version = ? WHERE id = ?", (version, model_id))


def set_interval(store: Store, model_id: int, days: int, reason: str, anchor: datetime) -> None:
    """Set the days between due dates, the reason, and their anchor, inside the open transaction."""
    store.change(
        "UPDATE models SET interval_days = ?, interval_reason = ?, anchor_at = ? WHERE id = ?",
        (days, reason, to_text(anchor), model_id),
    )


@of_row("a model")
def _entry(row: Row) -> ModelEntry:
    return ModelEntry(
        id=row["id"],
        name=row["name"],
        state=row["state"],
        version=row["version"],
        settings_version=row["settings_version"],
        anchor_at=from_text(row["anchor_at"]),
        next_due_at=None if row["next_due_at"] is None else from_text(row["next_due_at"]),
        registered_at=from_text(row["registered_at"]),
        interval_days=row["interval_days"],
        interval_reason=row["interval_reason"],
    )
