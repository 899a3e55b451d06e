"""The model file's [training]: what trains, with which budget, on what."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from ...strategies.records import BudgetUnit
from .node_labels import Label
from .toml_input import (
    DurationS,
    Flag,
    Integer,
    MemoryBytes,
    OwnersPath,
    Positive,
    Table,
    Text,
    dotted_names,
    optional_table,
    owners_path,
    refusal,
    shown,
)

_VARIABLE = re.compile(r"(?!RETUNED_)[A-Za-z_][A-Za-z0-9_]*")


_RECIPE = re.compile(r"(.+\.py):([A-Za-z_][A-Za-z0-9_]*)")


_BARE_PYTHON = re.compile(r"python[0-9.]*t?")


_ALWAYS_PASSED = ("PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")


_DEFAULT_TIMEOUT_S = 3600.0
_DEFAULT_CHECKPOINT_BYTES = 64 << 30


_TEMPLATES = (".json", ".yaml", ".yml", ".toml")


def command_list(value: object) -> object:
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


def _template(value: object) -> str:
    allowed = f"allowed: a file in workdir that ends in {', '.join(_TEMPLATES)}"
    if not isinstance(value, str) or not value.strip() or any(ord(character) < 32 for character in value):
        raise refusal(f"is {shown(value)}", allowed, 'for instance "config.yaml"')
    if Path(value).suffix not in _TEMPLATES:
        raise refusal(f"is {shown(value)}", allowed, "rename it after its format")
    return value


Command = Annotated[tuple[Text, ...], BeforeValidator(command_list)]


Variable = Annotated[Text, AfterValidator(_variable)]
"""The name of an environment variable that is passed on."""


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
    """What one training needs from the machine, or from a node of a cluster; None: not declared. `labels`: those that
    its node must have."""

    memory_bytes: MemoryBytes | None = Field(default=None, alias="memory")
    gpus: Annotated[Integer, Field(ge=0, le=1024)] = 0
    cpus: Positive | None = None
    custom: Mapping[Text, Positive] = {}
    labels: Mapping[Label, Label] = {}


class TrainingTable(Table):
    """How the model is trained: a command or a recipe, with its budget and its limits."""

    command: Command | None = None
    recipe: Annotated[str, BeforeValidator(_recipe)] | None = None
    python: OwnersPath | None = None
    workdir: OwnersPath = Field(default=Path("."), validate_default=True)
    write: Annotated[str, BeforeValidator(_template)] | None = None
    values: Mapping[Annotated[str, BeforeValidator(dotted_names)], Text] = {}
    budget: BudgetTable
    timeout_s: DurationS = Field(default=_DEFAULT_TIMEOUT_S, alias="timeout")
    slots: Annotated[Integer, Field(ge=1, le=4096)] = 1
    threads: Annotated[Integer, Field(ge=1, le=4096)] | None = None
    resumable: Flag | None = None
    checkpoint_limit_bytes: MemoryBytes = Field(default=_DEFAULT_CHECKPOINT_BYTES, alias="checkpoint_limit")
    evaluate_every: Positive | None = None
    fuse: Literal["auto", "off"] = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    pass_env: tuple[Variable, ...] = ()
    resources: ResourcesTable = optional_table()

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
    def template(self) -> Path | None:
        """The configuration file that hyperparameters are put into, a copy for each training; None without one."""
        return None if self.write is None else self.workdir / os.path.expanduser(self.write)

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
        return passed_on(environ, self.pass_env)


def passed_on(environ: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """A few harmless variables of an environment, and those of these names."""
    return {name: environ[name] for name in (*_ALWAYS_PASSED, *names) if name in environ}
