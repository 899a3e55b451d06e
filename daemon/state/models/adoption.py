"""Which settings are current: adopting a confirmed challenger, rolling back, and updating the settings file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ....strategies.adoption.gain import Promise
from ....strategies.errors import ConflictError, InputError, RetunedError
from ....strategies.records import Configuration, plain
from ....strategies.space import configuration_key
from ...config.settings_file import read_settings, write_settings
from ..acting_user import login_user
from ..campaigns.campaigns import Campaign, campaigns_of, find_campaign
from ..store import Store
from .adoption_log import Adoption, Kind, insert_adoption
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


@dataclass(frozen=True, slots=True)
class Proposal:
    """Settings that may become current, and where they come from: a campaign, a settings version, or neither."""

    model: Model
    configuration: Configuration
    kind: Kind
    origin: str
    campaign: Campaign | None = None
    to_version: int | None = None

    @property
    def campaign_id(self) -> int | None:
        """The number of the campaign; None where they come from none."""
        return None if self.campaign is None else self.campaign.id

    @property
    def promise(self) -> Promise | None:
        """What the campaign's verdict promises; None where a person chose the values."""
        verdict = None if self.campaign is None else self.campaign.verdict
        return None if verdict is None else Promise(verdict.mean, verdict.lower, verdict.e_value)


def proposal(store: Store, name: str, campaign_id: int | None) -> Proposal:
    """A confirmed challenger: the last one that a campaign recommended, or the named campaign's.

    Raises UnknownName, InputError for a campaign of another model, ConflictError where none was confirmed.
    """
    model = find_model(store, name)
    configuration, campaign = _recommendation(store, model, campaign_id)
    return Proposal(model, configuration, Kind.ADOPTED, f"adopted from campaign {campaign.id}", campaign)


def file_proposal(store: Store, name: str) -> Proposal:
    """The values that a person wrote into the model's settings file. Raises UnknownName and InputError."""
    model = find_model(store, name)
    values = read_settings(model.file)
    if values is None:
        raise InputError(f"{name} has no settings file to read", "[settings] file in the model file", "name one there")
    return Proposal(model, model.space.validate(values), Kind.FROM_FILE, "edited in the settings file")


def rollback_proposal(store: Store, name: str, to_version: int | None) -> Proposal:
    """An older settings version, by default the newest one with other values than the current ones.

    Raises UnknownName, and InputError for a version that cannot be rolled back to.
    """
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
    return Proposal(model, values, Kind.ROLLED_BACK, f"rolled back to v{version}", to_version=version)


def check_proposal(proposed: Proposal) -> None:
    """Raise ConflictError where the values are current already, InputError where the settings file cannot be read: it
    could not be written either."""
    model = proposed.model
    if configuration_key(proposed.configuration) == configuration_key(model.configuration):
        raise ConflictError(f"{model.name} already runs with these values", "", f"see: retuned show {model.name}")
    read_settings(model.file)


def make_current(
    store: Store, proposed: Proposal, now: datetime, by: str | None = None, why: str | None = None
) -> Model:
    """Add a settings version with its record, queue its baseline and write the model's settings file.

    `by`: who decided it; None: the user of this process. Its hook, if the model file names one, is still to be run
    (adoption/hooks.py). Raises what `check_proposal` does.
    """
    model = proposed.model

    def note(before: int) -> None:
        adoption = Adoption(
            model_id=model.id,
            settings_version=before + 1,
            kind=proposed.kind,
            from_version=before,
            campaign_id=proposed.campaign_id,
            by=by or login_user(),
            why=why,
            metric=model.file.goal.metric,
            lower_is_better=model.file.objective().lower_is_better,
            promise=proposed.promise,
            adopted_at=now,
            hook_state=None if model.file.settings.hook is None else "waiting",
        )
        insert_adoption(store, adoption)

    return _with_new_version(store, proposed, now, note)


def adopt_values(store: Store, model: Model, configuration: Configuration, origin: str, now: datetime) -> Model:
    """Make values current as a new settings version, without the record, the hook and the follow-up of an adoption."""
    return _with_new_version(store, Proposal(model, configuration, Kind.FROM_FILE, origin), now, lambda _: None)


def edited_by_hand(model: Model) -> tuple[str, ...]:
    """The names of hyperparameters that the settings file has other values of than the registry. Raises InputError for
    a file that cannot be read."""
    written = read_settings(model.file) or {}
    ours = plain(model.configuration)
    return tuple(name for name, value in ours.items() if name in written and written[name] != value)


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


def _with_new_version(store: Store, proposed: Proposal, now: datetime, note: Callable[[int], None]) -> Model:
    """The model with a new settings version, its file written. `note` is given the version before, in the same
    transaction."""
    check_proposal(proposed)
    model = proposed.model
    with store.transaction():
        entry = find_entry(store, model.id)
        assert entry is not None
        has_file, campaign_id = model.file.settings_file is not None, proposed.campaign_id
        insert_settings(store, entry, proposed.configuration, proposed.origin, now, campaign_id, has_file=has_file)
        note(entry.settings_version)
    write_pending_settings(store, model)
    return find_model(store, model.name)


def _models_with_pending_files(store: Store) -> tuple[int, ...]:
    """The numbers of models whose settings file lacks the current settings."""
    rows = store.rows("SELECT DISTINCT model_id FROM settings WHERE is_file_pending = 1")
    return tuple(row["model_id"] for row in rows)


def _last_with_other_values(model: Model, versions: Mapping[int, Settings]) -> int:
    """The number of the newest version whose values differ from the current ones; 0 where none does."""
    ours = configuration_key(model.configuration)
    others = (number for number, settings in versions.items() if configuration_key(settings.configuration) != ours)
    return max(others, default=0)


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


def _recommendation(store: Store, model: Model, campaign_id: int | None) -> tuple[Configuration, Campaign]:
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
                return model.space.validate(ended.recommended), campaign
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
