"""The data of one campaign: brought up to date by the owner's command, then kept where trainings find it."""

import contextlib
import glob
import hashlib
import itertools
import os
import re
import select
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from ...strategies.drift.fingerprints import DataFingerprint
from ...strategies.errors import CampaignFailed, DiskFull, StateError
from ..config.model_tables import DataTable
from ..durable_files import is_no_room, sweep, sync_file, sync_folder, temporary_beside
from ..masking import Mask, masked
from ..start_errors import why_not_started
from .fingerprints import data_fingerprint, files_below

COPY_LIMIT_BYTES = 2 << 30
_KEPT_OUTPUT_BYTES = 8192
_GRACE_S = 2.0
_LOOK_S = 5.0
_WILDCARD = re.compile(r"[*?[]")


def sources(data: DataTable) -> tuple[Path, ...]:
    """The files and folders that [data] names now, in order. Raises CampaignFailed when there are none."""
    if data.path is not None:
        files = [data.path] if data.path.exists() else []
    else:
        names = sorted(set(glob.glob(data.glob or "", recursive=True)))
        files = [Path(name) for name in names if os.path.isfile(name)]
    if not files:
        raise CampaignFailed(f"no data found at {data.path or data.glob}", remedy="check [data] in the model file")
    return tuple(files)


def take(
    data: DataTable,
    model: str,
    folder: Path,
    fingerprint: DataFingerprint,
    limit_bytes: int = COPY_LIMIT_BYTES,
    *,
    show_progress: Callable[[], None] = lambda: None,
) -> Path:
    """The path that trainings get as RETUNED_DATA, for the data with this fingerprint.

    A copy lies in `folder`/MODEL/KEY/NAME and is read-only; taking it again returns the one that is there.
    "reference" and "none" give the owner's own path; they differ in whether the owner promises to keep it. A
    pattern gives a folder with the files that match, as copies or as links. Raises CampaignFailed when the
    data is over `limit_bytes` or changes meanwhile, StateError when the folder cannot be written.
    """
    if data.snapshot != "copy" and data.path is not None:
        return data.path
    name = data.path.name if data.path is not None else "files"
    target = folder / model / (fingerprint.key() if data.snapshot == "copy" else f"{fingerprint.key()}.links") / name
    if target.exists():
        return target
    if data.snapshot == "copy":
        _refuse_too_much(fingerprint.bytes, limit_bytes)
    try:
        return _build(data, fingerprint, target, show_progress)
    except OSError as error:
        raise (DiskFull if is_no_room(error) else StateError)(
            f"the data could not be kept at {target}: {error.strerror or error}",
            remedy='free space or correct the rights there, or write snapshot = "reference" under [data]',
        ) from None


def run_prepare(
    argv: Sequence[str],
    workdir: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    mask: Mask = masked,
    show_progress: Callable[[], None] = lambda: None,
) -> None:
    """Run the owner's prepare command: without a shell, in this environment only, for at most `timeout_s`.

    Whatever it started in its own process group ends with it. `show_progress` is called while it runs. Raises
    CampaignFailed with its last line of output, whose secrets are masked.
    """
    _run("prepare", argv, workdir, environment, timeout_s, subprocess.STDOUT, mask, show_progress)


def run_fingerprint(
    argv: Sequence[str],
    workdir: Path,
    environment: Mapping[str, str],
    timeout_s: float = 60.0,
    mask: Mask = masked,
) -> str:
    """What the owner's command says about the data, on its standard output; run as `run_prepare` runs its command."""
    output = _run("fingerprint", argv, workdir, environment, timeout_s, subprocess.DEVNULL, mask, lambda: None)
    return as_told(output.decode(errors="replace").strip(), mask)


def as_told(said: str, mask: Mask = masked) -> str:
    """What a fingerprint command said, as it is recorded: secrets are masked, and a few bits of a digest, of which none
    can be guessed, tell whether they changed."""
    shown = mask(said)
    return shown if shown == said else f"{shown} (#{hashlib.blake2b(said.encode(), digest_size=2).hexdigest()})"


def _run(
    kind: str,
    argv: Sequence[str],
    workdir: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    errors: int,
    mask: Mask,
    show_progress: Callable[[], None],
) -> bytes:
    where = {"prepare": "data.prepare", "fingerprint": "triggers.fingerprint"}[kind]
    process: subprocess.Popen[bytes] | None = None
    tail = bytearray()
    try:
        with _signals_held_back():
            process = subprocess.Popen(
                list(argv), cwd=workdir, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=errors, start_new_session=True,
            )  # fmt: skip
        reader = threading.Thread(target=_read_tail, args=(process.stdout, tail), daemon=True)
        reader.start()
        is_in_time = _wait_and_end_group(process, timeout_s, show_progress)
    except KeyboardInterrupt:
        if process is not None and process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # also where nobody waited for it yet
        raise
    except OSError as error:
        if process is not None:
            raise
        raise CampaignFailed(
            f"the {kind} command {argv[0]} could not be started: "
            f"{why_not_started(error, argv[0], workdir, environment)}",
            remedy=f"check {where}",
        ) from None
    # A program that left the group may hold the pipe open for ever: what was said until now is enough.
    reader.join(_GRACE_S)
    if is_in_time and process.returncode == 0:
        return bytes(tail)
    code = process.returncode
    ended = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    slow = "raise data.prepare_timeout or make it faster" if kind == "prepare" else "make it faster"
    how = ended if is_in_time else f"ran longer than {timeout_s:g} s"
    raise CampaignFailed(
        f"the {kind} command {how}; {_last_line(bytes(tail), mask)}",
        remedy="run it by hand in its workdir" if is_in_time else slow,
    )


def _refuse_too_much(size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise CampaignFailed(
            f"the data is {size / 2**30:.1f} GiB",
            f"up to {limit_bytes / 2**30:.1f} GiB is copied",
            'write snapshot = "reference" under [data] and keep the old data under a path of its own',
        )


def _build(data: DataTable, fingerprint: DataFingerprint, target: Path, show_progress: Callable[[], None]) -> Path:
    """Build the snapshot under a temporary name and rename it, so that a target that exists is whole."""
    partial = temporary_beside(target)
    partial.parent.mkdir(parents=True, exist_ok=True)
    sweep((partial.parent,))
    _remove(target.with_name(f".{target.name}.partial"))  # as an earlier version named it
    try:
        root = _root(data)
        for file in (file for path in sources(data) for file in files_below(path, show_progress)):
            show_progress()
            copy = partial / file.relative_to(root) if file != root else partial
            copy.parent.mkdir(parents=True, exist_ok=True)
            if data.snapshot == "copy":
                _copy(file, copy)
            else:
                copy.symlink_to(file)
        if data.snapshot == "copy" and data_fingerprint([partial], show_progress).key() != fingerprint.key():
            raise CampaignFailed("the data changed while it was copied", remedy="run again when it is written no more")
        partial.rename(target)
    finally:
        _remove(partial)
    sync_folder(target.parent)
    return target


def _root(data: DataTable) -> Path:
    """What the names in a snapshot count from: the path itself, or the part of the pattern before a wildcard."""
    if data.path is not None:
        return data.path
    parts = Path(data.glob or "").parts
    fixed = next((index for index, part in enumerate(parts) if _WILDCARD.search(part)), len(parts) - 1)
    return Path(*parts[:fixed])


def _copy(source: Path, copy: Path) -> None:
    shutil.copyfile(source, copy)
    # Trainings share the copy, so none of them may change it.
    copy.chmod(0o444)
    sync_file(copy)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Ctrl-C and SIGTERM come at the end of the block: in it a process begins that nothing could end yet."""
    held: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if callable(signal.getsignal(number))]
    before = {number: signal.signal(number, lambda number, _: held.append(number)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for came in held:
        signal.raise_signal(came)


def _wait_and_end_group(process: subprocess.Popen[bytes], timeout_s: float, show_progress: Callable[[], None]) -> bool:
    """Whether the process ended in time; in any case its group is killed before its pid can belong to another."""
    descriptor = os.pidfd_open(process.pid)
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        whole, rest_s = divmod(timeout_s, _LOOK_S)
        pauses = itertools.chain(itertools.repeat(_LOOK_S, int(whole)), (rest_s,))
        is_in_time = any(_ends_within(ended, pause_s, show_progress) for pause_s in pauses)
        if not is_in_time:
            os.killpg(process.pid, signal.SIGTERM)
            ended.poll(int(_GRACE_S * 1000))
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # also when the wait was interrupted
        os.close(descriptor)
    process.wait()
    return is_in_time


def _ends_within(ended: "select.poll", pause_s: float, show_progress: Callable[[], None]) -> bool:
    show_progress()
    return bool(ended.poll(int(pause_s * 1000)))


def _read_tail(pipe: IO[bytes], tail: bytearray) -> None:
    with pipe:
        while piece := os.read(pipe.fileno(), 65536):
            tail.extend(piece)
            del tail[:-_KEPT_OUTPUT_BYTES]


def _last_line(tail: bytes, mask: Mask) -> str:
    lines = [line.strip() for line in tail.decode(errors="replace").splitlines() if line.strip()]
    return f"its last line: {mask(lines[-1])[-300:]}" if lines else "it wrote nothing"
