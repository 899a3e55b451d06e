"""Which settings are current: adopting a confirmed challenger, rolling back, and updating the settings file."""

from collections.abc import Mapping
from datetime import datetime

from ....strategies.errors import ConflictError, InputError, RetunedError
from ....strategies.records import Configuration, plain
from ....strategies.space import configuration_key
from ...config.settings_file import read_settings, write_settings
from ..campaigns.campaigns import campaigns_of, find_campaign
from ..store import Store
from .models import find_entry
from .registry import (
    Model,
    Settings,
    file_of_version,
    find_model,
    insert_settings,
    model_of,
    settings_of,
)


def adopt(store: Store, name: str, campaign_id: int | None, now: datetime) -> Model:
    """Adopt a confirmed challenger: the last one that a campaign recommended, or the named campaign's."""
    model = find_model(store, name)
    configuration, campaign_id = _recommendation(store, model, campaign_id)
    return adopt_values(store, model, configuration, f"adopted from campaign {campaign_id}", now, campaign_id)


def adopt_file(store: Store, name: str, now: datetime) -> Model:
    """Adopt the values that a person wrote into the model's settings file."""
    model = find_model(store, name)
    values = read_settings(model.file)
    if values is None:
        raise InputError(f"{name} has no settings file to read", "[settings] file in the model file", "name one there")
    return adopt_values(store, model, model.space.validate(values), "edited in the settings file", now)


def rollback(store: Store, name: str, to_version: int | None, now: datetime) -> Model:
    """Return to an older settings version, by default the newest one with other values than the current ones."""
    model = find_model(store, name)
    versions = {settings.version: settings for settings in settings_of(store, model)}
    version = _last_with_other_values(model, versions) if to_version is None else to_version
    if version not in versions or version == model.settings_version:
        others = ", ".join(str(number) for number in versions if number != model.settings_version) or "none"
        raise InputError(
            f"{name} cannot be rolled back to settings v{version}",
            f"versions to roll back to: {others}",
            f"see: retuned history {name}",
        )
    values = model.space.validate(plain(versions[version].configuration), strict=False)
    return adopt_values(store, model, values, f"rolled back to v{version}", now)


def _last_with_other_values(model: Model, versions: Mapping[int, Settings]) -> int:
    """The number of the newest version whose values differ from the current ones; 0 where none does."""
    ours = configuration_key(model.configuration)
    others = (number for number, settings in versions.items() if configuration_key(settings.configuration) != ours)
    return max(others, default=0)


def adopt_values(
    store: Store, model: Model, configuration: Configuration, origin: str, now: datetime, campaign_id: int | None = None
) -> Model:
    """Add a settings version, queue its baseline and write the model's settings file."""
    if configuration_key(configuration) == configuration_key(model.configuration):
        raise ConflictError(f"{model.name} already runs with these values", "", f"see: retuned show {model.name}")
    read_settings(model.file)  # a file that cannot be read could not be written either: refused before anything changes
    with store.transaction():
        entry = find_entry(store, model.id)
        assert entry is not None
        insert_settings(
            store, entry, configuration, origin, now, campaign_id, has_file=model.file.settings_file is not None
        )
    write_pending_settings(store, model)
    return find_model(store, model.name)


def write_pending_settings(store: Store, only: Model | None = None) -> None:
    """Write the settings files that a crash between commit and write left outdated; safe to repeat.

    A file that cannot be written does not hold up the files of other models: its error is raised at the end.
    """
    failures: list[RetunedError] = []
    for model_id in _models_with_pending_files(store):
        if only is not None and model_id != only.id:
            continue
        try:
            _write_pending(store, model_id)
        except RetunedError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _models_with_pending_files(store: Store) -> tuple[int, ...]:
    """The numbers of models whose settings file lacks the current settings."""
    rows = store.rows("SELECT DISTINCT model_id FROM settings WHERE is_file_pending = 1")
    return tuple(row["model_id"] for row in rows)


def _note_file_written(store: Store, model: Model) -> None:
    """Record inside the open transaction that the settings file holds the model's current settings."""
    store.change(
        "UPDATE settings SET is_file_pending = 0 WHERE model_id = ? AND version <= ?",
        (model.id, model.settings_version),
    )


def _write_pending(store: Store, model_id: int) -> None:
    entry = find_entry(store, model_id)
    assert entry is not None
    model = model_of(store, entry)
    if model.file.settings_file is not None:
        file = model.file
        write_settings(model.file.settings_file, model.configuration, file.hyperparameters, file.settings.keys)
    with store.transaction():
        _note_file_written(store, model)


def _recommendation(store: Store, model: Model, campaign_id: int | None) -> tuple[Configuration, int]:
    campaigns = campaigns_of(store, model.id, "retune")
    if campaign_id is not None:
        campaigns = tuple(named for named in campaigns if named.id == find_campaign(store, campaign_id).id)
        if not campaigns:
            raise InputError(
                f"campaign {campaign_id} is not one of {model.name}", "", f"see: retuned history {model.name}"
            )
    otherwise = ""
    for campaign in reversed(campaigns):
        ended = campaign.facts.ended
        if campaign.verdict is not None and ended is not None and ended.recommended is not None:
            goal = file_of_version(store, model.id, campaign.model_version).goal
            if (goal.metric, goal.direction) == (model.file.goal.metric, model.file.goal.direction):
                return model.space.validate(ended.recommended), campaign.id
            otherwise = otherwise or f"campaign {campaign.id} recommended its values to {goal.direction} {goal.metric}"
    if otherwise:
        raise ConflictError(
            f"{otherwise}, and {model.name} is now judged by another goal",
            f"values confirmed to {model.file.goal.direction} {model.file.goal.metric}",
            f"run: retuned retune {model.name}",
        )
    raise ConflictError(
        f"no campaign has confirmed better settings for {model.name}",
        "settings can be adopted after a verdict STALE, or BROKEN with a confirmed challenger",
        f"run: retuned retune {model.name}",
    )
