"""Where the rows of a text table end: CSV with quoted line ends, JSON Lines, and plain lines.

Rows are not copied nor decoded as a whole; what is kept of one is its length in bytes, and the cell that is asked for.
"""

import csv
import json
import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, repeat

from ....strategies.words import counted
from .streams import BOM, LONGEST_LINE_BYTES, Damaged

SEPARATORS = ",;\t|"
_QUOTED = {  # a whole cell in quotes, between separators, line ends or the ends of the block
    separator: re.compile(
        rb'(?<![^%b\r\n])"(?>[^"]*(?:""[^"]*)*)"(?![^%b\r\n])' % ((re.escape(separator.encode()),) * 2)
    )
    for separator in SEPARATORS
}
_EMPTY = (b"\n", b"\r\n", b"\r")
Blocks = Iterator[bytes]


@dataclass(slots=True)
class Piece:
    """Some rows that follow each other: how long each is in bytes, and its cell in the column that is asked for.

    A line without anything in it belongs to the row before; `before` counts the bytes of those before the first row.
    `cells` is empty where no column is asked for.
    """

    before: int = 0
    lengths: "array[int]" = field(default_factory=lambda: array("I"))
    cells: list[object] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the rows of a table: its bytes, and the names of the columns; none where it has no header."""

    content: bytes
    names: tuple[str, ...]
    width: int
    separator: str = ","


def csv_header(first: bytes, separator: str, name: str) -> Header:
    """The header in the first block of a table; empty `separator`: the one that its first line has most of.

    A first row of nothing but numbers is no header. Raises Damaged for an empty file.
    """
    mark = BOM if first.startswith(BOM) else b""
    lines = first[len(mark) :].splitlines(keepends=True)
    skipped = next((number for number, line in enumerate(lines) if line not in _EMPTY), None)
    if skipped is None:
        raise Damaged(f"{name} has no row", "", "check [data] in the model file")
    separator = separator or max(SEPARATORS, key=lines[skipped].decode("latin-1").count)
    before = mark + b"".join(lines[:skipped])
    record, taken = _first_record(lines[skipped:], separator, name)
    if all(_is_number(cell) for cell in record if cell.strip()) and any(cell.strip() for cell in record):
        return Header(before, (), len(record), separator)
    names = tuple(_decoded(cell.encode("latin-1")).strip() for cell in record)
    return Header(before + b"".join(lines[skipped : skipped + taken]), names, len(record), separator)


def csv_pieces(blocks: Blocks, header: Header, column: int | None, name: str) -> Iterator[Piece]:
    """The rows after the header, of which `blocks` begins with the first. Raises Damaged at a row of another width."""
    rows = 0
    separator = header.separator.encode()
    for block in blocks:
        if b'"' in block:
            whole = _to_even_quotes(block, blocks)
            piece = _masked(whole, header, column) or _read_by_csv(whole, blocks, header, column, name, rows)
        else:
            piece = _unquoted(block.splitlines(keepends=True), separator, header.width, column, name, rows)
        rows += len(piece.lengths)
        yield piece


def line_pieces(blocks: Blocks, cell_of: Callable[[bytes, int], object] | None) -> Iterator[Piece]:
    """Rows that are one line each; `cell_of` gives a row's cell from its line and its number, from 1."""
    rows = 0
    for block in blocks:
        piece = Piece()
        for line in block.splitlines(keepends=True):
            if not line.strip():
                _lengthen(piece, len(line))
                continue
            rows += 1
            piece.lengths.append(len(line))
            if cell_of is not None:
                piece.cells.append(cell_of(line, rows))
        yield piece


def json_cell(column: str | None, name: str) -> Callable[[bytes, int], object]:
    """Reads a row of JSON Lines and gives its value in the column; None without a column. Raises Damaged."""

    def cell_of(line: bytes, number: int) -> object:
        try:
            row = json.loads(line.removeprefix(BOM) if number == 1 else line)
        except (ValueError, RecursionError):
            raise Damaged(f"{name}: row {number} is not JSON", "allowed: one JSON object a line", "mend it") from None
        if not isinstance(row, dict):
            raise Damaged(f"{name}: row {number} is no object", "allowed: one JSON object a line", "mend it")
        if column is not None and column not in row:
            raise Damaged(
                f"{name}: row {number} has no '{column}'", f"it has {', '.join(map(str, row))}"[:200],
                "correct column under [data.split]",
            )  # fmt: skip
        return None if column is None else row[column]

    return cell_of


def _unquoted(lines: Sequence[bytes], separator: bytes, width: int, column: int | None, name: str, rows: int) -> Piece:
    before = 0
    if width == 1 or set(map(bytes.count, lines, repeat(separator))) != {width - 1}:
        before, lines = _without_empty(lines, separator, width, name, rows)
    piece = Piece(before, array("I", map(len, lines)))
    if column is not None:
        cells = (line.split(separator, column + 1)[column] for line in lines)
        piece.cells = [_decoded(cell.rstrip(b"\r\n")) for cell in cells]
    return piece


def _without_empty(
    lines: Sequence[bytes], separator: bytes, width: int, name: str, rows: int
) -> tuple[int, list[bytes]]:
    """The bytes before the first row, and the lines of rows, each with the empty lines after it. Raises Damaged for a
    row of another width."""
    before, joined = 0, list[bytes]()
    for line in lines:
        if line in _EMPTY:
            if joined:
                joined[-1] += line
            else:
                before += len(line)
            continue
        if line.count(separator) != width - 1:
            raise _uneven(name, rows + len(joined) + 1, line.count(separator) + 1, width)
        joined.append(line)
    return before, joined


def _to_even_quotes(block: bytes, blocks: Blocks) -> bytes:
    """The block with as many that follow as it takes to end outside quotes, within a bound."""
    pieces, is_open = [block], block.count(b'"') % 2
    while is_open and len(pieces) * len(block) < LONGEST_LINE_BYTES and (more := next(blocks, None)) is not None:
        pieces.append(more)
        is_open = (is_open + more.count(b'"')) % 2
    return b"".join(pieces)


def _masked(block: bytes, header: Header, column: int | None) -> Piece | None:
    """The rows of a block whose quotes all stand around whole cells, many times as fast as cell by cell; None where
    that is not so, or where something is wrong that `_read_by_csv` tells."""
    separator = header.separator.encode()
    masked = _QUOTED[header.separator].sub(lambda match: b"x" * len(match[0]), block)
    lines = masked.splitlines(keepends=True)
    if b'"' in masked or set(map(bytes.count, lines, repeat(separator))) != {header.width - 1}:
        return None
    if header.width == 1 and any(line in _EMPTY for line in lines):
        return None
    piece = Piece(0, array("I", map(len, lines)))
    if column is not None:
        ends = accumulate(piece.lengths)
        piece.cells = [
            _cell_at(block[end - len(line) : end], line.split(separator, column + 1), column)
            for end, line in zip(ends, lines, strict=True)
        ]
    return piece


def _cell_at(row: bytes, masked: Sequence[bytes], column: int) -> str:
    """A cell of a row, by its place among the masked ones."""
    start = sum(map(len, masked[:column])) + column
    cell = row[start : start + len(masked[column])].rstrip(b"\r\n")
    return _decoded(cell[1:-1].replace(b'""', b'"') if cell.startswith(b'"') else cell)


def _read_by_csv(block: bytes, blocks: Blocks, header: Header, column: int | None, name: str, rows: int) -> Piece:
    """The rows of a block by Python's reader, cell by cell; a row that goes on in the next block takes that in."""
    lines, at, is_torn = block.splitlines(keepends=True), 0, False

    def physical() -> Iterator[str]:
        nonlocal at, is_torn
        while True:
            if at == len(lines):
                more = next(blocks, None)
                if more is None:
                    is_torn = True
                    return
                lines.extend(more.splitlines(keepends=True))
            at += 1
            yield lines[at - 1].decode("latin-1")

    piece, taken = Piece(), 0
    with _long_cells():
        reader = csv.reader(physical(), delimiter=header.separator)
        while at < len(lines):
            try:
                record = next(reader)
            except csv.Error as error:
                raise Damaged(f"{name}: row {rows + len(piece.lengths) + 1}: {error}", "", "mend its quotes") from None
            if is_torn:
                raise _unclosed(name, rows + len(piece.lengths) + 1)
            length = sum(map(len, lines[taken:at]))
            taken = at
            if not record:
                _lengthen(piece, length)
                continue
            if len(record) != header.width:
                raise _uneven(name, rows + len(piece.lengths) + 1, len(record), header.width)
            piece.lengths.append(length)
            if column is not None:
                piece.cells.append(_decoded(record[column].encode("latin-1")))
    return piece


def _first_record(lines: Sequence[bytes], separator: str, name: str) -> tuple[list[str], int]:
    """The cells of the first record, and how many lines it takes."""
    with _long_cells():
        reader = csv.reader((line.decode("latin-1") for line in lines), delimiter=separator)
        try:
            record = next(reader)
        except csv.Error as error:
            raise Damaged(f"{name}: its header cannot be read: {error}", "", "mend its quotes") from None
    return record, reader.line_num


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST_LINE_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _lengthen(piece: Piece, length: int) -> None:
    """Count an empty line to the row before it."""
    if piece.lengths:
        piece.lengths[-1] += length
    else:
        piece.before += length


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _decoded(cell: bytes) -> str:
    return cell.decode("utf-8", errors="replace")


def _uneven(name: str, row: int, cells: int, width: int) -> Damaged:
    return Damaged(
        f"{name}: row {row} has {counted(cells, 'cell')}, the first row has {width}",
        "allowed: as many cells in every row", "mend the row, or quote the separators in its cells",
    )  # fmt: skip


def _unclosed(name: str, row: int) -> Damaged:
    return Damaged(f"{name}: row {row} opens a quote that is never closed", "", "mend its quotes")
