"""A stream of output as lines of plain text: a progress bar's carriage returns end lines, and colours are gone."""

import re

LINE_BYTES = 16 << 10  # a longer line is read in pieces
OVERLAP_BYTES = 1 << 10  # of a piece with the one before, so that a cut hides nothing
_LINE_ENDS = re.compile(rb"[\r\n\x08\x0c]+")  # \b: a bar of some libraries goes back over itself
_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)?|[ -/]?[0-~])")

Piece = tuple[str, bool]
"""A line, or a piece of one that is very long, and whether the line ends with it."""


class PrintedLines:
    """Cuts one stream into lines, in whatever pieces it comes. Bytes that are no UTF-8 become U+FFFD."""

    def __init__(self) -> None:
        self._rest = b""

    def write(self, data: bytes) -> list[Piece]:
        """The lines that end in this piece of output, and what is complete of a very long one."""
        *lines, self._rest = _LINE_ENDS.split(self._rest + data.replace(b"\0", b""))  # UTF-16 reads as ASCII then
        pieces = _pieces(lines)
        if len(self._rest) > LINE_BYTES:
            *whole, self._rest = _cut(self._rest)
            pieces += [(_plain(piece), False) for piece in whole]
        return pieces

    def close(self) -> list[Piece]:
        """The last line, where it has no end."""
        pieces, self._rest = _pieces([self._rest]), b""
        return pieces


def _pieces(lines: list[bytes]) -> list[Piece]:
    pieces: list[Piece] = []
    for line in lines:
        if len(line) > LINE_BYTES:
            *whole, last = _cut(line)
            pieces += [*((_plain(piece), False) for piece in whole), (_plain(last), True)]
        else:
            pieces.append((_plain(line), True))
    return pieces


def _cut(line: bytes) -> list[bytes]:
    stride = LINE_BYTES - OVERLAP_BYTES
    return [line[start : start + LINE_BYTES] for start in range(0, len(line) - OVERLAP_BYTES, stride)]


def _plain(line: bytes) -> str:
    text = line.decode(errors="replace")
    return _CODES.sub("", text) if "\x1b" in text else text
