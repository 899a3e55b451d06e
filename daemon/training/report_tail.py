"""A report file, each line of which is read once: while it grows, or when its leg has ended."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ...strategies.legs.reports import ReportReading
from ..foreign_files import NotPlain, open_plain
from ..masking import Mask, masked

PIECE_BYTES = 1 << 20
MOST_BYTES = 16 << 20  # of one file; its worker ends a training that writes more


class ReportTail:
    """The reports of one attempt as far as they were read, and where to read on."""

    def __init__(self, path: Path, metric: str | None = None, mask: Mask = masked) -> None:
        """`metric`: the one that has to be a number; None: all of them. `mask`: masks secrets in what is quoted."""
        self.reading = ReportReading(metric, mask)
        self._path = path
        self._offset = 0
        self._digest = hashlib.blake2b()  # of all that was read

    def read_on(self, *, is_over: bool) -> bool:
        """Take in up to 1 MiB more of finished lines, and the last one as it is when the attempt `is_over`. False when
        there is nothing to take, or a malformed report was read, after which none counts."""
        if self.reading.malformed is not None:
            return False
        try:
            pieces = self._pieces(is_over=is_over)
        except FileNotFoundError:
            return False
        except OSError as error:
            what = f"{error.strerror}; append lines to the file at RETUNED_REPORT, or print them"
            self.reading.malformed = (
                what if isinstance(error, NotPlain) else f"{self._path.name} cannot be read: {what}"
            )
            return False
        for piece in pieces:
            self._offset += len(piece)
            self._digest.update(piece)
            for line in _lines_of(piece):
                self.reading.take(line)
        return bool(pieces)

    def is_as_read(self) -> bool:
        """Whether the file still begins with what was read of it; it does not where the attempt was begun anew, after
        its worker had put it back, or where the training replaced the file."""
        digest, left = hashlib.blake2b(), self._offset
        try:
            with open(open_plain(self._path), "rb") as file:
                while left and (piece := file.read(min(left, PIECE_BYTES))):
                    digest.update(piece)
                    left -= len(piece)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return left == 0 and digest.digest() == self._digest.digest()

    def _pieces(self, *, is_over: bool) -> list[bytes]:
        """The next lines. No line is longer than what a file may have in all: a hole of a terabyte has no line end."""
        with open(open_plain(self._path), "rb") as file:
            left = min(MOST_BYTES, os.fstat(file.fileno()).st_size) - self._offset
            file.seek(self._offset)
            pieces, size = [], 0
            while size < PIECE_BYTES and (piece := file.readline(max(0, left - size))):
                pieces.append(piece)
                size += len(piece)
        if pieces and not is_over and not pieces[-1].endswith(b"\n"):
            pieces.pop()
        return pieces


def _lines_of(piece: bytes) -> Iterator[str]:
    """The lines of what ends with the first LF, or has none; a CR ends one too, as in any text file."""
    text = piece.decode(errors="replace")
    yield from text.removesuffix("\n").removesuffix("\r").split("\r")
