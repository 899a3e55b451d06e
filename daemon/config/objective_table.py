"""The model file's [objective]: what is measured, and where a command's metric is found."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from ...strategies.errors import InputError
from ...strategies.legs.command import placeholders
from ..metric_patterns import BadPattern, compile_pattern
from .toml_input import Line, MarginText, Number, Table, dotted_names, refusal, shown

TABLES = (".csv", ".tsv")
LINES = (".jsonl", ".ndjson")


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        raise refusal(f"is {shown(value)}", "allowed: a regular expression", r"for instance 'val_loss[=:] *(\S+)'")
    try:
        compile_pattern(value)
    except BadPattern as error:
        raise refusal(error.found, error.allowed, error.remedy) from None
    return value


def _metric_file(value: object, _info: ValidationInfo) -> str:
    allowed = "allowed: a file's path, relative to workdir or absolute"
    if not isinstance(value, str) or not value.strip() or any(ord(character) < 32 for character in value):
        raise refusal(f"is {shown(value)}", allowed, 'for instance "out/metrics.json"')
    if value.endswith("/"):
        raise refusal(f"is {shown(value)}, a folder", allowed, 'for instance "out/metrics.json"')
    try:
        placeholders((value,))
    except InputError as error:
        raise refusal(f"has a bad placeholder: {error.found}", error.allowed, error.remedy) from None
    return value


class ObjectiveTable(Table):
    """What is measured.

    `floor` and `trivial` are in the metric's own unit and direction; `margin` and `least_drop` in its unit, or shares
    of the skill: the distance of the current score from the trivial one. Without `pattern` and `file` the training
    reports the metric. `value_per_unit`: what a month with one unit of the metric more or less is worth, in `currency`.
    """

    metric: Line
    direction: Literal["minimize", "maximize"]
    pattern: Annotated[str, BeforeValidator(_pattern)] | None = None
    file: Annotated[str, BeforeValidator(_metric_file)] | None = None
    key: Annotated[str, BeforeValidator(dotted_names)] | None = None
    column: Line | None = None
    margin: MarginText | None = None
    floor: Number | None = None
    trivial: Number | None = None
    least_drop: MarginText | None = None
    value_per_unit: Annotated[Number, Field(gt=0)] | None = None
    currency: Annotated[Line, Field(max_length=12)] | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.pattern is not None and self.file is not None:
            raise refusal("has both pattern and file", "allowed: one of them, or neither", "remove one")
        for name in ("key", "column"):
            if self.file is None and getattr(self, name) is not None:
                raise refusal(
                    "stands there without a file", f"allowed: beside file: the {name} in it", "add file = ...", key=name
                )
        if self.file is not None:
            self._check_place(self.file)
        return self

    def _check_place(self, file: str) -> None:
        """That a file names the place in it: a column of a table, a key of JSON."""
        if (self.key is None) == (self.column is None):
            found = "has both key and column" if self.key is not None else "has a file, but neither key nor column"
            raise refusal(found, "allowed: key for JSON, column for a table", 'for instance key = "eval.loss"')
        if file.endswith(TABLES) and self.key is not None:
            raise refusal("names a place in JSON", f"{shown(file)} is a table", "write column = ...", key="key")
        if file.endswith((".json", *LINES)) and self.column is not None:
            raise refusal("names a place in a table", f"{shown(file)} is JSON", "write key = ...", key="column")

    @property
    def source(self) -> tuple[str, str, str, str] | None:
        """Pattern, file, key and column, those that are not used empty; None where the training reports the metric."""
        if self.pattern is None and self.file is None:
            return None
        return self.pattern or "", self.file or "", self.key or "", self.column or ""

    @property
    def has_printed_steps(self) -> bool:
        """Whether the pattern reads steps, too."""
        return self.pattern is not None and compile_pattern(self.pattern).step is not None

    @property
    def found_in(self) -> str:
        """Where the metric is found, in words."""
        if self.pattern is not None:
            return f"the pattern {self.pattern}"
        return "reports" if self.file is None else f"{self.key or self.column} in {self.file}"
