"""A stream of output as lines of plain text: a progress bar's carriage returns end lines, and colours are gone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINE_BYTES = 16 << 10  # a longer line is read in pieces
OVERLAP_BYTES = 1 << 10  # of a piece with the one before, so that a cut hides nothing
_LINE_ENDS = re.compile(rb"[\r\n\x08\x0c]+")  # \b: a bar of some libraries goes back over itself
_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)?|[ -/]?[0-~])")


@dataclass(frozen=True, slots=True)
class Piece:
    """A line, or a piece of one that is very long; `is_end`: the line ends with it."""

    text: str
    is_end: bool = True


class PrintedLines:
    """Cuts one stream into lines, in whatever pieces it comes. Bytes that are no UTF-8 become U+FFFD."""

    def __init__(self) -> None:
        self._rest = b""

    def write(self, data: bytes) -> list[Piece]:
        """The lines that end in this piece of output, and what is complete of a very long one."""
        *lines, self._rest = _LINE_ENDS.split(self._rest + data.replace(b"\0", b""))  # UTF-16 reads as ASCII then
        pieces = [piece for line in lines for piece in _pieces(line)]
        if len(self._rest) > LINE_BYTES:
            *whole, last = _pieces_of_bytes(self._rest)
            pieces += [Piece(_plain(piece), is_end=False) for piece in whole]
            self._rest = last
        return pieces

    def close(self) -> list[Piece]:
        """The last line, where it has no end."""
        pieces, self._rest = list(_pieces(self._rest)), b""
        return pieces


def _pieces(line: bytes) -> Iterator[Piece]:
    *whole, last = _pieces_of_bytes(line)
    yield from (Piece(_plain(piece), is_end=False) for piece in whole)
    yield Piece(_plain(last))


def _pieces_of_bytes(line: bytes) -> list[bytes]:
    stride = LINE_BYTES - OVERLAP_BYTES
    return [line[start : start + LINE_BYTES] for start in range(0, max(1, len(line) - OVERLAP_BYTES), stride)]


def _plain(line: bytes) -> str:
    return _CODES.sub("", line.decode(errors="replace"))
