"""Rows of tables in text: CSV, TSV, JSON Lines, compressed or not; several files with one header are one table."""

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, compress
from pathlib import Path
from typing import IO, Any, cast

from ....strategies.words import readable
from .columns import column_number
from .source import Counts, Rows
from .streams import BOM, PIECE_BYTES, Damaged, blocks, changed, open_source, open_target, read_exactly, suffix_of
from .text_rows import Header, Piece, csv_header, csv_pieces, json_cell, line_pieces

SEPARATOR_OF = {".csv": "", ".tsv": "\t", ".tab": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
PLAIN_LINES = (".txt", ".lst")
SUFFIXES = tuple(suffix + packed for suffix in (*SEPARATOR_OF, *JSON_LINES) for packed in ("", ".gz"))
_ROWS_AT_ONCE, _BYTES_AT_ONCE = 8192, 4 << 20


class TextTable:
    """A table in one or more text files."""

    def __init__(self, files: Sequence[Path], piece_bytes: int = PIECE_BYTES) -> None:
        """`files`: in the order of their rows, all of one format. `piece_bytes`: how much is read at a time."""
        self._piece_bytes = piece_bytes
        self.files = tuple(files)
        self.name = readable(files[0].name)
        self.suffix = suffix_of(files[0])
        self.classes: tuple[int, ...] = ()
        self._format = self.suffix.removesuffix(".gz")
        self._spans: list[tuple[int, int, int]] = []  # of each file: bytes before the first row, rows, and their bytes

    def scan(self, column: str | None) -> Iterator[Rows]:
        """All rows in order."""
        self._spans = []
        first: Header | None = None
        for file in self.files:
            with open_source(file) as stream:
                header, pieces = self._pieces(stream, file, column)
                if first is not None and header is not None and _plain(header) != _plain(first):
                    raise Damaged(
                        f"{readable(file.name)} has other columns than {self.name}", "allowed: one header in all files",
                        "correct glob under [data]",
                    )  # fmt: skip
                first = first or header
                yield from self._joined(pieces, 0 if header is None else len(header.content))

    def layout(self) -> object:
        """Bytes before the first row, number of rows and their bytes, of each file."""
        return self._spans

    def restore(self, layout: object) -> None:
        """Be as after a whole `scan`."""
        self._spans = [(before, rows, size) for before, rows, size in cast(list[list[int]], layout)]

    def write(self, target: Path, counts: Counts, lengths: Path) -> None:
        """Write the wanted rows, in order, with the header; a row that lacks its end gets one."""
        with lengths.open("rb") as sizes, open_target(target, is_packed=self.suffix.endswith(".gz")) as out:
            for number, (file, (before, rows, size)) in enumerate(zip(self.files, self._spans, strict=True)):
                with open_source(file) as stream:
                    header = read_exactly(stream, before, file)
                    if number == 0:
                        out.write(header)
                    at_once = max(1, min(_ROWS_AT_ONCE, _BYTES_AT_ONCE * rows // max(1, size)))
                    _copy_rows(stream, out, rows, at_once, counts, sizes, file)
                    if stream.read(1):
                        raise changed(file)

    def _pieces(self, stream: IO[bytes], file: Path, column: str | None) -> tuple[Header | None, Iterator[Piece]]:
        whole, name = blocks(stream, file, self._piece_bytes), readable(file.name)
        if self._format in JSON_LINES:
            return None, line_pieces(whole, json_cell(column, name))
        if self._format in PLAIN_LINES:
            return None, line_pieces(whole, _line_cell)
        block = next(whole, b"")
        header = csv_header(block, SEPARATOR_OF[self._format], name)
        number = None if column is None else column_number(column, header.names, name)
        return header, csv_pieces(_with(block[len(header.content) :], whole), header, number, name)

    def _joined(self, pieces: Iterator[Piece], before: int) -> Iterator[Rows]:
        """The pieces as rows; empty lines at the start of a piece go to the last row of the one before it."""
        rows, size, held = 0, 0, Piece()
        for piece in pieces:
            if held.lengths:
                held.lengths[-1] += piece.before
            else:
                before += piece.before
            if not piece.lengths:
                continue
            if held.lengths:
                size += sum(held.lengths)
                yield Rows(len(held.lengths), held.cells, held.lengths)
            rows += len(piece.lengths)
            held = piece
        if held.lengths:
            size += sum(held.lengths)
            yield Rows(len(held.lengths), held.cells, held.lengths)
        self._spans.append((before, rows, size))


def _copy_rows(
    stream: IO[bytes], out: IO[bytes], rows: int, at_once: int, counts: Counts, sizes: IO[bytes], file: Path
) -> None:
    for start in range(0, rows, at_once):
        number = min(at_once, rows - start)
        lengths = array("I", sizes.read(4 * number))
        wanted = counts(number)
        content = memoryview(read_exactly(stream, sum(lengths), file))
        chosen: list[Any] = []
        for end, length, count in compress(zip(accumulate(lengths), lengths, wanted, strict=True), wanted):
            row = content[end - length : end]
            if row[-1] not in b"\r\n":
                row = memoryview(bytes(row) + b"\n")
            chosen += [row] * count
        out.write(b"".join(chosen))


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _line_cell(line: bytes, number: int) -> str:
    """A plain line as its only cell."""
    return (line.removeprefix(BOM) if number == 1 else line).decode("utf-8", errors="replace").strip("\r\n")


def _plain(header: Header) -> tuple[object, ...]:
    return header.names, header.width, header.separator
