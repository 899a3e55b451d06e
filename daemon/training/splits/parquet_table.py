"""Rows of Parquet files, by pyarrow, which comes with the extra `parquet` and is loaded only where it is needed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ....strategies.errors import InputError
from ....strategies.words import readable
from .columns import column_number
from .source import Counts, Rows
from .streams import Damaged, changed

SUFFIXES = (".parquet", ".pq")
_ROWS_AT_ONCE = 16384


class ParquetTable:
    """A table in one or more Parquet files with the same columns."""

    def __init__(self, files: Sequence[Path]) -> None:
        """`files`: in the order of their rows. Raises InputError where pyarrow is not installed."""
        self.files = tuple(files)
        self.name = readable(files[0].name)
        self.suffix = files[0].suffix.lower()
        self.classes: tuple[int, ...] = ()
        self._parquet = _pyarrow()

    def scan(self, column: str | None) -> Iterator[Rows]:
        """All rows in order; without a column they are only counted."""
        schema = None
        for path in self.files:
            with self._open(path) as file:
                if schema is not None and not file.schema_arrow.equals(schema):
                    raise Damaged(
                        f"{readable(path.name)} has other columns than {self.name}", "allowed: the same in all files",
                        "correct glob under [data]",
                    )  # fmt: skip
                schema = file.schema_arrow
                if column is None:
                    yield Rows(file.metadata.num_rows, [])
                    continue
                column_number(column, schema.names, readable(path.name))
                for batch in self._batches(file, path, [column]):
                    yield Rows(batch.num_rows, batch.column(0).to_pylist())

    def layout(self) -> object:
        """Nothing: the files say it themselves."""
        return None

    def restore(self, layout: object) -> None:
        """Be as after a whole `scan`."""

    def write(self, target: Path, counts: Counts, lengths: Path) -> None:
        """Write the wanted rows, in order, with the columns, their types and the compression of the first file."""
        writer = None
        try:
            for path in self.files:
                with self._open(path) as file:
                    writer = writer or self._parquet.ParquetWriter(
                        target, file.schema_arrow, compression=_compression(file)
                    )
                    for batch in self._batches(file, path, None):
                        wanted = counts(batch.num_rows)
                        if len(wanted) < batch.num_rows:
                            raise changed(path)
                        rows = [row for row, count in enumerate(wanted) for _ in range(count)]
                        if rows:
                            writer.write_batch(batch.take(rows_array(rows)))
        finally:
            if writer is not None:
                writer.close()

    def _open(self, path: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
        import pyarrow

        try:
            return self._parquet.ParquetFile(path)
        except (pyarrow.ArrowException, OSError) as error:
            raise Damaged(
                f"{readable(path.name)} cannot be read as Parquet: {_first_line(error)}", "", "write it again"
            ) from None

    def _batches(self, file: Any, path: Path, columns: list[str] | None) -> Iterator[Any]:  # noqa: ANN401
        import pyarrow

        try:
            yield from file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns)
        except (pyarrow.ArrowException, OSError) as error:
            raise Damaged(
                f"{readable(path.name)} cannot be read to its end: {_first_line(error)}", "", "write it again"
            ) from None


def rows_array(rows: list[int]) -> Any:  # noqa: ANN401 - pyarrow has no types
    """Row numbers as pyarrow takes them, (row,)."""
    import pyarrow

    return pyarrow.array(rows, type=pyarrow.int64())


def _pyarrow() -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "the data is Parquet, which needs pyarrow", "it comes with the extra 'parquet'",
            "pip install 'retuned[parquet]', or have the prepare command write CSV",
        ) from None  # fmt: skip
    return pyarrow.parquet


def _compression(file: Any) -> str:  # noqa: ANN401 - pyarrow has no types
    metadata = file.metadata
    if metadata.num_row_groups == 0 or metadata.num_columns == 0:
        return "snappy"
    named = str(metadata.row_group(0).column(0).compression).lower()
    return {"uncompressed": "none"}.get(named, named)


def _first_line(error: BaseException) -> str:
    return readable((str(error).splitlines() or ["no reason given"])[0][:200])
