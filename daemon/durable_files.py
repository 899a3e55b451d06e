"""Files that are written completely or not at all, and survive a power failure.

What is being written has a name of its own beside the file, with the writer's pid in it: `.NAME.PID.part`. A writer
that is killed leaves it, and the next one who sweeps the folder removes it.

Workers use it too, so it needs only the standard library.
"""

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .foreign_files import create_plain, open_folder, read_plain, remove, remove_inside
from .processes import is_running

MOST_BYTES = 64 << 20  # of a JSON file; what we write is far smaller
_TEMPORARY = re.compile(r"\.(.+)\.([0-9]{1,10})\.part(-journal|-wal|-shm)?")  # the last ones are of SQLite

NO_ROOM_CODE = 75  # of a process that ended because its disk had no room: EX_TEMPFAIL of sysexits.h
LEAST_BYTES, LEAST_INODES = 1 << 20, 16  # with less, a disk has no room: one of our own writes is far smaller


def write_json(path: Path, content: Mapping[str, object], syncs_name: bool = True) -> None:
    """Replace a file atomically; on return it is on the disk, and so is its name if `syncs_name`."""
    replace_json(path, content, syncs=True)
    if syncs_name:
        sync_folder(path.parent)


def replace_json(path: Path, content: Mapping[str, object], syncs: bool = False) -> None:
    """Replace a file atomically; without `syncs` it may be lost in a power failure, which suits descriptions of
    processes, since these end then too."""
    temporary = temporary_beside(path)
    try:
        with open(create_plain(temporary), "w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            if syncs:
                os.fsync(file.fileno())
        try:
            temporary.rename(path)
        except IsADirectoryError:  # a training put a folder there
            remove(path)
            temporary.rename(path)
    except BaseException:  # a full disk, for instance
        remove(temporary)
        raise


def temporary_beside(path: Path) -> Path:
    """Where this process writes what is to replace a file."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def sweep(folders: Iterable[Path], of: str = "") -> int:
    """Remove what dead processes were writing in some folders, files and folders alike; how many there were.

    `of`: only what was to become the file of that name. For a process that is not writing there itself: another one
    that had its pid may have left something. Links are not followed.
    """
    count = 0
    for folder in folders:
        with contextlib.suppress(OSError):
            handle = open_folder(folder)
            try:
                left = [name for name in os.listdir(handle) if _is_left(name, of)]
                count += sum(remove_inside(folder, handle, name) for name in left)
            finally:
                os.close(handle)
    return count


def is_no_room(error: BaseException) -> bool:
    """Whether an error says that a disk, or what one may use of it, is full: of bytes or of inodes."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def free_inodes(folder: Path) -> int | None:
    """How many files this user may still create there; None on file systems that make inodes as they need them."""
    usage = os.statvfs(folder)
    return usage.f_favail if usage.f_files else None


def has_room(folder: Path) -> bool:
    """Whether something can still be written in a folder; a quota is noticed only by writing."""
    usage, inodes = os.statvfs(folder), free_inodes(folder)
    is_short = usage.f_blocks > 0 and usage.f_bavail * usage.f_frsize < LEAST_BYTES
    if is_short or (inodes is not None and inodes < LEAST_INODES):
        return False
    probe = temporary_beside(folder / "room")
    try:
        with open(create_plain(probe), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, LEAST_BYTES // 4)
    except OSError as error:
        return not is_no_room(error)
    finally:
        remove(probe)
    return True


def _is_left(name: str, of: str) -> bool:
    match = _TEMPORARY.fullmatch(name)
    if match is None or (of and match[1] != of):
        return False
    return int(match[2]) == os.getpid() or not is_running(int(match[2]))


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None if there is no file or it holds no object."""
    try:
        return load_json(path)
    except (OSError, ValueError, RecursionError):
        return None


def load_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises OSError when it cannot be read or is no regular file, ValueError when it holds
    no object."""
    content = json.loads(read_plain(path, MOST_BYTES))
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no JSON object")
    return content


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make the content of a file or a folder survive a power failure."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
