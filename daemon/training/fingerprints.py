"""Takes the fingerprints of a model's data, code and environment; files are hashed in pieces, never held whole."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...strategies.drift.fingerprints import UNKNOWN, CodeFingerprint, DataFingerprint, EnvironmentFingerprint
from ...strategies.errors import CampaignFailed
from .environment_reading import NotRead, read_environment, read_gpus

_PIECE_BYTES = 1 << 20
_GIT_TIMEOUT_S = 10.0

# Hyperparameters live in such files, and adopting settings rewrites them: that is no change of the code.
_NOT_CODE = ("*.toml", "*.json", "*.yaml", "*.yml", "*.ini", "*.cfg", "*.md")


def data_fingerprint(paths: Sequence[Path], show_progress: Callable[[], None] = lambda: None) -> DataFingerprint:
    """The content of files and whole folders, whatever the folder around them is called.

    `show_progress` is called for each folder found and each piece read. Raises CampaignFailed when there is no file,
    or one cannot be read.
    """
    files = [file for path in paths for file in files_below(path, show_progress)]
    if not files:
        where = ", ".join(str(path) for path in paths[:3]) or "an empty list of paths"
        raise CampaignFailed(f"no data found at {where}", remedy="check [data] in the model file")
    root = files[0].parent if len(files) == 1 else Path(os.path.commonpath([file.parent for file in files]))
    whole, size, rows = hashlib.blake2b(digest_size=32), 0, None
    for file in sorted(files, key=lambda file: os.fsencode(file.relative_to(root))):
        digest, file_bytes, file_rows = _read_through(file, show_progress)
        name = b"" if len(files) == 1 else os.fsencode(file.relative_to(root))
        whole.update(len(name).to_bytes(8, "big") + name + digest)
        size += file_bytes
        rows = rows if file_rows is None else (rows or 0) + file_rows
    return DataFingerprint(len(files), size, rows, whole.hexdigest())


def code_fingerprint(
    files: Sequence[Path],
    folder: Path,
    show_progress: Callable[[], None] = lambda: None,
    imported: Sequence[Path] = (),
) -> CodeFingerprint:
    """The training code in `files`, what they have `imported`, and the commit of `folder`, without hyperparameters.

    The commit is None outside a git repository and where git is missing. Raises CampaignFailed.
    """

    def hashes(paths: Sequence[Path]) -> tuple[tuple[str, str], ...]:
        return tuple(
            (os.path.relpath(path, folder), _read_through(path, show_progress)[0].hex()[:32])
            for path in sorted(set(paths))
        )

    return CodeFingerprint(hashes(files), _commit(folder), hashes(imported))


def environment_fingerprint(python: Path | str, packages: Sequence[str] = ()) -> EnvironmentFingerprint:
    """Versions and hardware, read by a process of the interpreter `python`; torch is not imported.

    `packages` are distributions to read beside ALWAYS_READ; those not installed are left out. Raises CampaignFailed.
    """
    try:
        content = read_environment(str(python), packages)
    except NotRead as error:
        raise CampaignFailed(str(error), remedy="check 'python' under [training] in the model file") from None
    return fingerprint_from(content, read_gpus() or ())


def fingerprint_from(content: Mapping[str, Any], gpus: Sequence[str]) -> EnvironmentFingerprint:
    """The fingerprint of what `read_environment` found."""
    packages = tuple((name, version) for name, version in content["packages"])
    return EnvironmentFingerprint(**{**content, "packages": packages}, gpus=tuple(gpus))


def command_environment(python: Path | None, packages: Sequence[str] = ()) -> EnvironmentFingerprint:
    """The environment of a command that is trained by `python`; without software where that is not known (None)."""
    if python is not None:
        return replace(environment_fingerprint(python, packages), interpreter=str(python))
    return replace(environment_fingerprint(sys.executable), python=UNKNOWN, packages=(), interpreter=UNKNOWN)


def files_below(path: Path, show_progress: Callable[[], None] = lambda: None) -> Iterator[Path]:
    """The regular files at or below `path`, links followed, each folder once."""
    if path.is_file():
        yield path
    if not path.is_dir():
        return
    seen: set[tuple[int, int]] = set()
    for folder, below, names in os.walk(path, followlinks=True, onerror=_refuse):
        show_progress()
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            below.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (file for name in names if (file := Path(folder, name)).is_file())


def _refuse(error: OSError) -> None:
    raise CampaignFailed(f"{error.filename} cannot be read: {error.strerror}", remedy="check its owner and rights")


def _read_through(path: Path, show_progress: Callable[[], None]) -> tuple[bytes, int, int | None]:
    """Hash, size in bytes and number of lines (None when not text) of a regular file."""
    digest, size, lines, last, is_text = hashlib.blake2b(digest_size=32), 0, 0, b"\n", True
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CampaignFailed(f"{path} is not a regular file", remedy="check [data] in the model file")
            while piece := file.read(_PIECE_BYTES):
                show_progress()
                digest.update(piece)
                size += len(piece)
                is_text = is_text and b"\0" not in piece
                lines += piece.count(b"\n")
                last = piece[-1:]
    except OSError as error:
        raise CampaignFailed(f"{path} cannot be read: {error.strerror}", remedy="check its owner and rights") from None
    return digest.digest(), size, lines + (last != b"\n") if is_text else None


def _commit(folder: Path) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    pathspec = [".", *(f":(exclude,glob)**/{pattern}" for pattern in _NOT_CODE)]
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    try:
        done = subprocess.run(
            [git, "-C", str(folder), "rev-list", "--max-count=1", "HEAD", "--", *pathspec],
            capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, stdin=subprocess.DEVNULL,
            env=environment | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
