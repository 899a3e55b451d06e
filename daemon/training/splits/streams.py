"""Data files as streams of whole lines, compressed or not, read in pieces."""

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from ....strategies.errors import InputError
from ....strategies.words import readable

PIECE_BYTES = 1 << 20
LONGEST_LINE_BYTES = 16 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
BOM = b"\xef\xbb\xbf"


class Damaged(InputError):
    """A data file that cannot be read as what its name says."""


def suffix_of(path: Path) -> str:
    """The end of a file's name that says its format, in lower case: ".csv", ".jsonl.gz"."""
    name = path.name.lower()
    stem, packed = (name[:-3], ".gz") if name.endswith(".gz") else (name, "")
    return Path(stem).suffix + packed


def open_source(path: Path) -> IO[bytes]:
    """A stream of the file's content, unpacked. Raises Damaged where there is no regular file that can be read."""
    try:
        if not path.is_file():
            raise Damaged(f"{_shown(path)} is no file", "", "check [data] in the model file")
        return cast(IO[bytes], gzip.open(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None


def open_target(path: Path, *, is_packed: bool) -> IO[bytes]:
    """A stream into a new file; what is packed is the same for the same content."""
    if not is_packed:
        return path.open("xb")
    return cast(IO[bytes], _Packed(path))


class _Packed(gzip.GzipFile):
    """A gzip file without its name and time in it, which closes the file below with it."""

    def __init__(self, path: Path) -> None:
        self._below = path.open("xb")
        super().__init__("", "wb", compresslevel=1, fileobj=self._below, mtime=0)

    def close(self) -> None:
        """Write the rest, and close both."""
        try:
            super().close()
        finally:
            self._below.close()


def read_exactly(stream: IO[bytes], size: int, path: Path) -> bytes:
    """The next bytes of a stream. Raises Damaged where there are fewer."""
    content = _read(stream, size, path)
    if len(content) < size:
        raise changed(path)
    return content


def changed(path: Path) -> Damaged:
    """The error for a file that is no longer what it was when it was cut."""
    return Damaged(
        f"{_shown(path)} changed while the campaign ran",
        "allowed: data that stay as they are until the campaign ends",
        'write snapshot = "copy" under [data], or run again when the file is written no more',
    )


def blocks(stream: IO[bytes], path: Path, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """The rest of a text in blocks of whole lines, of `piece_bytes` or a line more; the last line may lack its end.

    Raises Damaged for what is no text in UTF-8, or another encoding in which lines end with the byte of "\\n".
    """
    rest, is_first = b"", True
    while piece := _read(stream, piece_bytes, path):
        if is_first and piece.startswith(_UTF16):
            raise Damaged(f"{_shown(path)} is UTF-16 text", "allowed: UTF-8", "save the file as UTF-8")
        if b"\0" in piece:
            raise Damaged(
                f"{_shown(path)} holds bytes that no text has", "", "its name must end in what it is: see data.split"
            )
        is_first = False
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
        if len(rest) > LONGEST_LINE_BYTES:
            raise Damaged(
                f"{_shown(path)} has a line of more than {LONGEST_LINE_BYTES >> 20} MiB", "",
                "check that it is a table in text, with a row a line",
            )  # fmt: skip
    if rest:
        yield rest


def _read(stream: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return stream.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise Damaged(f"{_shown(path)} is no whole gzip file", "", "write it again, or name it without .gz") from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> Damaged:
    return Damaged(f"{_shown(path)} cannot be read: {os.strerror(error.errno or 0)}", "", "check its owner and rights")


def _shown(path: Path) -> str:
    return readable(path.name)
