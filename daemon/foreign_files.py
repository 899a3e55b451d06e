"""Files that a training can touch: opened without following a link and without waiting, and read within a bound.

Workers use it too: the standard library alone.
"""

import contextlib
import errno
import itertools
import os
import stat
from pathlib import Path

_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)
_NUMBERS = itertools.count()


class NotPlain(OSError):
    """A path leads to something else than a regular file of one name, or to more of it than is read."""


def what_else(status: os.stat_result) -> str | None:
    """What a file is that is no regular file of one name, as a noun; None for one that is."""
    if not stat.S_ISREG(status.st_mode):
        return next((noun for is_kind, noun in _KINDS if is_kind(status.st_mode)), "something unknown")
    return "a hard link to another file" if status.st_nlink > 1 else None


def open_plain(path: Path, flags: int = os.O_RDONLY, folder: int | None = None) -> int:
    """A handle on a regular file. Never waits for the other end of a FIFO, never follows a link.

    `folder`: a handle on the path's folder, for one that may have been replaced since; None: as the path says.
    Raises NotPlain where the path leads to something else, and OSError as os.open does.
    """
    try:
        handle = os.open(path if folder is None else path.name, flags | _SAFELY, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
            raise NotPlain(error.errno, f"{path.name} is {_noun(path)}, not a regular file") from None
        raise
    noun = what_else(os.fstat(handle))
    if noun is not None:
        os.close(handle)
        raise NotPlain(errno.EINVAL, f"{path.name} is {noun}, not a regular file")
    return handle


def read_plain(path: Path, limit: int) -> bytes:
    """The content of a regular file. Raises NotPlain where it is none, or over `limit` bytes; else as `open_plain`."""
    with open(open_plain(path), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NotPlain(errno.EFBIG, f"{path.name} has more than {limit} bytes")
    return content


def open_folder(path: Path) -> int:
    """A handle on a folder that is no link."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFELY)


def create_plain(path: Path) -> int:
    """A handle on a new, empty regular file; whatever stood at the path is removed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY
    try:
        return os.open(path, flags, 0o666)
    except FileExistsError:
        remove(path)
        return os.open(path, flags, 0o666)


def make_folder(path: Path) -> None:
    """See to it that a path leads to a folder that we may write in; what else stood there is removed."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        path.mkdir()
        return
    if not stat.S_ISDIR(status.st_mode):
        remove(path)
        path.mkdir()
    elif status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
        path.chmod(0o700)


def remove(path: Path) -> None:
    """Delete a file or a folder with all that is in it, if it is there, as far as that is possible.

    Links are not followed; neither the depth nor the rights of what a training left are an obstacle.
    """
    with contextlib.suppress(OSError):
        if stat.S_ISDIR(os.lstat(path).st_mode):
            _remove_folder(path)
        else:
            os.unlink(path)


def remove_inside(folder: Path, handle: int, name: str) -> bool:
    """Delete what has a name in a folder, of which one has a handle: it is not looked for elsewhere when the folder is
    replaced meanwhile. Whether it is gone."""
    try:
        os.unlink(name, dir_fd=handle)
    except IsADirectoryError:
        if os.fstat(handle).st_ino != os.lstat(folder).st_ino:
            return False
        remove(folder / name)
    except OSError:
        return False
    return True


def _remove_folder(top: Path) -> None:
    waiting = _moved_up(str(top), top)
    while waiting:
        folder = waiting.pop()
        with contextlib.suppress(OSError):
            waiting += _moved_up(folder, top)
            os.rmdir(folder)
    os.rmdir(top)


def _moved_up(folder: str, top: Path) -> list[str]:
    """Delete the files of a folder; the folders in it, moved to just below the top, so that no path grows long."""
    os.chmod(folder, 0o700)
    moved: list[str] = []
    with os.scandir(folder) as entries:
        listed = list(entries)
    for entry in listed:
        with contextlib.suppress(OSError):
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            os.chmod(entry.path, 0o700)
            target = os.path.join(top, f".{os.getpid()}.{next(_NUMBERS)}")
            os.rename(entry.path, target)
            moved.append(target)
    return moved


def _noun(path: Path) -> str:
    try:
        return what_else(os.lstat(path)) or "something else"
    except OSError:
        return "something else"
