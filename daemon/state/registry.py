"""The registry: production models, their versioned files and the settings in force.

Nothing is overwritten: a changed model file is a new version, adopted or rolled-back settings are a new
settings version, and each says where it came from.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...strategies.errors import ConflictError, UnknownName
from ...strategies.records import Configuration, configuration_of
from ...strategies.space import Space, derive_seed
from ..config.model_file import ModelFile
from ..config.schedule_tables import HouseScheduleTable
from ..config.settings_file import plain
from .campaigns import open_campaigns, queue_campaign
from .names import refuse_number
from .store import Row, Store, from_text, to_json, to_text

STATES = ("active", "paused", "retired")


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model: its row, its newest file and the settings in force."""

    id: int
    name: str
    state: str
    version: int
    file: ModelFile
    source: Path
    settings_version: int
    configuration: Configuration
    anchor_at: datetime
    next_due_at: datetime | None
    registered_at: datetime

    @property
    def space(self) -> Space:
        """The search space of the newest file."""
        return self.file.space()


@dataclass(frozen=True, slots=True)
class Settings:
    """One version of a model's hyperparameters and where it came from."""

    version: int
    configuration: Configuration
    origin: str
    campaign_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Registration:
    """What `register` did: a new model, a new version, or nothing."""

    model: Model
    is_new: bool
    is_changed: bool
    sentence: str


def find_model(store: Store, name: str) -> Model:
    """The model of that name; raises UnknownName with the names there are."""
    row = store.row("SELECT * FROM models WHERE name = ?", (name,))
    if row is None:
        names = ", ".join(r["name"] for r in store.rows("SELECT name FROM models ORDER BY name")) or "none yet"
        raise UnknownName(f"no model is registered as '{name}'", f"registered: {names}", "see: retuned models")
    return model_of(store, row)


def all_models(store: Store) -> tuple[Model, ...]:
    """Every registered model by name, retired ones included."""
    return tuple(model_of(store, row) for row in store.rows("SELECT * FROM models ORDER BY name"))


def settings_of(store: Store, model: Model) -> tuple[Settings, ...]:
    """Every settings version of a model, oldest first."""
    rows = store.rows("SELECT * FROM settings WHERE model_id = ? ORDER BY version", (model.id,))
    return tuple(_settings(row) for row in rows)


def file_of_version(store: Store, model_id: int, version: int) -> ModelFile:
    """The model file as it was registered in that version."""
    row = store.row("SELECT body FROM model_versions WHERE model_id = ? AND version = ?", (model_id, version))
    assert row is not None
    return ModelFile.from_json(row["body"])


def configuration_of_version(store: Store, model_id: int, version: int, space: Space) -> Configuration:
    """The hyperparameters of a settings version, as the space takes them."""
    row = store.row("SELECT configuration FROM settings WHERE model_id = ? AND version = ?", (model_id, version))
    assert row is not None
    return space.validate(json.loads(row["configuration"]), strict=False)


def register(
    store: Store, file: ModelFile, source: Path, now: datetime, house: HouseScheduleTable | None = None
) -> Registration:
    """Take a model file up: a new model, a new version of a known one, or nothing when it is unchanged.

    `house`: the service's own schedule, for what the file leaves open.

    The stored values of the file become a new settings version only where the file's own values changed, so
    that registering an edited file never silently undoes an adoption. New settings queue a baseline.
    """
    with store.transaction():
        row = store.row("SELECT * FROM models WHERE name = ?", (file.name,))
        if row is None:
            refuse_number(file.name)
            sentence = _insert_model(store, file, source, now, house or HouseScheduleTable())
        elif file_of_version(store, row["id"], row["version"]).fingerprint() == file.fingerprint():
            return Registration(model_of(store, row), False, False, f"{file.name} is unchanged, nothing to do")
        else:
            sentence = _insert_version(store, row, file, source, now, house or HouseScheduleTable())
    return Registration(find_model(store, file.name), row is None, True, sentence)


def set_state(store: Store, name: str, state: str) -> Model:
    """Make a model active, paused (no scheduled campaigns) or retired (no campaigns at all)."""
    model = find_model(store, name)
    if model.state == "retired" and state == "paused":
        raise ConflictError(
            f"{name} is retired", "an active model can be paused", f"bring it back: retuned resume {name}"
        )
    with store.transaction():
        store.change("UPDATE models SET state = ? WHERE id = ?", (state, model.id))
    return find_model(store, name)


def model_of(store: Store, row: Row) -> Model:
    version = store.row(
        "SELECT body, source FROM model_versions WHERE model_id = ? AND version = ?", (row["id"], row["version"])
    )
    assert version is not None
    file = ModelFile.from_json(version["body"])
    return Model(
        id=row["id"],
        name=row["name"],
        state=row["state"],
        version=row["version"],
        file=file,
        source=Path(version["source"]),
        settings_version=row["settings_version"],
        configuration=configuration_of_version(store, row["id"], row["settings_version"], file.space()),
        anchor_at=from_text(row["anchor_at"]),
        next_due_at=None if row["next_due_at"] is None else from_text(row["next_due_at"]),
        registered_at=from_text(row["registered_at"]),
    )


def _settings(row: Row) -> Settings:
    """A settings version as it was written: an older one need not fit the newest search space."""
    return Settings(
        version=row["version"],
        configuration=configuration_of(json.loads(row["configuration"])),
        origin=row["origin"],
        campaign_id=row["campaign_id"],
        created_at=from_text(row["created_at"]),
    )


def _insert_model(store: Store, file: ModelFile, source: Path, now: datetime, house: HouseScheduleTable) -> str:
    due_at = file.schedule.calendar(house, file.name).next_due(now, anchor=now)
    model = {
        "name": file.name, "state": "active", "version": 0, "settings_version": 0, "anchor_at": to_text(now),
        "next_due_at": None if due_at is None else to_text(due_at), "registered_at": to_text(now),
    }  # fmt: skip
    row = {**model, "id": store.insert("models", model)}
    _insert_body(store, row, file, source, now)
    insert_settings(store, {**row, "version": 1}, file.stored_configuration(), "registered", now, None, has_file=False)
    return f"registered {file.name}: version 1, settings v1, a baseline is queued"


def _insert_version(
    store: Store, row: Row, file: ModelFile, source: Path, now: datetime, house: HouseScheduleTable
) -> str:
    before = file_of_version(store, row["id"], row["version"])
    _insert_body(store, row, file, source, now)
    row = {**row, "version": row["version"] + 1}
    _reschedule(store, row, before, file, now, house)
    wanted = _merged_configuration(store, row, before, file)
    if wanted is None:
        return f"{file.name}: version {row['version']}, settings v{row['settings_version']} stay in force"
    insert_settings(store, row, wanted, f"registered in version {row['version']}", now, None, has_file=False)
    return f"{file.name}: version {row['version']}, settings v{row['settings_version'] + 1}, a baseline is queued"


def _merged_configuration(store: Store, row: Row, before: ModelFile, file: ModelFile) -> Configuration | None:
    """What should be in force after a changed file: values edited in it win, adopted ones stay; None: no change.

    Values of hyperparameters that are not in use count too: an adoption may have brought them into use.
    """
    current_row = store.row(
        "SELECT configuration FROM settings WHERE model_id = ? AND version = ?", (row["id"], row["settings_version"])
    )
    assert current_row is not None
    current = json.loads(current_row["configuration"])
    old, new = ({name: table.value for name, table in one.hyperparameters.items()} for one in (before, file))
    edited = {name: value for name, value in new.items() if name not in old or old[name] != value}
    merged = {name: edited.get(name, current.get(name, value)) for name, value in new.items()}
    given = {name: value for name, value in merged.items() if value is not None}
    configuration = file.space().validate(given, strict=False)
    return None if plain(configuration) == current else configuration


def _reschedule(
    store: Store, row: Row, before: ModelFile, file: ModelFile, now: datetime, house: HouseScheduleTable
) -> None:
    """A changed rule: the first of its dates from now on that no campaign stands for yet."""
    calendar = file.schedule.calendar(house, file.name, row["interval_days"])
    if before.schedule.calendar(house, file.name, row["interval_days"]) == calendar:
        return
    anchor = from_text(row["anchor_at"])
    due_at = calendar.next_due(now, anchor)
    while due_at is not None and store.row(
        "SELECT 1 FROM campaigns WHERE model_id = ? AND due_at = ?", (row["id"], to_text(due_at))
    ):
        due_at = calendar.next_due(due_at, anchor)
    store.change(
        "UPDATE models SET next_due_at = ? WHERE id = ?", (None if due_at is None else to_text(due_at), row["id"])
    )


def _insert_body(store: Store, row: Row, file: ModelFile, source: Path, now: datetime) -> None:
    version = row["version"] + 1
    store.insert(
        "model_versions",
        {
            "model_id": row["id"], "version": version, "body": file.to_json(),
            "source": str(source.resolve()), "created_at": to_text(now),
        },
    )  # fmt: skip
    store.change("UPDATE models SET version = ? WHERE id = ?", (version, row["id"]))


def insert_settings(
    store: Store,
    row: Row,
    configuration: Configuration,
    origin: str,
    now: datetime,
    campaign_id: int | None,
    *,
    has_file: bool,
) -> None:
    """Add a settings version inside the open transaction, put it in force and queue its baseline."""
    version = row["settings_version"] + 1
    store.insert(
        "settings",
        {
            "model_id": row["id"], "version": version, "configuration": to_json(plain(configuration)),
            "origin": origin, "campaign_id": campaign_id, "is_file_pending": int(has_file), "created_at": to_text(now),
        },
    )  # fmt: skip
    store.change("UPDATE models SET settings_version = ? WHERE id = ?", (version, row["id"]))
    for stale in open_campaigns(store, row["id"]):
        if stale.kind == "baseline" and stale.phase == "queued":
            store.change(
                "UPDATE campaigns SET phase = 'cancelled', failure = 'newer settings came into force', ended_at = ? "
                "WHERE id = ?", (to_text(now), stale.id),
            )  # fmt: skip
    queue_campaign(
        store,
        model={**row, "settings_version": version},
        kind="baseline",
        trigger=origin,
        seed=derive_seed(row["id"], "baseline", version),
        options={},
        now=now,
    )
