"""The source of rows in a campaign's data, by what the data are."""

from pathlib import Path

from ....strategies.errors import InputError
from ....strategies.words import readable
from ...config.model_tables import DataTable
from ...config.split_tables import SplitTable
from ..fingerprints import files_below
from . import parquet_table, text_table
from .file_folder import FolderOfFiles, ListedFiles
from .parquet_table import ParquetTable
from .source import Source
from .streams import suffix_of
from .text_table import TextTable

TABLES = (*text_table.SUFFIXES, *parquet_table.SUFFIXES)


def source_in(data: DataTable, split: SplitTable, path: Path) -> Source:
    """The rows of the data at `path`, the owner's or a snapshot: a file, a folder, or a folder of what a pattern names.

    The tables that a pattern names are one table, in the order of their names; other files are rows themselves. Raises
    InputError for what cannot be cut.
    """
    if split.list_file is not None:
        if not path.is_dir():
            raise InputError(
                f"data.split.list is '{split.list_file}', and {readable(path.name)} is no folder",
                "allowed: a list in a folder of files", "remove it",
            )  # fmt: skip
        return ListedFiles(path, split.list_file, split.file_column)
    if not path.is_dir():
        return table_of([path])
    files = sorted(files_below(path)) if data.glob is not None else []
    if files and any(suffix_of(file) in TABLES for file in files):
        return table_of(files)
    folder = FolderOfFiles(path)
    if data.glob is None and not folder.classes and all(suffix_of(file) in TABLES for file in folder.files):
        raise InputError(
            f"{folder.name} is a folder of tables",
            "allowed: a folder of files that are one example each, or a pattern",
            f"to cut the rows of the tables, write glob = '{folder.name}/*{suffix_of(folder.files[0])}' under [data]",
        )  # fmt: skip
    return folder


def table_of(files: list[Path]) -> Source:
    """The rows of table files of one format. Raises InputError."""
    suffixes = sorted({suffix_of(file) for file in files})
    if len(suffixes) > 1:
        raise InputError(
            f"the data are files that end in {readable(' and '.join(suffixes))}", "allowed: one format",
            "correct glob under [data]",
        )  # fmt: skip
    if suffixes[0] in parquet_table.SUFFIXES:
        return ParquetTable(files)
    if suffixes[0] in text_table.SUFFIXES:
        return TextTable(files)
    raise InputError(
        f"[data.split] cannot cut {readable(files[0].name)}", f"allowed: a folder of files, or {', '.join(TABLES)}",
        "write such a file in the prepare command, or remove the table and cut the rows in the training",
    )  # fmt: skip
