"""The legs in a worker's hands: folder, order, output and clock of each; alone, or a group trained at once."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ...durable_files import load_json, replace_json
from .children import identity_of
from .output import OutputLog

REPORT_BYTES = 16 << 20


class Leg:
    """The leg in hand: its folder, its order, its output, and the clock since it began."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.order = load_json(folder / "leg.json")
        self.report = folder / "report.jsonl"
        self.log = OutputLog(folder / "output.log")
        self.last_output = b""
        self.count = 1
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

    def print(self, data: bytes) -> None:
        """Take in what it printed."""
        self.log.write(data)
        self.last_output = (self.last_output + data)[-2048:]

    def has_too_many_reports(self) -> bool:
        """Whether its report file is past its limit."""
        try:
            return self.report.stat().st_size > REPORT_BYTES
        except FileNotFoundError:
            return False

    def is_to_stop(self) -> bool:
        """Whether the campaign has asked for an early end."""
        return (self.folder / "stop").exists()

    def last_line(self) -> str:
        """The last line that it printed, as a clause; empty when it printed none."""
        lines = [line.strip() for line in self.last_output.decode(errors="replace").split("\n") if line.strip()]
        return f"its last line of output: {lines[-1][-300:]}" if lines else ""

    def close(self) -> None:
        """End its log, cut its reports to their limit and sweep its temporary files."""
        self.log.close()
        if self.has_too_many_reports():
            os.truncate(self.report, REPORT_BYTES)
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

    def has_too_many_reports(self) -> bool:
        """Whether one report file is past its limit."""
        return any(leg.has_too_many_reports() for leg in self.open.values())

    def is_to_stop(self) -> bool:
        """Never: legs that are stopped early train alone."""
        return False

    def last_line(self) -> str:
        """The last line that was printed, as a clause; empty when none was."""
        return next(iter(self.open.values())).last_line() if self.open else ""


def begin_once(folder: Path, who: dict[str, Any]) -> bool:
    """Mark an attempt as begun; False when it was begun or given up before: guards against a doubled ticket."""
    passing = folder / f".begin.{os.getpid()}"
    passing.write_text(json.dumps(who))
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
    for name in sorted(os.listdir(folder), key="trial.json".__eq__):
        if name not in ("leg.json", "hyperparameters.json"):
            remove(folder / name)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there, as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        import shutil  # rarely needed, and a tenth of a worker's start

        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def utc_now() -> str:
    """The time by the machine's clock, to the millisecond."""
    seconds, fraction = divmod(time.time(), 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(fraction * 1000):03d}+00:00"
