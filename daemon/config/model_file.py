"""The model file: everything that retuned knows about a production model, as its owner wrote it.

`load_model_file` reads it; `ModelFile.to_json` is what the registry keeps. Paths are absolute once read; what
the owner omitted and what depends on the machine (python, threads) stays None and is decided at run time.
`examples/model.example.toml` explains every key.
"""

import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ...strategies.errors import InputError, StateError
from ...strategies.legs.command import placeholders
from ...strategies.legs.ends import Objective
from ...strategies.panda.moved import moved_by_panda
from ...strategies.records import Configuration
from ...strategies.space import Hyperparameter, Kind, Space
from .handover import (
    NEEDS_A_TEMPLATE,
    check_flags,
    check_metric_source,
    check_settings_keys,
    check_template_keys,
    check_values,
    given_by_retuned,
    places_of,
)
from .model_tables import AdoptionTable, AlertsTable, DataTable, HyperparameterTable, SearchTable, SettingsTable
from .objective_table import ObjectiveTable
from .schedule_tables import LimitsTable, ScheduleTable, TriggersTable
from .split_tables import GIVEN_WITH_A_SPLIT, SplitTable
from .toml_input import Line, Table, Text, optional_table, read_table, refusal, shown, table_in
from .training_tables import TrainingTable

_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_HYPERPARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_EXPLAINED = "model.example.toml, which `retuned example model` writes"
GIVEN_BY_RETUNED = ("seed", "split_seed", "data")
"""Placeholders in a command that are not hyperparameters."""


def _model_name(value: str) -> str:
    if not _MODEL_NAME.fullmatch(value):
        allowed = "allowed: up to 64 letters, digits, '-', '_' and '.', starting with a letter or digit"
        raise refusal(f"is {shown(value)}", allowed, "for instance 'bike-share'")
    return value


def _hyperparameter_name(value: str) -> str:
    if not _HYPERPARAMETER_NAME.fullmatch(value):
        allowed = "allowed as a name: up to 64 letters, digits, '_', '-' and '.', starting with a letter or '_'"
        raise refusal("is not a name for a hyperparameter", allowed, "rename it")
    if value in GIVEN_BY_RETUNED:
        raise refusal("has a name that retuned reserves", f"reserved: {', '.join(GIVEN_BY_RETUNED)}", "rename it")
    return value


class ModelFile(Table):
    """A production model: its name, how it is trained and judged, and its hyperparameters in order.

    The [objective] table is the attribute `goal`; `objective()` is what decisions use.
    """

    name: Annotated[Text, AfterValidator(_model_name)]
    owner: Line
    description: Text = ""
    training: TrainingTable
    data: DataTable | None = None
    goal: ObjectiveTable = Field(alias="objective")
    hyperparameters: Annotated[
        Mapping[Annotated[str, AfterValidator(_hyperparameter_name)], HyperparameterTable], Field(min_length=1)
    ]
    schedule: ScheduleTable = optional_table()
    triggers: TriggersTable = optional_table()
    limits: LimitsTable = optional_table()
    search: SearchTable = optional_table()
    settings: SettingsTable = optional_table()
    adoption: AdoptionTable = optional_table()
    alerts: AlertsTable = optional_table()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        try:
            self.stored_configuration()
        except InputError as error:
            raise refusal(
                f"cannot be used: {error.found[:300]}", error.allowed, error.remedy, key="hyperparameters"
            ) from None
        known = (*self.hyperparameters, *self._given)
        check_metric_source(self.training, self.goal, known)
        check_values(self.training, known)
        if self.split is not None:
            self._check_split(self.split)
        if self.training.command is not None:
            self._check_schedules()
            self._check_placeholders(self.training.command)
            check_flags(self.training.command, self.hyperparameters)
        check_template_keys(self.training, self.hyperparameters)
        check_settings_keys(self.settings.keys, self.hyperparameters)
        if self.search.strategy == "panda" and (why := self.why_no_panda()):
            raise refusal(f"is 'panda', but {why}", "allowed: 'auto', 'caviar'", "write 'auto'", key="search.strategy")
        return self

    def why_no_panda(self) -> str:
        """Why this model cannot be babysat, as a clause; empty where it can."""
        if not self.training.is_resumable:
            return "the command does not honour checkpoints (set resumable = true under [training] once it does)"
        try:
            moved_by_panda(self.space(), self.stored_configuration())
        except InputError as error:
            return f"{error.found}: {error.allowed}"
        return ""

    def space(self) -> Space:
        """The search space, hyperparameters in the file's order."""
        return Space.of(table.declared_as(name) for name, table in self.hyperparameters.items())

    def stored_configuration(self) -> Configuration:
        """The current values when the file was written; they may lie outside the bounds of the search."""
        stored = {name: table.value for name, table in self.hyperparameters.items() if table.value is not None}
        return self.space().validate(stored, strict=False)

    def objective(self) -> Objective:
        """What is measured, with the floor as a score (higher is better)."""
        is_loss = self.goal.direction == "minimize"
        floor, is_printed = self._as_score(self.goal.floor), self.goal.has_printed_steps
        return Objective(self.goal.metric, is_loss, floor, is_printed)

    @property
    def trivial_score(self) -> float | None:
        """The score of a model that has learned nothing, as far as the owner says."""
        return self._as_score(self.goal.trivial)

    def _as_score(self, value: float | None) -> float | None:
        """A value of the metric, turned so that higher is better."""
        return 0.0 - value if value is not None and self.goal.direction == "minimize" else value

    @property
    def split(self) -> SplitTable | None:
        """How retuned cuts the data for each training; None where the training does it."""
        return None if self.data is None else self.data.split

    @property
    def are_rows_drawn(self) -> bool:
        """Whether retuned draws other training rows for each split seed."""
        return self.split is not None and self.split.draw != 1.0

    @property
    def settings_file(self) -> Path | None:
        """The file that an adoption writes; None where the owner named none."""
        return self.settings.file

    @property
    def places(self) -> Mapping[str, str]:
        """The place in the configuration file that a training is given, by hyperparameter; empty without one."""
        return places_of(self.training, self.hyperparameters)

    def code_files(self) -> tuple[Path, ...]:
        """The files of the training code: the recipe, or the command's words that are files inside workdir and the
        template of its configuration file."""
        if self.training.recipe_file is not None:
            return (self.training.recipe_file,)
        folder = self.training.workdir
        named = (folder / word for word in self.training.command or () if "{" not in word)
        template = self.training.template
        inside = tuple(path for path in named if path.is_file() and _is_inside(path, folder))
        return inside if template is None or template in inside else (*inside, template)

    def to_json(self) -> str:
        """The file in canonical form: fixed order of keys, hyperparameters in their own order, paths absolute."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelFile":
        """The model file that `to_json` wrote. Raises StateError for another version's text."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise StateError(
                f"a registered model file cannot be read: {place}: {first['msg']}",
                remedy="it was stored by another version of retuned: register the model again with this one",
            ) from None

    def fingerprint(self) -> str:
        """A hash of the canonical form; compare two computed by the same version of retuned."""
        return hashlib.blake2b(self.to_json().encode(), digest_size=16).hexdigest()

    @property
    def _given(self) -> tuple[str, ...]:
        """The placeholders that are not hyperparameters."""
        always = GIVEN_BY_RETUNED if self.split is None else (*GIVEN_BY_RETUNED, *GIVEN_WITH_A_SPLIT)
        return given_by_retuned(always, self.hyperparameters, self.training)

    def _check_split(self, split: SplitTable) -> None:
        if self.training.recipe is not None:
            found, allowed = (
                "is there, and the model is a recipe",
                "allowed for commands: a recipe's data() cuts its rows",
            )
            raise refusal(found, allowed, "remove the table", key="data.split")
        if split.slices is not None and split.slices < self.search.max_pairs:
            raise refusal(
                f"is {split.slices}, fewer than the {self.search.max_pairs} pairs that the test may run",
                "allowed: a slice for each pair, because pairs that share rows void the error rate",
                f"omit the key, or write max_pairs = {split.slices - split.slices % 2} under [search]",
                key="data.split.slices",
            )
        for name in set(GIVEN_WITH_A_SPLIT) & set(self.hyperparameters):
            allowed = f"with [data.split], reserved: {', '.join(GIVEN_WITH_A_SPLIT)}"
            raise refusal("has a name that retuned reserves", allowed, "rename it", key=f"hyperparameters.{name}")

    def _check_schedules(self) -> None:
        stored = self.stored_configuration()
        named = next(
            (
                name
                for name, table in self.hyperparameters.items()
                if table.type is Kind.SCHEDULE or isinstance(stored.get(name), tuple)
            ),
            None,
        )
        if named is not None and not self.training.is_resumable:
            raise refusal(
                "is a schedule, which a command replays as legs of constant values",
                "allowed: schedules where the command honours checkpoints",
                "write resumable = true under [training] once it does",
                key=f"hyperparameters.{named}",
            )

    def _check_placeholders(self, command: tuple[str, ...]) -> None:
        try:
            names = placeholders(command)
        except InputError as error:
            raise refusal(
                f"has a bad placeholder: {error.found}", error.allowed, error.remedy, key="training.command"
            ) from None
        known = (*self.hyperparameters, *self._given)
        space = {declared.name: declared for declared in self.space().hyperparameters}
        for name in sorted(names):
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                remedy = f"did you mean '{{{near[0]}}}'?" if near else "write {{ and }} for literal braces"
                remedy = NEEDS_A_TEMPLATE if name == "config" else remedy
                if name in GIVEN_WITH_A_SPLIT:
                    remedy = "to have retuned cut the data, add split = {by = 'rows'} under [data]"
                allowed = f"allowed: {', '.join(known)}"
                raise refusal(f"has the unknown placeholder '{{{name}}}'", allowed, remedy, key="training.command")
            if name in space and not _is_always_active(space[name], space):
                raise refusal(
                    f"has the placeholder '{{{name}}}', which has no value while its 'when' does not hold",
                    "allowed: placeholders that always have a value",
                    f"read {name} from the file at $RETUNED_HYPERPARAMETERS",
                    key="training.command",
                )


def load_model_file(path: Path) -> ModelFile:
    """The model that the TOML file at `path` describes; what its paths point to is not checked (see model_paths).

    Raises InputError: one line with the file, the key, what was found, what is allowed and what to do.
    """
    return read_table(ModelFile, path, _EXPLAINED)


def model_file_in(content: bytes, path: Path) -> ModelFile:
    """The model that the content of the file at `path` describes; the file need not exist: it may be another user's."""
    return table_in(ModelFile, content, path, _EXPLAINED)


def _is_always_active(declared: Hyperparameter, space: Mapping[str, Hyperparameter]) -> bool:
    if declared.when is None:
        return True
    parent, values = space[declared.when[0]], declared.when[1]
    possible = parent.options or ((parent.stored,) if parent.is_fixed else ())
    covers = bool(possible) and all(
        any(value == option and type(value) is type(option) for option in values) for value in possible
    )
    return covers and _is_always_active(parent, space)


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
