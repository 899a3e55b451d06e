"""What a cut works on: a source of rows that can be looked through once, and written again in part."""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(slots=True)
class Rows:
    """Some rows of a source that follow each other: their number, the cells of a column where one is asked for, and
    how long each is in the file, where the source needs to know that again."""

    count: int
    cells: list[object]
    lengths: "array[int] | None" = None


Counts = Callable[[int], bytes]
"""Gives how many times each of the next so many rows is wanted."""


class Source(Protocol):
    """Rows in files of some format."""

    name: str
    """What it is called in messages."""
    suffix: str
    """What the name of a part ends in; empty where a part is a folder."""
    files: tuple[Path, ...]
    """What is read, so that a change can be seen."""
    classes: tuple[int, ...]
    """The class of each row by number, where the source has classes; else empty."""

    def scan(self, column: str | None) -> Iterator[Rows]:
        """All rows in order. Raises InputError where they cannot be read or lack the column."""

    def layout(self) -> object:
        """What `restore` needs beside the lengths, as JSON values; after a whole `scan`."""

    def restore(self, layout: object) -> None:
        """Be as after a whole `scan`."""

    def write(self, target: Path, counts: Counts, lengths: Path) -> None:
        """Write the wanted rows, in order, into a new file or folder. `lengths`: the file of their lengths. Raises
        InputError when the source changed, OSError when the target cannot be written."""
