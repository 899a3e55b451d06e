"""The tables of a model file, each with the checks that need no other table."""

import glob
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from ...strategies.errors import InputError
from ...strategies.records import BudgetUnit
from ...strategies.schedule.due import parse_duration_s
from ...strategies.search.samplers import Sampler
from ...strategies.space import Hyperparameter, Kind
from .toml_input import (
    DurationS,
    Flag,
    Integer,
    Line,
    MemoryBytes,
    Number,
    OwnersPath,
    SecretReference,
    Table,
    Text,
    Webhook,
    owners_path,
    refusal,
    shown,
)

_VARIABLE = re.compile(r"(?!RETUNED_)[A-Za-z_][A-Za-z0-9_]*")
_RECIPE = re.compile(r"(.+\.py):([A-Za-z_][A-Za-z0-9_]*)")
_BARE_PYTHON = re.compile(r"python[0-9.]*t?")
_ALWAYS_PASSED = ("PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")
_DEFAULT_TIMEOUT_S = 3600.0


def _command_list(value: object) -> object:
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError:
            words = value.split()
        remedy = "write [" + ", ".join(f'"{word}"' for word in words) + "]"
        raise refusal(f"is the text {shown(value)}", "allowed: a list of texts, because no shell is used", remedy)
    words = list(value) if isinstance(value, list | tuple) else []
    texts = [word for word in words if isinstance(word, str) and "\0" not in word]
    if len(texts) != len(words) or not texts or not texts[0].strip():
        remedy = 'for instance ["python", "train.py"]'
        raise refusal(f"is {shown(value)}", "allowed: a list of texts, the program first", remedy)
    return value


def _recipe(value: object, info: ValidationInfo) -> str:
    match = _RECIPE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal(
            f"is {shown(value)}", "allowed: a Python file and a class in it", "for instance 'recipe.py:Recipe'"
        )
    return f"{owners_path(match[1], info)}:{match[2]}"


def _variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise refusal(
            f"is {shown(value)}", "allowed: the name of an environment variable that does not start with RETUNED_"
        )
    return value


def _day(value: object) -> object:
    """The value as written: a number counts in the budget's unit, a text is a duration."""
    allowed = "allowed: a number in the budget's unit, or a time such as '24h'"
    try:
        length = parse_duration_s(value) if isinstance(value, str) else value
    except InputError:
        raise refusal(f"is {shown(value)}", allowed) from None
    if isinstance(length, bool) or not isinstance(length, int | float) or not 0 < length < 1e9:
        raise refusal(f"is {shown(value)}", allowed)
    return value


def _settings_path(value: Path) -> Path:
    if value.suffix not in (".json", ".toml"):
        raise refusal(f"is {shown(str(value))}", "allowed: a path that ends in .json or .toml")
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


Command = Annotated[tuple[Text, ...], BeforeValidator(_command_list)]
Scalar = Annotated[Any, AfterValidator(_scalar)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[Integer, Field(ge=1, le=2**31)]


class BudgetTable(Table):
    """What one full training costs, in exactly one unit."""

    steps: Count | None = None
    epochs: Count | None = None
    seconds: Positive | None = None

    @model_validator(mode="after")
    def _has_one_unit(self) -> Self:
        units = [unit.value for unit in BudgetUnit if getattr(self, unit) is not None]
        if len(units) != 1:
            found = "has " + (" and ".join(units) or "no unit")
            raise refusal(found, "allowed: exactly one of steps, epochs, seconds", "for instance budget = {epochs = 6}")
        return self

    @property
    def unit(self) -> BudgetUnit:
        """What the budget counts."""
        return next(unit for unit in BudgetUnit if getattr(self, unit) is not None)

    @property
    def amount(self) -> float:
        """The full budget of one trial, in its unit."""
        return float(getattr(self, self.unit))


class ResourcesTable(Table):
    """What one training needs from the machine; None: not declared."""

    memory_bytes: MemoryBytes | None = Field(default=None, alias="memory")
    gpus: Annotated[Integer, Field(ge=0, le=1024)] = 0


class TrainingTable(Table):
    """How the model is trained: a command or a recipe, with its budget and its limits."""

    command: Command | None = None
    recipe: Annotated[str, BeforeValidator(_recipe)] | None = None
    python: OwnersPath | None = None
    workdir: OwnersPath = Field(default=Path("."), validate_default=True)
    budget: BudgetTable
    timeout_s: DurationS = Field(default=_DEFAULT_TIMEOUT_S, alias="timeout")
    slots: Annotated[Integer, Field(ge=1, le=4096)] = 1
    threads: Annotated[Integer, Field(ge=1, le=4096)] | None = None
    resumable: Flag | None = None
    evaluate_every: Positive | None = None
    fuse: Literal["auto", "off"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    pass_env: tuple[Annotated[Text, AfterValidator(_variable)], ...] = ()
    resources: ResourcesTable = ResourcesTable()

    @model_validator(mode="after")
    def _is_command_or_recipe(self) -> Self:
        if (self.command is None) == (self.recipe is None):
            found = "has neither command nor recipe" if self.command is None else "has both command and recipe"
            raise refusal(found, "allowed: exactly one of them", 'for instance recipe = "recipe.py:Recipe"')
        if self.recipe is not None and self.resumable is False:
            raise refusal("is false", "a recipe can always be resumed", "remove the key", key="resumable")
        if self.command is not None and self.precision != "float32":
            found = f"is {shown(self.precision)}"
            raise refusal(
                found,
                "allowed for recipes only: a command chooses its own precision",
                "remove the key",
                key="precision",
            )
        return self

    @property
    def may_fuse(self) -> bool:
        """Whether trials may train as one batch: recipes only, and not where each has a budget in seconds."""
        return self.recipe is not None and self.fuse == "auto" and self.budget.unit is not BudgetUnit.SECONDS

    @property
    def is_resumable(self) -> bool:
        """Whether a trial can resume from a checkpoint: recipes always, commands where the file says so."""
        return self.recipe is not None or self.resumable is True

    @property
    def recipe_file(self) -> Path | None:
        """The recipe's Python file; None for a command."""
        return None if self.recipe is None else Path(self.recipe.rpartition(":")[0])

    @property
    def recipe_class(self) -> str | None:
        """The name of the recipe's class; None for a command."""
        return None if self.recipe is None else self.recipe.rpartition(":")[2]

    @property
    def argv(self) -> tuple[str, ...] | None:
        """The command as it is started: a bare "python" is the owner's, where there is one. None for a recipe."""
        if self.command is None or self.python is None or not _BARE_PYTHON.fullmatch(self.command[0]):
            return self.command
        return (str(self.python), *self.command[1:])

    @property
    def interpreter(self) -> Path:
        """The Python that trains a recipe: the owner's, else the one that runs retuned."""
        return self.python if self.python is not None else Path(sys.executable)

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The part of an environment that trainings may see: a few harmless variables and those in pass_env."""
        return {name: environ[name] for name in (*_ALWAYS_PASSED, *self.pass_env) if name in environ}


class DataTable(Table):
    """Where the training data is, how it is brought up to date, and whether a copy is kept."""

    path: OwnersPath | None = None
    glob: Annotated[str, BeforeValidator(_pattern)] | None = None
    prepare: Command | None = None
    prepare_timeout_s: DurationS = Field(default=_DEFAULT_TIMEOUT_S, alias="prepare_timeout")
    snapshot: Literal["copy", "reference", "none"] = "copy"
    accept_outliers: Flag = False

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.path is None) == (self.glob is None):
            found = "has neither path nor glob" if self.path is None else "has both path and glob"
            raise refusal(found, "allowed: exactly one of them", 'for instance path = "data/rides.csv"')
        return self


class ObjectiveTable(Table):
    """What is measured; margin, floor and least_drop are in the metric's own unit and direction."""

    metric: Line
    direction: Literal["minimize", "maximize"]
    margin: Positive | None = None
    floor: Number | None = None
    least_drop: Positive | None = None


class HyperparameterTable(Table):
    """One hyperparameter: the values that a search may give it, and its current value."""

    type: Kind
    low: Number | None = None
    high: Number | None = None
    log: Flag = False
    choices: Annotated[tuple[Scalar, ...], Field(min_length=1)] | None = None
    when: Annotated[Mapping[str, tuple[Scalar, ...]], BeforeValidator(_condition)] | None = None
    value: Any = None

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
            choices=self.choices or (), when=when, stored=self.value,
        )  # fmt: skip


class SearchTable(Table):
    """How a challenger is searched for; None: decided by what the campaign measures, or no limit."""

    strategy: Literal["auto", "caviar", "panda"] = "auto"
    sampler: Sampler = Sampler.AUTO
    day: Annotated[float | str, BeforeValidator(_day)] | None = None
    nudge: Literal["start", "daily"] = "start"
    pandas: Annotated[Integer, Field(ge=1, le=100)] | None = None
    challengers: Annotated[Integer, Field(ge=2, le=1000)] | None = None
    stop_hopeless: Flag = True
    max_pairs: Annotated[Integer, Field(ge=4, le=256, multiple_of=2)] = 32
    budget_s: DurationS | None = Field(default=None, alias="budget")
    seed: Annotated[Integer, Field(ge=0, lt=2**31)] | None = None


class SettingsTable(Table):
    """The file that holds the current settings for the model's own code, written at adoption."""

    file: Annotated[OwnersPath, AfterValidator(_settings_path)] | None = None


class AlertsTable(Table):
    """Where this model's alerts go; None: where the service's configuration says."""

    webhook: Webhook | None = None
    webhook_secret: SecretReference | None = None
