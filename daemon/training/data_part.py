"""Every second row of a table, or every second file of a folder: other data of the same kind, to train on once."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from ...strategies.errors import CampaignFailed
from ..durable_files import is_no_room
from .fingerprints import files_below

TABLES = (".csv", ".tsv", ".tab")  # the first row is a header, or is kept as if it were one
LINES = (".jsonl", ".ndjson")  # a record a line
MOST_BYTES = 256 << 20  # of a table's part; what comes after is left out
MOST_FILES = 10_000  # of a folder's part
LONGEST_ROW_BYTES = 16 << 20


class NotDivisible(Exception):
    """Why no part can be made, as a clause."""


def write_part(data: Path, target: Path, show_progress: Callable[[], None] = lambda: None) -> Path:
    """A part of the data at `target`, named and laid out like the whole: a table or records with every second row, or
    a folder with links to every second file.

    A folder with one file has that one cut. Raises NotDivisible for anything else, such as a single file of another
    kind, or where the part cannot be read or written.
    """
    try:
        files = sorted(files_below(data, show_progress))
        if data.is_dir() and len(files) > 1:
            return _link(files, data, target, show_progress)
        if not files:
            raise NotDivisible(f"there is no file in {data.name}")
        copy = target if files[0] == data else target / files[0].relative_to(data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        _cut(files[0], copy, show_progress)
        return target
    except CampaignFailed as error:
        raise NotDivisible(error.found) from error
    except OSError as error:
        why = "the disk is full" if is_no_room(error) else error.strerror or type(error).__name__
        raise NotDivisible(f"a part of it could not be made: {why}") from error


def _link(files: list[Path], data: Path, target: Path, show_progress: Callable[[], None]) -> Path:
    for file in islice(files[::2], MOST_FILES):
        show_progress()
        link = target / file.relative_to(data)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.absolute())
    return target


def _cut(file: Path, copy: Path, show_progress: Callable[[], None]) -> None:
    kind = file.suffix.lower()
    if kind not in (*TABLES, *LINES):
        kinds = ", ".join((*TABLES, *LINES))
        raise NotDivisible(f"{file.name} is one file that cannot be cut; {kinds} can, and folders of several files")
    with file.open("rb") as source, copy.open("wb") as part:
        lines = iter(lambda: source.readline(LONGEST_ROW_BYTES + 1), b"")
        rows = _rows(lines, has_quotes=kind in TABLES)
        part.write(next(rows, b"") if kind in TABLES else b"")
        seen = written = 0
        for row in rows:
            written += part.write(row) if seen % 2 == 0 else 0
            seen += 1
            if seen % 4096 == 0:
                show_progress()
            if written >= MOST_BYTES:
                break
    if seen < 2:
        raise NotDivisible(f"{file.name} has fewer than two rows")


def _rows(lines: Iterable[bytes], *, has_quotes: bool) -> Iterator[bytes]:
    """The rows of a table; one whose quotes are still open goes on in the next line."""
    pieces: list[bytes] = []
    length, is_open = 0, False
    for line in lines:
        pieces.append(line)
        length += len(line)
        is_open ^= has_quotes and line.count(b'"') % 2 == 1
        if length > LONGEST_ROW_BYTES:
            raise NotDivisible(f"a row of it is longer than {LONGEST_ROW_BYTES >> 20} MiB")
        if not is_open:
            yield b"".join(pieces)
            pieces, length = [], 0
    if pieces:
        yield b"".join(pieces)
