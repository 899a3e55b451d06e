"""A report file, each line of which is read once: while it grows, or when its leg has ended."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from ...strategies.legs.reports import ReportReading

PIECE_BYTES = 1 << 20


class ReportTail:
    """The reports of one attempt as far as they were read, and where to read on."""

    def __init__(self, path: Path) -> None:
        self.reading = ReportReading()
        self._path = path
        self._offset = 0
        self._digest = hashlib.blake2b()  # of all that was read

    def read_on(self, *, is_over: bool) -> bool:
        """Take in up to 1 MiB more of finished lines, and the last one as it is when the attempt `is_over`. False when
        there is nothing to take, or a malformed report was read, after which none counts."""
        if self.reading.malformed is not None:
            return False
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._offset)
            pieces = file.readlines(PIECE_BYTES)
            if pieces and not is_over and not pieces[-1].endswith(b"\n"):
                pieces.pop()
            for piece in pieces:
                self._offset += len(piece)
                self._digest.update(piece)
                for line in _lines_of(piece):
                    self.reading.take(line)
            return bool(pieces)
        return False

    def is_as_read(self) -> bool:
        """Whether the file still begins with what was read of it; it does not where the attempt was begun anew, after
        its worker had put it back, or where the training replaced the file."""
        digest, left = hashlib.blake2b(), self._offset
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            while left and (piece := file.read(min(left, PIECE_BYTES))):
                digest.update(piece)
                left -= len(piece)
        return left == 0 and digest.digest() == self._digest.digest()


def _lines_of(piece: bytes) -> Iterator[str]:
    """The lines of what ends with the first LF, or has none; a CR ends one too, as in any text file."""
    text = piece.decode(errors="replace")
    yield from text.removesuffix("\n").removesuffix("\r").split("\r")
