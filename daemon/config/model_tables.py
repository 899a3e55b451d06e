"""The tables of a model file, each with the checks that need no other table."""

import glob
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from ...strategies.errors import InputError
from ...strategies.schedule.due import parse_duration_s
from ...strategies.search.samplers import Sampler
from ...strategies.space import Hyperparameter, Kind
from .channel_tables import ChannelName
from .split_tables import SplitTable
from .toml_input import (
    DurationS,
    Flag,
    Integer,
    Line,
    Number,
    OwnersPath,
    SecretReference,
    SpanS,
    Table,
    Webhook,
    dotted_names,
    owners_path,
    refusal,
    shown,
)
from .training_tables import _DEFAULT_TIMEOUT_S, Command, Variable

_HOOK_TIMEOUT_S = 60.0


def _day(value: object) -> object:
    """The value as written: a number counts in the budget's unit, a text is a duration."""
    allowed = "allowed: a number in the budget's unit, or a time with its unit such as '24h'"
    try:
        length = parse_duration_s(value) if isinstance(value, str) else value
    except InputError:
        raise refusal(f"is {shown(value)}", allowed) from None
    if isinstance(length, bool) or not isinstance(length, int | float) or not 0 < length < 1e9:
        raise refusal(f"is {shown(value)}", allowed)
    return value


def _settings_path(value: Path) -> Path:
    if value.suffix not in (".json", ".toml", ".yaml", ".yml"):
        raise refusal(f"is {shown(str(value))}", "allowed: a path that ends in .json, .toml, .yaml or .yml")
    return value


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise refusal(f"is {shown(value)}", "allowed: a number, a text or a boolean")
    return value


def _condition(value: object) -> object:
    values = list(value.values()) if isinstance(value, Mapping) else []
    if len(values) != 1 or not isinstance(values[0], list | tuple):
        remedy = "for instance when = {optimizer = ['sgd']}"
        raise refusal(f"is {shown(value)}", "allowed: one other hyperparameter with a list of its values", remedy)
    return value


def _pattern(value: object, info: ValidationInfo) -> str:
    # Only what the owner wrote is a pattern: the folder that it is relative to may have brackets in its name.
    folder = glob.escape(str((info.context or {}).get("folder", "/")))
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise refusal(f"is {shown(value)}", "allowed: a pattern such as 'data/*.csv'; ** crosses folders")
    owners_path(".", info)  # the folder that it counts from
    return os.path.abspath(os.path.join(folder, os.path.expanduser(value)))


Scalar = Annotated[Any, AfterValidator(_scalar)]


class DataTable(Table):
    """Where the training data is, how it is brought up to date, and whether a copy is kept."""

    path: OwnersPath | None = None
    glob: Annotated[str, BeforeValidator(_pattern)] | None = None
    prepare: Command | None = None
    prepare_timeout_s: DurationS = Field(default=_DEFAULT_TIMEOUT_S, alias="prepare_timeout")
    snapshot: Literal["copy", "reference", "none"] = "copy"
    accept_outliers: Flag = False
    split: SplitTable | None = None

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.path is None) == (self.glob is None):
            found = "has neither path nor glob" if self.path is None else "has both path and glob"
            raise refusal(found, "allowed: exactly one of them", 'for instance path = "data/rides.csv"')
        return self


class HyperparameterTable(Table):
    """One hyperparameter: the values that a search may give it, and its current value."""

    type: Kind
    low: Number | None = None
    high: Number | None = None
    log: Flag = False
    step: Number | None = None
    choices: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    when: Annotated[Mapping[str, tuple[Scalar, ...]], BeforeValidator(_condition)] | None = None
    value: Any = None
    place: Annotated[str, BeforeValidator(dotted_names)] | None = None

    @model_validator(mode="after")
    def _has_a_value(self) -> Self:
        if self.value is None and self.when is None:
            raise refusal("is missing", "the current value is required", "write value = ...", key="value")
        return self

    def declared_as(self, name: str) -> Hyperparameter:
        """The hyperparameter as the search space takes it."""
        when = None if self.when is None else next(iter(self.when.items()))
        return Hyperparameter(
            name=name, kind=self.type, low=self.low, high=self.high, log=self.log,
            choices=self.choices or (), when=when, stored=self.value, step=self.step,
        )  # fmt: skip


class SearchTable(Table):
    """How a challenger is searched for; None: decided by what the campaign measures, or no limit."""

    strategy: Literal["auto", "caviar", "panda"] = "auto"
    sampler: Sampler = Sampler.AUTO
    day: Annotated[float | str, BeforeValidator(_day)] | None = None
    nudge: Literal["start", "daily"] = "start"
    pandas: Annotated[Integer, Field(ge=1, le=100)] | None = None
    challengers: Annotated[Integer, Field(ge=2, le=1000)] | None = None
    stages: Annotated[Integer, Field(ge=1, le=2)] | None = None
    stop_hopeless: Flag = True
    max_pairs: Annotated[Integer, Field(ge=4, le=256, multiple_of=2)] = 32
    budget_s: DurationS | None = Field(default=None, alias="budget")
    seed: Annotated[Integer, Field(ge=0, lt=2**31)] | None = None


class SettingsTable(Table):
    """The file that holds the current settings for the model's own code, written at adoption, and what runs after it.

    `keys`: the dotted place in the file of each hyperparameter that is not at its top under its own name. `hook`: the
    argument list that is run after an adoption, with the variables of `pass_env` beside a few harmless ones.
    """

    file: Annotated[OwnersPath, AfterValidator(_settings_path)] | None = None
    keys: Mapping[str, Annotated[str, BeforeValidator(dotted_names)]] = {}
    hook: Command | None = None
    hook_timeout_s: DurationS = Field(default=_HOOK_TIMEOUT_S, alias="hook_timeout")
    pass_env: tuple[Variable, ...] = ()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.keys and self.file is None:
            raise refusal("stands there without a file", "allowed: with settings.file", "add file = ...", key="keys")
        first: dict[str, str] = {}
        for name, place in self.keys.items():
            if place in first:
                found = f"is {place!r}, where {first[place]} is put, too"
                raise refusal(found, "allowed: a place each", "correct one", key=f"keys.{name}")
            first[place] = name
        if self.pass_env and self.hook is None:
            raise refusal("stands there without a hook", "allowed: with settings.hook", "remove it", key="pass_env")
        return self


class AdoptionTable(Table):
    """Whether confirmed values are adopted without a person, and what they must show for that.

    `evidence`: the least odds; `least_gain`: the least improvement that is certain, in the metric. `follow_up_s`: after
    an adoption a re-evaluation begins within this time, which measures what it brought; 0: whenever one is due.
    """

    auto: Flag = False
    evidence: Annotated[Number, Field(ge=80)] = 400.0
    least_gain: Annotated[Number, Field(ge=0)] | None = None
    follow_up_s: SpanS = Field(default=30 * 86400.0, alias="follow_up")

    @model_validator(mode="after")
    def _has_a_floor(self) -> Self:
        if self.auto and self.least_gain is None:
            found = "is missing, and adoption.auto is true"
            remedy = "write least_gain = ..., the improvement in the metric below which a change is not worth it"
            raise refusal(found, "allowed: a number of 0 or more", remedy, key="least_gain")
        return self


class AlertsTable(Table):
    """Where this model's alerts go, and by which tags channels may pick them; None: where the service's configuration
    says."""

    webhook: Webhook | None = None
    webhook_secret: SecretReference | None = None
    channels: Annotated[tuple[ChannelName, ...], Field(max_length=20)] | None = None
    tags: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
