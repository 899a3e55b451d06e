"""The cut of a campaign's data, made once: the part of each row, kept beside the files that are written from it."""

import json
import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

from ....strategies.errors import InputError
from ....strategies.splits.moments import moment_of
from ....strategies.splits.partition import (
    DEVELOPMENT,
    LEAST_PAIRS,
    TRAIN,
    Parts,
    Shares,
    Sizes,
    part_groups,
    part_rows,
    part_times,
    slice_sizes,
)
from ....strategies.words import readable
from ...config.split_tables import SplitTable
from ...durable_files import read_json, sync_file, sync_folder, temporary_beside, write_json
from ...foreign_files import remove
from .source import Rows, Source
from .streams import Damaged, changed

VERSION = 1
SMALL_SLICE = 30  # rows, below which the luck of the slice is most of what a pair measures
Progress = Callable[[], None]


@dataclass(slots=True)
class Planned:
    """What rows go where. By groups: `parts_of_groups`, and the group of each row by number; else empty."""

    parts: Parts
    parts_of_groups: Parts
    groups: "array[int]"


def plan_cut(
    source: Source, split: SplitTable, shares: Shares, lengths: IO[bytes] | None, progress: Progress
) -> Planned:
    """Look through all rows once and decide where each goes; their lengths are written, where the source needs them.

    Raises InputError for data that cannot be cut so.
    """
    none: array[int] = array("H")
    pieces = _noted(source, split.column, lengths, progress)
    if split.by == "groups":
        groups, sizes = _groups(source, str(split.column), pieces)
        parts_of_groups = part_groups(sizes, shares) if sizes else _no_rows(source)
        return Planned(array("H", (parts_of_groups[group] for group in groups)), parts_of_groups, groups)
    if split.by == "time":
        moments, gap = _moments(source, split, pieces)
        return Planned(part_times(moments, shares, gap) if moments else _no_rows(source), none, array("I"))
    rows = sum(piece.count for piece in pieces)
    return Planned(part_rows(rows, shares, source.classes) if rows else _no_rows(source), none, array("I"))


class Cut:
    """The cut of a source, as kept in a folder."""

    def __init__(self, folder: Path, record: dict[str, Any]) -> None:
        self._folder = folder
        self._record = record
        self.lengths = folder / "lengths"
        self.sizes = Sizes(**record["sizes"])

    @property
    def layout(self) -> object:
        """What the source needs to know of itself."""
        return self._record["layout"]

    @property
    def bytes(self) -> int:
        """The size of all files that were cut."""
        return sum(state[0] for state in self._record["states"])

    def parts(self) -> Parts:
        """The part of each row."""
        return _read(self._folder / "parts", "H")

    def parts_of_groups(self) -> Parts:
        """The part of each group."""
        return _read(self._folder / "parts_of_groups", "H")

    def groups(self) -> "array[int]":
        """The group of each row, by number."""
        return _read(self._folder / "groups", "I")

    def check_unchanged(self, source: Source) -> None:
        """Raise Damaged where the source is no longer what was cut."""
        states = states_of(source)
        for path, before, now in zip(source.files, self._record["states"], states, strict=False):
            if list(before) != list(now):
                raise changed(path)
        if len(states) != len(self._record["states"]):
            raise changed(source.files[0].parent)


def cut(source: Source, split: SplitTable, shares: Shares, folder: Path, progress: Progress) -> Cut:
    """The cut of a source in `folder`, made where it is not there yet.

    Raises InputError for data that cannot be cut so, and OSError where it cannot be written.
    """
    asked = {"version": VERSION, "split": split.model_dump_json(by_alias=True), "slices": shares.slices}
    kept = read_json(folder / "cut.json")
    if kept is not None and all(kept.get(key) == value for key, value in asked.items()):
        found = Cut(folder, kept)
        if kept["states"] == json.loads(json.dumps(states_of(source))):
            source.restore(found.layout)
            return found
    remove(folder)
    partial = temporary_beside(folder)
    remove(partial)
    partial.mkdir(parents=True)
    try:
        record = asked | _write(source, split, shares, partial, progress)
        partial.rename(folder)
    finally:
        remove(partial)
    sync_folder(folder.parent)
    return Cut(folder, record)


def states_of(source: Source) -> list[list[int]]:
    """Size and time of change of each file. Raises Damaged for one that is gone."""
    states = []
    for path in source.files:
        try:
            status = os.stat(path)
        except OSError:
            raise changed(path) from None
        states.append([status.st_size, status.st_mtime_ns, status.st_ino])
    return states


def _write(source: Source, split: SplitTable, shares: Shares, folder: Path, progress: Progress) -> dict[str, Any]:
    states = states_of(source)
    with (folder / "lengths").open("wb") as lengths:
        planned = plan_cut(source, split, shares, lengths, progress)
    for name in ("parts", "parts_of_groups", "groups"):
        entries: array[int] = getattr(planned, name)
        with (folder / name).open("wb") as file:
            entries.tofile(file)
        sync_file(folder / name)
    sync_file(folder / "lengths")
    if states != states_of(source):
        raise changed(source.files[0])
    sizes = sizes_of(planned.parts, shares.slices)
    record = {"states": states, "layout": source.layout(), "sizes": asdict(sizes)}
    asked = {"version": VERSION, "split": split.model_dump_json(by_alias=True), "slices": shares.slices}
    write_json(folder / "cut.json", asked | record)
    return record


def sizes_of(parts: Parts, slices: int) -> Sizes:
    """How many rows are in which part."""
    smallest, largest = slice_sizes(parts, slices)
    return Sizes(len(parts), parts.count(TRAIN), parts.count(DEVELOPMENT), slices, smallest, largest)


def _noted(source: Source, column: str | None, lengths: IO[bytes] | None, progress: Progress) -> Iterator[Rows]:
    for rows in source.scan(column):
        progress()
        if lengths is not None and rows.lengths is not None:
            rows.lengths.tofile(lengths)
        yield rows


def _groups(source: Source, column: str, pieces: Iterator[Rows]) -> tuple["array[int]", "array[int]"]:
    """The group of each row by number, and the number of rows of each group."""
    numbers: dict[object, int] = {}
    groups, sizes = array("I"), array("Q")
    for rows in pieces:
        for cell in rows.cells:
            if cell is None or cell == "" or cell != cell:  # the last: not a number, in Parquet
                raise Damaged(
                    f"{source.name}: row {len(groups) + 1} has nothing in '{readable(column)}'",
                    "allowed: a group for every row, because rows without one may belong together",
                    "fill the cells in the prepare command, or name another column under [data.split]",
                )
            key = cell if isinstance(cell, str | int | float) else json.dumps(cell, default=str)
            number = numbers.setdefault(key, len(numbers))
            if number == len(sizes):
                sizes.append(0)
            sizes[number] += 1
            groups.append(number)
    return groups, sizes


def _moments(source: Source, split: SplitTable, pieces: Iterator[Rows]) -> tuple["array[float]", float]:
    """The moment of each row, and the gap in their unit. Raises Damaged where they are not in order."""
    column, moments = readable(str(split.column)), array("d")
    are_dates: bool | None = None
    last: object = None
    for cell, row in zip((cell for rows in pieces for cell in rows.cells), count(1), strict=False):
        if cell == last and moments:  # rows of one moment often follow each other
            moments.append(moments[-1])
            continue
        last = cell
        try:
            found = moment_of(cell)
        except InputError as error:
            raise Damaged(f"{source.name}: row {row}, '{column}': {error.found}", error.allowed, error.remedy) from None
        if found is None or (are_dates is not None and found[1] != are_dates):
            what = "nothing" if found is None else "a date" if found[1] else "a plain number"
            raise Damaged(
                f"{source.name}: row {row} has {what} in the time column '{column}'",
                "allowed: a date in every row, or a number in every row", "fill or correct it in the prepare command",
            )  # fmt: skip
        if moments and found[0] < moments[-1]:
            raise Damaged(
                f"{source.name}: row {row} is earlier than the row before it in '{column}'",
                "allowed: rows in the order of time", f"sort the data by '{column}', as in the prepare command",
            )  # fmt: skip
        moments.append(found[0])
        are_dates = found[1]
    return moments, split.gap_of(column, are_dates=bool(are_dates))


def _no_rows(source: Source) -> Parts:
    raise Damaged(f"{source.name} has no row", "", "check [data] in the model file")


def _read(path: Path, typecode: str) -> "array[int]":
    entries: array[int] = array(typecode)
    with path.open("rb") as file:
        entries.frombytes(file.read())
    return entries


def sentence_of(sizes: Sizes, split: SplitTable) -> str:
    """What was cut, for the owner; with a warning where the slices are small."""
    text = (
        f"retuned cut {sizes.rows:,} rows by {split.by}: {sizes.train:,} to train on, {sizes.development:,} for the "
        f"search, {sizes.slices} held-out slices of {_rows_a_slice(sizes)}"
    )
    return f"{text}; {_few_rows(sizes.slices)}" if sizes.smallest < SMALL_SLICE else text


def slices_in_words(sizes: Sizes, split: SplitTable) -> str:
    """How many pairs the slices are enough for, and how many rows each has; with a warning where they are small."""
    text = (
        f"[data.split] by {split.by} gives {sizes.slices} held-out slices of {_rows_a_slice(sizes)} rows: enough for "
        f"{sizes.slices} pairs; trainings draw from {sizes.train:,} of {sizes.rows:,} rows"
    )
    return f"{text}; {_few_rows(sizes.slices)}" if sizes.smallest < SMALL_SLICE else text


def _few_rows(pairs: int) -> str:
    """Why small slices are told, and what to do about them."""
    return f"scores on so few rows vary much, and larger slices show more: {larger_slices(pairs)}"


def larger_slices(pairs: int) -> str:
    """What makes the slices larger: more data, or half as many pairs, where those are enough for a test."""
    fewer = pairs // 4 * 2
    return f"give more data, or set max_pairs = {fewer} under [search]" if fewer >= LEAST_PAIRS else "give more data"


def _rows_a_slice(sizes: Sizes) -> str:
    return f"{sizes.smallest:,}" if sizes.smallest == sizes.largest else f"{sizes.smallest:,} to {sizes.largest:,}"
