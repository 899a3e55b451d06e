"""The model file's [data.split]: retuned cuts the data, and hands each training what to train and to score on."""

import os
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ...strategies.errors import InputError
from ...strategies.schedule.due import parse_duration_s
from ...strategies.splits.partition import LEAST_PAIRS, MOST_SLICES, Shares
from .toml_input import Line, Table, refusal, shown

GIVEN_WITH_A_SPLIT = ("train", "eval")
"""Placeholders in a command whose model file has [data.split]."""
_SHARE_OF_A_WINDOW = 0.8


def _share(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise refusal(f"is {shown(value)}", "allowed: a share of all rows between 0 and 1, such as 0.4")
    return float(value)


def _draw(value: object) -> object:
    allowed = "allowed: 'bootstrap', or a share of the training rows above 0 and up to 1, such as 0.8"
    if value == "bootstrap":
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise refusal(f"is {shown(value)}", allowed)
    return float(value)


def _gap(value: object) -> object:
    """The gap as written: a number counts in the unit of the column, a text is a duration."""
    allowed = "allowed: a time with its unit such as '1d', or a number in the unit of a column of numbers"
    try:
        length = parse_duration_s(value) if isinstance(value, str) else value
    except InputError:
        raise refusal(f"is {shown(value)}", allowed) from None
    if isinstance(length, bool) or not isinstance(length, int | float) or not 0 <= length < 1e18:
        raise refusal(f"is {shown(value)}", allowed)
    return value


def _slices(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST_PAIRS <= value <= MOST_SLICES:
        raise refusal(
            f"is {shown(value)}", f"allowed: a whole number from {LEAST_PAIRS} to {MOST_SLICES}",
            "one slice for each pair of the test: omit the key to have as many as [search] max_pairs",
        )  # fmt: skip
    return value


def _inside(value: object) -> object:
    path = PurePosixPath(value) if isinstance(value, str) and value.strip() and "\0" not in value else None
    if path is None or path.is_absolute() or os.pardir in path.parts:
        raise refusal(f"is {shown(value)}", "allowed: a path inside the data's folder, such as 'labels.csv'")
    return str(path)


Share = Annotated[float, BeforeValidator(_share)]


class SplitTable(Table):
    """How the data of a campaign is cut, once, into rows to train on, to compare trials on, and to score pairs on."""

    by: Literal["rows", "groups", "time"]
    column: Line | None = None
    gap: Annotated[float | str, BeforeValidator(_gap)] | None = None
    development: Share = 0.1
    held_out: Share = 0.4
    slices: Annotated[int, BeforeValidator(_slices)] | None = None
    draw: Annotated[float | Literal["bootstrap"], BeforeValidator(_draw)] | None = None
    list_file: Annotated[str, BeforeValidator(_inside)] | None = Field(default=None, alias="list")
    file_column: Annotated[Line, AfterValidator(str)] | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.by != "rows" and self.column is None:
            found = "is missing, and by = " + shown(self.by) + " needs it"
            raise refusal(found, f"allowed: the name of the column that holds the {_HELD[self.by]}", key="column")
        for key, value, wanted in (("column", self.column, ("groups", "time")), ("gap", self.gap, ("time",))):
            if value is not None and self.by not in wanted:
                allowed = "allowed with by = " + " or ".join(map(shown, wanted))
                raise refusal(f"is {shown(value)} with by = {shown(self.by)}", allowed, "remove it", key=key)
        if self.by == "time" and self.draw == "bootstrap":
            allowed = "allowed with by = 'time': a share, of training rows that follow each other"
            raise refusal("is 'bootstrap'", allowed, "omit the key for 0.8", key="draw")
        if self.file_column is not None and self.list_file is None:
            raise refusal("is set without list", "allowed with list alone", "name the list too", key="file_column")
        if self.development + self.held_out >= 1:
            total = f"{self.development + self.held_out:g}"
            raise refusal(
                f"has development {self.development:g} and held_out {self.held_out:g}, together {total}",
                "allowed: less than 1 together, because the rest trains",
                "for instance development = 0.1 and held_out = 0.4",
            )
        return self

    def shares(self, pairs: int) -> Shares:
        """What the cut needs, where the test may run so many pairs."""
        slices = pairs if self.slices is None else self.slices
        return Shares(self.development, self.held_out, slices, pairs)

    def drawn_share(self, *, is_folder: bool) -> float | None:
        """The share of the training rows that a run trains on; None: a bootstrap of them.

        By default files of a folder are drawn without repeats, half of them: its spread is that of a bootstrap.
        """
        if self.draw is None:
            return _SHARE_OF_A_WINDOW if self.by == "time" else 0.5 if is_folder else None
        return None if self.draw == "bootstrap" else self.draw

    def gap_of(self, column: str, *, are_dates: bool) -> float:
        """The gap in the unit of a time column: seconds where it holds dates. Raises InputError for another."""
        if self.gap is None or self.gap == 0:
            return 0.0
        if isinstance(self.gap, str) is not are_dates:
            gap = self.gap if isinstance(self.gap, str) else f"{self.gap:g}"
            held, allowed = ("dates", "a time with its unit") if are_dates else ("numbers", "a number in their unit")
            instance = "gap = '7 days'" if are_dates else "gap = 7"
            found = f"data.split.gap is {gap}, and '{column}' holds {held}"
            raise InputError(found, f"allowed: {allowed}", f"for instance {instance}")
        return parse_duration_s(self.gap) if isinstance(self.gap, str) else float(self.gap)

    def in_words(self) -> str:
        """The split in words, for the record of what scores are measured by."""
        parts = [f"by {self.by}", *([f"of {self.column}"] if self.column else [])]
        parts += [f"gap {self.gap}"] if self.gap is not None else []
        parts += [f"{self.development:g} development, {self.held_out:g} held out"]
        parts += [f"{self.slices} slices"] if self.slices is not None else []
        parts += [f"drawn: {self.draw}"] if self.draw is not None else []
        return " ".join(parts)


_HELD = {"groups": "groups, such as customer or patient", "time": "time of each row"}
