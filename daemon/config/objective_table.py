"""The model file's [objective]: what is measured, and where a command's metric is found."""

import math
import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from ...strategies.errors import InputError
from ...strategies.legs.command import placeholders
from ..metric_patterns import BadPattern, compile_pattern
from .toml_input import Line, Number, Table, dotted_names, refusal, shown

TABLES = (".csv", ".tsv")
LINES = (".jsonl", ".ndjson")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) *%")


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


def _margin(value: object) -> float | str:
    """A number above 0, or a share such as '2%' in that spelling."""
    match = _SHARE.fullmatch(value) if isinstance(value, str) else None
    if match is not None and 0 < float(match[1]) <= 100:
        return f"{float(match[1]):g}%"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        allowed = "allowed: a number greater than 0 in the metric's unit, or a share of the skill such as '2%'"
        raise refusal(f"is {shown(value)}", allowed)
    return float(value)


MarginText = Annotated[float | str, BeforeValidator(_margin)]
"""A margin in the metric's unit, or as a share of the skill ('2%')."""


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
    step: Line | None = None
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
        for name in ("key", "column", "step"):
            if self.file is None and getattr(self, name) is not None:
                is_of_pattern = name == "step" and self.pattern is not None
                remedy = "write (?P<step>...) in the pattern" if is_of_pattern else "add file = ..."
                raise refusal(
                    "stands there without a file", f"allowed: beside file: the {name} in it", remedy, key=name
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
        if self.step is not None and self.key is not None and not file.endswith(LINES):
            allowed = "allowed: for a table, and for JSON Lines (.jsonl, .ndjson), which grow line by line"
            found = f"is set, but {shown(file)} is written anew each time"
            raise refusal(found, allowed, "remove step, or let the training append lines to a .jsonl", key="step")
        if self.step is not None and self.step in (self.key, self.column):
            raise refusal(f"is {shown(self.step)}, as the metric is", "allowed: the place of the step", key="step")

    @property
    def source(self) -> tuple[str, str, str, str, str] | None:
        """Pattern, file, key, column and step, those not used empty; None where the training reports the metric."""
        if self.pattern is None and self.file is None:
            return None
        return self.pattern or "", self.file or "", self.key or "", self.column or "", self.step or ""

    @property
    def has_printed_steps(self) -> bool:
        """Whether steps are read where the metric is, too."""
        return self.step is not None or (self.pattern is not None and compile_pattern(self.pattern).step is not None)

    @property
    def found_in(self) -> str:
        """Where the metric is found, in words."""
        if self.pattern is not None:
            return f"the pattern {self.pattern}"
        return "reports" if self.file is None else f"{self.key or self.column} in {self.file}"
