"""The registry: production models, their versioned files and their current settings.

Nothing is overwritten: a changed model file is a new version, adopted or rolled-back settings are a new
settings version, and each records where it came from.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ....strategies.alerting.message import Kind
from ....strategies.alerting.verdict_alert import SETTLED_BY_ADOPTION
from ....strategies.errors import ConflictError
from ....strategies.records import Configuration, configuration_of, plain
from ....strategies.space import Space, derive_seed
from ...config.measure import changes_of_measure
from ...config.model_file import ModelFile
from ...config.schedule_tables import HouseScheduleTable
from ..alert_rows import resolve_alerts
from ..campaign_numbers import refuse_number
from ..database_errors import of_row
from ..paging import Order
from ..store import Row, Store, from_text, to_json, to_text
from .due_dates import move_on, without_campaign
from .merged_values import Values, differs_from_file, merged_values
from .models import (
    ModelEntry,
    all_entries,
    entry_named,
    insert_entry,
    known_entry,
    set_settings_version,
    set_state_of,
    set_version,
)

STATES = ("active", "paused", "retired")


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model: its row, its newest file and its current settings."""

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
    """The model of that name; raises UnknownName."""
    return model_of(store, known_entry(store, name))


def all_models(store: Store) -> tuple[Model, ...]:
    """Every registered model by name, retired ones included."""
    return tuple(model_of(store, entry) for entry in all_entries(store))


def settings_of(
    store: Store, model: Model, order: Order = Order.OLDEST, after: int | None = None, limit: int = -1
) -> tuple[Settings, ...]:
    """Settings versions of a model, those that follow the version `after`; -1: without a limit."""
    compared, direction = order.sql
    rows = store.rows(
        f"SELECT * FROM settings WHERE model_id = :model AND (:after IS NULL OR version {compared} :after)"  # noqa: S608
        f" ORDER BY version {direction} LIMIT :limit",
        {"model": model.id, "after": after, "limit": limit},
    )
    return tuple(_settings(row) for row in rows)


def file_of_version(store: Store, model_id: int, version: int) -> ModelFile:
    """The model file as registered in that version."""
    row = store.row("SELECT body FROM model_versions WHERE model_id = ? AND version = ?", (model_id, version))
    assert row is not None
    return ModelFile.from_json(row["body"])


def configuration_of_version(store: Store, model_id: int, version: int, space: Space) -> Configuration:
    """The hyperparameters of a settings version, in the space's canonical form."""
    row = store.row("SELECT configuration FROM settings WHERE model_id = ? AND version = ?", (model_id, version))
    assert row is not None
    return space.validate(json.loads(row["configuration"]), strict=False)


def register(
    store: Store,
    file: ModelFile,
    source: Path,
    now: datetime,
    house: HouseScheduleTable | None = None,
    values: Values | None = None,
) -> Registration:
    """Register a model file: a new model, a new version of a known one, or nothing when it is unchanged.

    `house`: the service's own schedule, for what the file leaves unset.

    The stored values of the file become a new settings version only where the file's own values changed, so
    that registering an edited file never silently undoes an adoption; `values` chooses where both would mix. So does a
    change of metric, direction, data or budget, with the same values: scores from before say nothing about those after.
    A new settings version queues a baseline.
    """
    with store.transaction():
        entry = entry_named(store, file.name)
        if entry is None:
            refuse_number(file.name)
            sentence = _insert_model(store, file, source, now, house or HouseScheduleTable())
        elif file_of_version(store, entry.id, entry.version).fingerprint() == file.fingerprint():
            return Registration(model_of(store, entry), False, False, f"{file.name} is unchanged, nothing to do")
        else:
            sentence = _insert_version(store, entry, file, source, now, house or HouseScheduleTable(), values)
    return Registration(find_model(store, file.name), entry is None, True, sentence)


def set_state(store: Store, name: str, state: str, now: datetime | None = None) -> Model:
    """Make a model active, paused (no scheduled campaigns) or retired (no campaigns at all, which ends its alerts
    `now`)."""
    model = find_model(store, name)
    if model.state == "retired" and state == "paused":
        raise ConflictError(
            f"{name} is retired", "an active model can be paused", f"reactivate it: retuned resume {name}"
        )
    with store.transaction():
        set_state_of(store, model.id, state)
        if state == "retired" and now is not None:
            resolve_alerts(store, model.id, tuple(Kind), "the model was retired", now)
    return find_model(store, name)


def model_of(store: Store, entry: ModelEntry) -> Model:
    """A model's row together with its newest file and its current settings."""
    file, source = _newest_file(store, entry)
    return Model(
        id=entry.id,
        name=entry.name,
        state=entry.state,
        version=entry.version,
        file=file,
        source=source,
        settings_version=entry.settings_version,
        configuration=configuration_of_version(store, entry.id, entry.settings_version, file.space()),
        anchor_at=entry.anchor_at,
        next_due_at=entry.next_due_at,
        registered_at=entry.registered_at,
    )


def _newest_file(store: Store, entry: ModelEntry) -> tuple[ModelFile, Path]:
    """The newest model file and where it was when it was registered."""
    row = store.row(
        "SELECT body, source FROM model_versions WHERE model_id = ? AND version = ?", (entry.id, entry.version)
    )
    assert row is not None
    return ModelFile.from_json(row["body"]), Path(row["source"])


@of_row("a version of settings")
def _settings(row: Row) -> Settings:
    """A settings version as stored; an older one need not fit the newest search space."""
    return Settings(
        version=row["version"],
        configuration=configuration_of(json.loads(row["configuration"])),
        origin=row["origin"],
        campaign_id=row["campaign_id"],
        created_at=from_text(row["created_at"]),
    )


def _insert_model(store: Store, file: ModelFile, source: Path, now: datetime, house: HouseScheduleTable) -> str:
    due_at = file.schedule.calendar(house, file.name).next_due(now, anchor=now)
    entry = _with_body(store, insert_entry(store, file.name, due_at, now), file, source, now)
    insert_settings(store, entry, file.stored_configuration(), "registered", now, None, has_file=False)
    return f"registered {file.name}: version 1, settings v1, a baseline is queued"


def _insert_version(
    store: Store,
    entry: ModelEntry,
    file: ModelFile,
    source: Path,
    now: datetime,
    house: HouseScheduleTable,
    values: Values | None,
) -> str:
    before, old_source = _newest_file(store, entry)
    row = store.row(
        "SELECT configuration FROM settings WHERE model_id = ? AND version = ?", (entry.id, entry.settings_version)
    )
    assert row is not None
    current = json.loads(row["configuration"])
    configuration = merged_values(current, before, file, values)
    measured = changes_of_measure(before, file, (old_source.parent, source.resolve().parent))
    entry = _with_body(store, entry, file, source, now)
    _reschedule(store, entry, before, file, now, house)
    version = f"{file.name}: version {entry.version}"
    if configuration is None and not measured:
        return f"{version}, settings v{entry.settings_version} stay current{differs_from_file(current, file)}"
    origin = f"registered in version {entry.version}"
    if configuration is None:
        configuration = file.space().validate(current, strict=False)
        origin = f"measured otherwise since version {entry.version}"
    insert_settings(store, entry, configuration, origin, now, None, has_file=False)
    why = f" (scores are measured otherwise now: {', '.join(measured)})" if measured else ""
    return f"{version}, settings v{entry.settings_version + 1}, a baseline is queued{why}"


def _reschedule(
    store: Store, entry: ModelEntry, before: ModelFile, file: ModelFile, now: datetime, house: HouseScheduleTable
) -> None:
    """After a changed schedule: the first of its dates from now on that no campaign was queued for."""
    calendar = file.schedule.calendar(house, file.name, entry.interval_days)
    if before.schedule.calendar(house, file.name, entry.interval_days) == calendar:
        return
    due_at = calendar.next_due(now, entry.anchor_at)
    move_on(store, entry.id, without_campaign(store, entry.id, calendar, due_at, entry.anchor_at))


def _with_body(store: Store, entry: ModelEntry, file: ModelFile, source: Path, now: datetime) -> ModelEntry:
    """Store a version of the model's file; returns the updated row."""
    version = entry.version + 1
    store.insert(
        "model_versions",
        {
            "model_id": entry.id, "version": version, "body": file.to_json(),
            "source": str(source.resolve()), "created_at": to_text(now),
        },
    )  # fmt: skip
    set_version(store, entry.id, version)
    return replace(entry, version=version)


def insert_settings(
    store: Store,
    entry: ModelEntry,
    configuration: Configuration,
    origin: str,
    now: datetime,
    campaign_id: int | None,
    *,
    has_file: bool,
) -> None:
    """Add a settings version inside the open transaction, make it current and queue its baseline."""
    from ..campaigns.campaign_writes import cancel_outdated_baselines, queue_campaign

    version = entry.settings_version + 1
    store.insert(
        "settings",
        {
            "model_id": entry.id, "version": version, "configuration": to_json(plain(configuration)),
            "origin": origin, "campaign_id": campaign_id, "is_file_pending": int(has_file), "created_at": to_text(now),
        },
    )  # fmt: skip
    set_settings_version(store, entry.id, version)
    resolve_alerts(store, entry.id, SETTLED_BY_ADOPTION, f"settings v{version} are current: {origin}", now)
    cancel_outdated_baselines(store, entry.id, now)
    queue_campaign(
        store,
        model=replace(entry, settings_version=version),
        kind="baseline",
        trigger=origin,
        seed=derive_seed(entry.id, "baseline", version),
        options={},
        now=now,
    )
