"""A folder of files whose parts are folders of links: one sub-folder a class, or the files that a list names."""

import errno
import os
from collections.abc import Iterator
from itertools import compress
from pathlib import Path, PurePosixPath
from typing import cast

from ....strategies.errors import InputError
from ....strategies.words import counted, readable
from ..fingerprints import files_below
from .columns import column_number
from .source import Counts, Rows
from .streams import Damaged, blocks, changed, open_source
from .text_rows import csv_header, json_cell, line_pieces
from .text_table import JSON_LINES, PLAIN_LINES, SEPARATOR_OF, TextTable

LIST_SUFFIXES = (*SEPARATOR_OF, *JSON_LINES, *PLAIN_LINES)
_USUAL_FILE_KEY = "file_name"
_CANNOT_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EACCES, errno.EOPNOTSUPP)


class FolderOfFiles:
    """Each file is a row, and the sub-folder at the top that it is in, if any, is its class."""

    def __init__(self, folder: Path) -> None:
        """Raises InputError for a folder that holds no files, or some beside the folders of classes."""
        self.name = readable(folder.name)
        self.suffix = ""
        self._folder = folder
        self.files = tuple(sorted(file for file in files_below(folder) if not _is_hidden(file.relative_to(folder))))
        places = [file.relative_to(folder).parts for file in self.files]
        self._class_names = sorted({parts[0] for parts in places if len(parts) > 1})
        if not self.files:
            raise InputError(f"{self.name} holds no files", "", "check [data] in the model file")
        loose = [parts[0] for parts in places if len(parts) == 1]
        if self._class_names and loose:
            raise InputError(
                f"{self.name} holds {readable(loose[0])} beside {counted(len(self._class_names), 'sub-folder')}",
                "allowed: one sub-folder a class and nothing beside them, or a list of the files",
                f"write list = '{readable(loose[0])}' under [data.split] if it names them, or move it away",
            )
        numbers = {name: number for number, name in enumerate(self._class_names)}
        self.classes = tuple(numbers[parts[0]] for parts in places) if self._class_names else ()

    def scan(self, column: str | None) -> Iterator[Rows]:
        """The files; they have no columns."""
        if column is not None:
            raise InputError(
                f"data.split.column is '{column}', and {self.name} is a folder without a list",
                "allowed with a list of the files, whose columns count",
                "write list = 'FILE' under [data.split], or by = 'rows'",
            )
        yield Rows(len(self.files), [])

    def layout(self) -> object:
        """Nothing: the folder says it itself."""
        return None

    def restore(self, layout: object) -> None:
        """Be as after a whole `scan`."""

    def write(self, target: Path, counts: Counts, lengths: Path) -> None:
        """Make a folder of links to the wanted files; a file that is wanted twice has a second link, `NAME~2.END`.

        Every class has its folder, so that what numbers the folders numbers them alike in all parts.
        """
        target.mkdir()
        for name in self._class_names:
            (target / name).mkdir()
        for file, count in zip(self.files, counts(len(self.files)), strict=True):
            place = target / file.relative_to(self._folder)
            for number in range(1, count + 1):
                link(file, place if number == 1 else place.with_name(f"{place.stem}~{number}{place.suffix}"))


class ListedFiles:
    """The rows of a list in a folder, each of which names a file in it."""

    def __init__(self, folder: Path, list_file: str, file_column: str | None) -> None:
        """`list_file`: a path inside the folder. `file_column` None: the first one. Raises InputError."""
        path = folder / list_file
        if not path.is_file():
            raise InputError(
                f"data.split.list is '{list_file}', and there is no such file in {readable(folder.name)}",
                "allowed: a file in the data's folder", "correct it",
            )  # fmt: skip
        if path.suffix.lower() not in LIST_SUFFIXES:
            raise InputError(
                f"data.split.list is '{list_file}'", f"allowed: a name that ends in {', '.join(LIST_SUFFIXES)}",
                "write the list in one of these formats",
            )  # fmt: skip
        self.name = readable(path.name)
        self.suffix = ""
        self.classes: tuple[int, ...] = ()
        self._folder, self._list = folder, PurePosixPath(list_file)
        self._file_column = file_column
        self._table = TextTable([path])
        self.files: tuple[Path, ...] = (path,)
        if path.suffix.lower() in SEPARATOR_OF:
            self._file_column = self._checked_column(path)

    def scan(self, column: str | None) -> Iterator[Rows]:
        """The rows of the list. Raises InputError where one names a file that is not there."""
        names, row = self._names(), 0
        for rows in self._table.scan(column):
            for _ in range(rows.count):
                row += 1
                self._named(next(names), row)
            yield rows

    def layout(self) -> object:
        """That of the list."""
        return self._table.layout()

    def restore(self, layout: object) -> None:
        """Be as after a whole `scan`."""
        self._table.restore(layout)

    def write(self, target: Path, counts: Counts, lengths: Path) -> None:
        """Make a folder with the wanted rows of the list under its own name, and links to the files that they name."""
        target.mkdir()
        (target / self._list).parent.mkdir(parents=True, exist_ok=True)
        wanted = bytearray()

        def noted(number: int) -> bytes:
            piece = counts(number)
            wanted.extend(piece)
            return piece

        self._table.write(target / self._list, noted, lengths)
        for row, name in compress(enumerate(self._names(), 1), wanted):
            place = target / self._named(name, row)
            if not os.path.lexists(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                link(self._folder / self._named(name, row), place)

    def _names(self) -> Iterator[str]:
        """The name in each row of the list, in order."""
        file = self._folder / self._list
        suffix = file.suffix.lower()
        if suffix in SEPARATOR_OF:
            for rows in TextTable([file]).scan(self._file_column):
                yield from cast(list[str], rows.cells)
            return
        with open_source(file) as stream:
            cell_of = (
                _plain_name if suffix in PLAIN_LINES else json_cell(self._file_column or _USUAL_FILE_KEY, self.name)
            )
            for piece in line_pieces(blocks(stream, file), cell_of):
                yield from map(str, piece.cells)

    def _checked_column(self, path: Path) -> str:
        """The column that names the files. Raises InputError where there is none of that name, or no header."""
        with open_source(path) as stream:
            names = csv_header(next(blocks(stream, path), b""), SEPARATOR_OF[path.suffix.lower()], self.name).names
        if not names or (self._folder / names[0]).is_file():
            raise InputError(
                f"{self.name} has no header", "allowed: a list whose first row names its columns",
                "write one, such as 'file,label', or a .txt with one path a line",
            )  # fmt: skip
        if self._file_column is None:
            return names[0]
        return names[column_number(self._file_column, names, self.name, "file_column")]

    def _named(self, name: str, row: int) -> PurePosixPath:
        """The path of a named file inside the folder."""
        path = PurePosixPath(name)
        if path.is_absolute() or os.pardir in path.parts or "\0" in name:
            raise Damaged(
                f"{self.name}: row {row} names '{readable(name[:100])}'", "allowed: paths inside the data's folder",
                "correct the list",
            )  # fmt: skip
        if not name.strip() or not (self._folder / path).is_file():
            raise Damaged(
                f"{self.name}: row {row} names '{readable(name[:100])}', and there is no such file",
                "allowed: paths from the data's folder, in the column that file_column names, or in the first",
                "correct the list, or file_column under [data.split]",
            )
        return path


def link(file: Path, place: Path) -> None:
    """A hard link to a file, or a symbolic one where the file system allows no other. Raises Damaged where the file is
    gone."""
    try:
        os.link(file, place)
    except FileNotFoundError:
        raise changed(file) from None
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        place.symlink_to(file)


def _is_hidden(place: Path) -> bool:
    return any(part.startswith(".") for part in place.parts)


def _plain_name(line: bytes, number: int) -> str:
    """The file in a plain line: what stands before a tab, where there is one, as in `name<tab>label`."""
    return line.decode("utf-8-sig", errors="replace").strip().partition("\t")[0]
