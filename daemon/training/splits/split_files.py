"""The files that trainings get: one to train on for each split seed, and the rows that score them. Made once, shared.

    splits/cut/                  what rows go where (see cut.py)
    splits/train-4097.csv        drawn by a split seed; an end of the source's own format, or a folder of links
    splits/development.csv       scores every trial of a search
    splits/slice-07.csv          scores the replicates and pairs whose split seed leads to it

Both sides of a pair read the same files. They can be made again at any time, so those that no open leg needs are
dropped when they take more than KEPT_BYTES, and all of them at the end of the campaign.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ....strategies.errors import CampaignFailed, DiskFull, InputError, StateError
from ....strategies.records import LegRequest, Purpose
from ....strategies.splits.draws import counts_of_part, drawn_groups, drawn_rows, drawn_window, part_scored
from ....strategies.splits.partition import DEVELOPMENT, FIRST_SLICE, Sizes
from ...config.model_tables import DataTable
from ...config.split_tables import SplitTable
from ...durable_files import is_no_room, sweep, sync_file, sync_folder, temporary_beside
from ...foreign_files import remove
from .cut import Cut, Progress, cut, sentence_of
from .leg_data import LegData
from .open_source import source_in
from .source import Counts, Source

KEPT_BYTES = 2 << 30
LEAST_FREE_BYTES = 16 << 20
FOLDER = "splits"
OLD_DATA = "old"  # the folder of the runs on the baseline's data, in that of a campaign


class SplitFiles:
    """The files of one campaign's cut, in one folder."""

    def __init__(
        self,
        folder: Path,
        source: Source,
        made: Cut,
        split: SplitTable,
        progress: Progress,
        *,
        kept_bytes: int = KEPT_BYTES,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        """`kept_bytes`: what the files may take before some are dropped; `least_free_bytes`: what stays free."""
        self._folder = folder
        self._source = source
        self._cut = made
        self._split = split
        self._progress = progress
        self._kept_bytes = kept_bytes
        self._least_free_bytes = least_free_bytes
        self._share = split.drawn_share(is_folder=not source.suffix)

    @property
    def sentence(self) -> str:
        """What was cut, for the owner."""
        return sentence_of(self._cut.sizes, self._split)

    @property
    def sizes(self) -> Sizes:
        """How large its parts are."""
        return self._cut.sizes

    def files_for(self, request: LegRequest, open_legs: Iterable[LegRequest] = ()) -> LegData:
        """The files of a leg, made where they are not there yet. `open_legs`: those whose files must stay.

        Raises CampaignFailed where the data is no longer what was cut, and OSError where the disk has no room.
        """
        with _failing():
            train, scored = self._paths(request)
            if train.exists() and scored.exists():
                return LegData(train, scored)
            needed = {path for leg in (request, *open_legs) for path in self._paths(leg)}
            if not train.exists():
                self._write(train, self._trained_on(request.split_seed), needed)
            if not scored.exists():
                self._write(scored, counts_of_part(self._cut.parts(), self._part(request)), needed)
            return LegData(train, scored)

    def _paths(self, request: LegRequest) -> tuple[Path, Path]:
        part = self._part(request)
        scored = "development" if part == DEVELOPMENT else f"slice-{part - FIRST_SLICE:02d}"
        suffix = self._source.suffix
        return self._folder / f"train-{request.split_seed}{suffix}", self._folder / f"{scored}{suffix}"

    def _part(self, request: LegRequest) -> int:
        """The part that scores a leg: development in a search and in probes, which are told so, else a slice."""
        is_search = request.purpose is Purpose.SEARCH
        return DEVELOPMENT if is_search else part_scored(request.split_seed, self._cut.sizes.slices)

    def _trained_on(self, split_seed: int) -> bytearray:
        if self._split.by == "groups":
            return drawn_groups(self._cut.parts_of_groups(), self._cut.groups(), split_seed, self._share)
        if self._split.by == "time":
            assert self._share is not None
            return drawn_window(self._cut.parts(), split_seed, self._share)
        return drawn_rows(self._cut.parts(), split_seed, self._share)

    def _write(self, target: Path, counts: bytearray, needed: set[Path]) -> None:
        """Write a file under a temporary name and rename it, so that one that is there is whole."""
        self._make_room(counts, needed)
        partial = temporary_beside(target)
        remove(partial)
        try:
            self._cut.check_unchanged(self._source)
            self._source.write(partial, self._pieces(counts), self._cut.lengths)
            self._cut.check_unchanged(self._source)
            if self._source.suffix:
                partial.chmod(0o444)  # trainings share it, so none of them may change it
                sync_file(partial)
            partial.rename(target)
        finally:
            remove(partial)
        sync_folder(self._folder)

    def _pieces(self, counts: bytearray) -> Counts:
        at = 0

        def next_counts(number: int) -> bytes:
            nonlocal at
            self._progress()
            at += number
            return bytes(counts[at - number : at])

        return next_counts

    def _make_room(self, counts: bytearray, needed: set[Path]) -> None:
        """Drop the oldest files that no open leg needs, while all take too much. Raises OSError where the disk has no
        room for another one."""
        size = self._cut.bytes if self._source.suffix else 0
        wanted = size * sum(counts) // max(1, len(counts))
        held = sorted(self._held(), key=lambda held: held[0])
        total = wanted + sum(size for _, size, _ in held)
        for _, size, path in held:
            if total <= self._kept_bytes:
                break
            if path not in needed:
                remove(path)
                total -= size
        usage = os.statvfs(self._folder)
        if usage.f_bavail * usage.f_frsize < wanted + self._least_free_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))

    def _held(self) -> Iterator[tuple[int, int, Path]]:
        """Age, size and path of each file that was written."""
        for path in self._folder.iterdir():
            if path.name != "cut" and not path.name.startswith("."):
                status = path.stat()
                yield status.st_mtime_ns, status.st_size if path.is_file() else 0, path


def open_splits(
    data: DataTable,
    split: SplitTable,
    snapshot: Path,
    folder: Path,
    pairs: int,
    show_progress: Callable[[], None],
    **limits: int,
) -> SplitFiles:
    """The files of the cut of a snapshot, in `folder`/splits; the cut itself is made where it is not there yet.

    `pairs`: how many the test may run; `limits`: those of SplitFiles. Raises CampaignFailed for data that cannot be cut
    so, DiskFull and StateError where the folder cannot be written.
    """
    place = Path(os.path.abspath(folder)) / FOLDER
    with _failing():
        try:
            place.mkdir(parents=True, exist_ok=True)
            sweep((place,))
            source = source_in(data, split, snapshot)
            made = cut(source, split, split.shares(pairs), place / "cut", show_progress)
        except OSError as error:
            raise (DiskFull if is_no_room(error) else StateError)(
                f"the data could not be cut in {place}: {error.strerror or error}",
                remedy="free space or correct the rights there",
            ) from None
    return SplitFiles(place, source, made, split, show_progress, **limits)


def remove_splits(folder: Path) -> None:
    """Delete the files that were cut for a campaign that is over, those of its baseline's data too; they can be made
    again. Links that a training put in their place are not followed."""
    for parent in (folder, folder / OLD_DATA):
        if not parent.is_symlink():
            remove(parent / FOLDER)


@contextmanager
def _failing() -> Iterator[None]:
    """What is wrong with the data, or was done to what was cut, ends the campaign in one line."""
    try:
        yield
    except InputError as error:
        raise CampaignFailed(error.found, error.allowed, error.remedy) from None
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CampaignFailed(
            f"what was cut of the data was removed or changed while the campaign ran: {error}",
            "a training writes to RETUNED_REPORT, RETUNED_CHECKPOINT_OUT and TMPDIR, and to nothing else there",
            "look for what did so, then start the campaign again",
        ) from error
