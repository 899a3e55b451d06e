"""The legs in a worker's hands: folder, order, output and clock of each; alone, or a group trained at once."""

import contextlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from ...durable_files import load_json, replace_json, temporary_beside, write_json
from ...foreign_files import NotPlain, create_plain, make_folder, open_folder, open_plain, remove, what_else
from ...masking import Mask, masked
from .checkpoint_size import CheckpointSize
from .children import identity_of
from .output import OutputLog

REPORT_BYTES = 16 << 20
TOLD_BYTES = 4096  # of its last output, from which its last line is told
WRITES = "a training writes to RETUNED_REPORT, RETUNED_CHECKPOINT_OUT and TMPDIR, and to nothing else of ours"
APPENDS = "a training appends lines to the file at RETUNED_REPORT, or prints them"


class Leg:
    """The leg in hand: its folder, its order, its output, and the clock since it began."""

    def __init__(self, folder: Path, mask: Mask = masked, node: str = "") -> None:
        """`mask`: masks the secrets in what it printed, where that is told. `node`: the kind of node that trains it."""
        self.folder = folder
        self.node = node
        self._mask = mask
        self._handle = open_folder(folder)
        self._place = _place_of(folder)
        self.order = load_json(folder / "leg.json")
        self.report = folder / "report.jsonl"
        self.log = OutputLog(folder / "output.log")
        self.last_output = b""
        self.count = 1
        self._checkpoint = CheckpointSize(folder, int(self.order.get("checkpoint_bytes") or 0))
        self.fault: str | None = None  # why it cannot go on, as its metric's reader found
        self.begin()
        (folder / "tmp").mkdir(exist_ok=True)

    def question(self) -> dict[str, Any]:
        """What a trainer is asked."""
        return {"leg": str(self.folder)}

    def is_answer(self, answer: dict[str, Any]) -> bool:
        """Whether an answer is about this leg; one that names none is."""
        return "leg" not in answer or answer["leg"] == str(self.folder)

    @property
    def legs(self) -> "list[Leg]":
        """This leg alone, as a group names its own."""
        return [self]

    def name_process(self, worker_id: str, pid: int) -> None:
        """Write trial.json, by which a later runner can find the process."""
        who = {"worker": worker_id, "nonce": worker_id, **identity_of(pid)}
        replace_json(self.folder / "trial.json", who)

    def flush(self) -> None:
        """Bring the log on the disk up to date."""
        self.log.flush()

    def begin(self) -> None:
        """Start the leg's clock."""
        self.started_at = utc_now()
        self.started = time.monotonic()

    def forgive(self, seconds: float) -> None:
        """Leave a time out of account in which nothing ran."""
        self.started += seconds

    def print(self, data: bytes) -> None:
        """Take in what it printed."""
        self.log.write(data)
        self.last_output = (self.last_output + data)[-TOLD_BYTES:]

    def append_reports(self, lines: bytes) -> None:
        """Append lines to its report file; where the training put something else there, the watch says so."""
        with contextlib.suppress(NotPlain, FileNotFoundError):
            handle = open_plain(self.report, os.O_WRONLY | os.O_APPEND | os.O_CREAT, self._handle)
            with open(handle, "ab") as file:
                file.write(lines)

    def report_fault(self) -> str | None:
        """What is wrong with its report file, its folder or its metric, as a sentence; None: nothing."""
        if self.fault is not None:
            return self.fault
        if _place_of(self.folder) != self._place:
            return f"the folder of its run was removed or replaced; {WRITES}"
        try:
            status = os.lstat(self.report)
        except OSError:
            return None
        noun = what_else(status)
        if noun is not None:
            return f"its report file is {noun}, not a regular file; {APPENDS}"
        return f"more than {REPORT_BYTES >> 20} MiB of reports" if status.st_size > REPORT_BYTES else None

    def checkpoint_fault(self, *, is_over: bool = False) -> str | None:
        """Why its checkpoint is too large, as a sentence; None: it is not, or was not looked at just now."""
        return self._checkpoint.fault(is_over=is_over)

    def is_to_stop(self) -> bool:
        """Whether the campaign has asked for an early end."""
        return (self.folder / "stop").exists()

    def last_line(self) -> str:
        """The last line that it printed, as a clause; empty when it printed none."""
        lines = [line.strip() for line in self.last_output.decode(errors="replace").split("\n") if line.strip()]
        return f"its last line of output: {self._mask(lines[-1])[-300:]}" if lines else ""

    def close(self) -> None:
        """End its log, cut its reports and checkpoint to their limits and sweep its temporary files."""
        with contextlib.suppress(OSError):  # a full disk costs the end of the log
            self.log.close()
        os.close(self._handle)
        if _place_of(self.folder) != self._place:
            return
        self._checkpoint.clear()
        try:
            handle = open_plain(self.report, os.O_WRONLY)
        except FileNotFoundError:
            pass
        except OSError:  # what else stands there is no report
            remove(self.report)
        else:
            if os.fstat(handle).st_size > REPORT_BYTES:
                os.ftruncate(handle, REPORT_BYTES)
            os.close(handle)
        remove(self.folder / "tmp")


class Group:
    """Legs that the trainer is handed at once, and what `Leg` can do. Each has an end of its own; output and deadline
    are of all."""

    def __init__(self, legs: list[Leg]) -> None:
        self.legs = legs
        self.count = len(legs)
        self.open = {str(leg.folder): leg for leg in legs}  # those that have not ended
        self.started = time.monotonic()

    def begin(self) -> None:
        """Start the clocks."""
        self.started = time.monotonic()
        for leg in self.legs:
            leg.begin()

    def forgive(self, seconds: float) -> None:
        """Leave a time out of account in which nothing ran."""
        self.started += seconds
        for leg in self.legs:
            leg.forgive(seconds)

    def question(self) -> dict[str, Any]:
        """What a trainer is asked."""
        return {"legs": [str(leg.folder) for leg in self.legs]}

    def is_answer(self, answer: dict[str, Any]) -> bool:
        """Whether an answer is about a leg that has not ended; one that names none is."""
        return answer.get("leg") in self.open or "leg" not in answer

    def print(self, data: bytes) -> None:
        """Take in what the trainer printed, for each leg that has not ended."""
        for leg in self.open.values():
            leg.print(data)

    def flush(self) -> None:
        """Bring the logs on the disk up to date."""
        for leg in self.open.values():
            leg.flush()

    def report_fault(self) -> str | None:
        """What is wrong with the report file or the folder of one of them; None: nothing."""
        return next((fault for leg in self.open.values() if (fault := leg.report_fault())), None)

    def checkpoint_fault(self, *, is_over: bool = False) -> str | None:
        """Nothing: a recipe writes one at the end of each leg, which is then looked at."""
        return None

    def is_to_stop(self) -> bool:
        """Never: legs that are stopped early train alone."""
        return False

    def last_line(self) -> str:
        """The last line that was printed, as a clause; empty when none was."""
        return next(iter(self.open.values())).last_line() if self.open else ""


def begin_once(folder: Path, who: dict[str, Any]) -> bool:
    """Mark an attempt as begun; False when it was begun or given up before: guards against a doubled ticket."""
    passing = temporary_beside(folder / "trial.json")
    with open(create_plain(passing), "w", encoding="utf-8") as file:
        json.dump(who, file)
    try:
        os.link(passing, folder / "trial.json")
    except FileExistsError:
        return False
    finally:
        passing.unlink()
    return True


def is_of_group(folder: Path) -> bool:
    """Whether a leg is trained in the company of others, of which it may be the only one left to be trained."""
    with contextlib.suppress(OSError, ValueError):
        return bool(load_json(folder / "leg.json").get("group"))
    return False


def clear(folder: Path) -> None:
    """Bring an attempt's folder back to what it was before it began; trial.json last, since it guards the rest."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # the training took it away
        for name in sorted(os.listdir(folder), key="trial.json".__eq__):
            if name not in ("leg.json", "hyperparameters.json") and not name.startswith("config."):
                remove(folder / name)


def write_end(folder: Path, end: dict[str, Any]) -> None:
    """Write an attempt's exit.json, also where the training took its folder away."""
    make_folder(folder)
    write_json(folder / "exit.json", end)


def _place_of(folder: Path) -> tuple[int, int] | None:
    """What a folder is known by, whatever it is called; None where there is none."""
    with contextlib.suppress(OSError):
        status = os.lstat(folder)
        return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None
    return None


def utc_now() -> str:
    """The time by the machine's clock, to the millisecond."""
    seconds, fraction = divmod(time.time(), 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(fraction * 1000):03d}+00:00"
