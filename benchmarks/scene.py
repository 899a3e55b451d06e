"""A model in a state folder of its own, seen from outside: its commands, legs and processes. For the other studies."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retuned.daemon.training.worker_processes import WORKER

ROOT = Path(__file__).parents[1]
TOY = ROOT / "tests" / "toys" / "quadratic.py"
VERDICT_CODES = (0, 10, 11, 12, 13)
WAIT_S = 900.0  # until a command counts as hanging, on a busy machine too

TOY_MODEL = f"""name = "toy"
owner = "benchmarks"
[training]
command = ["{sys.executable}", "-I", "-S", "{TOY}", "{{lr}}"]
budget = {{steps = 10}}
timeout = "%s"
slots = 2
[data]
path = "data.json"
[objective]
metric = "score"
direction = "maximize"
[hyperparameters.lr]
type = "float"
low = 1e-4
high = 1.0
log = true
value = 0.01
[search]
challengers = 7
"""


@dataclass(frozen=True)
class Scene:
    """A model in a state folder of its own, and what can be seen of its campaigns from outside."""

    folder: Path
    name: str

    @property
    def state(self) -> Path:
        """The state folder; its path is in the command line of every worker."""
        return self.folder / "state"

    def start(self, *words: object) -> "subprocess.Popen[str]":
        """A retuned command in a process group of its own."""
        command = [sys.executable, "-m", "retuned.daemon", "--state", self.state, *words]
        return subprocess.Popen(
            [str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: object) -> str:
        """What a command prints. Raises RuntimeError when it does not end with a verdict or a success."""
        return finished(self.start(*words))

    def retune(self, seed: int) -> "subprocess.Popen[str]":
        """The command that is killed."""
        return self.start("retune", self.name, "--seed", seed, "--json")

    def legs(self) -> list[Path]:
        """The attempts at legs of the re-evaluation, which is the second campaign after the baseline."""
        return list((self.state / "campaigns" / "2" / "legs").glob("*"))

    def ended_legs(self) -> int:
        """How many of them have ended, by the files of the workers."""
        return sum((leg / "exit.json").exists() for leg in self.legs())

    def claims(self) -> list[Path]:
        """The tickets of the legs that run, each with the worker's name after a tilde."""
        return list((self.state / "campaigns" / "2" / "claimed").glob("*"))

    def alerts(self) -> list[str]:
        """The alerts that were raised, as they read apart from times and costs."""
        return [alert["title"] for alert in json.loads(self.run("alerts", "--json"))]

    def phase(self) -> str:
        """Where the re-evaluation stands in the database."""
        address = f"file:{self.state / 'retuned.sqlite3'}?mode=ro"
        with (
            contextlib.suppress(sqlite3.OperationalError),
            contextlib.closing(sqlite3.connect(address, uri=True)) as db,
        ):
            row = db.execute("SELECT phase FROM campaigns WHERE kind = 'retune'").fetchone()
            return "not queued" if row is None else str(row[0])
        return "not readable"

    def processes(self) -> dict[int, str]:
        """The living processes of its workers, and their command lines."""
        return {pid: line for pid, line, environment in everywhere() if self._is_mine(line, environment)}

    def workers(self) -> dict[str, int]:
        """The pids of its living workers by name. A command line would not do: a child has it until it is replaced."""
        found = {}
        for path in (self.state / "campaigns" / "2" / "workers").glob("*/worker.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                pid = json.loads(path.read_text())["pid"]
                if path.parent.name in Path(f"/proc/{pid}/cmdline").read_text():
                    found[path.parent.name] = pid
        return found

    def _is_mine(self, line: str, environment: str) -> bool:
        # a training has RETUNED_WORKER and paths below the state folder; a retuned command has only the latter
        return str(self.state) in line + environment and ("RETUNED_WORKER=" in environment or str(WORKER) in line)


def make_toy(folder: Path, timeout: str = "30s", sleep_s: float = 0.05) -> Scene:
    """The toy with its baseline; then the optimum moves a little, so that the confirmation takes many pairs."""
    folder.mkdir(parents=True)
    scene = Scene(folder, "toy")
    data = {"log": str(folder / "log.txt")}
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "model.toml").write_text(TOY_MODEL % timeout)
    scene.run("register", "--no-check", folder / "model.toml")
    scene.run("baseline", "toy")
    (folder / "log.txt").unlink()
    (folder / "data.json").write_text(json.dumps({**data, "optimum": -2.35, "sleep_s": sleep_s}))
    return scene


def make_flights(folder: Path) -> Scene:
    """The flights recipe with its baseline on the first quarter, and the data of the second."""
    model = folder / "model"
    shutil.copytree(ROOT / "examples" / "flights", model, ignore=shutil.ignore_patterns("__pycache__", "data"))
    scene = Scene(folder, "flights")
    for months in ("1-3", "4-6"):
        prepare = [sys.executable, str(model / "prepare.py"), "--months", months]
        subprocess.run(prepare, check=True, stdout=subprocess.DEVNULL)
        if months == "1-3":
            scene.run("register", "--no-check", model / "model.toml")
            scene.run("baseline", "flights")
    return scene


def finished(process: "subprocess.Popen[str]") -> str:
    """What a command printed. Raises RuntimeError when it did not end with a verdict or a success."""
    out, error = process.communicate(timeout=WAIT_S)
    if process.returncode not in VERDICT_CODES:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {out}{error}")
    return out


def everywhere() -> Iterator[tuple[int, str, str]]:
    """(pid, command line, environment) of every living process that may be looked at."""
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdecimal():
                process = Path("/proc") / entry
                environment = (process / "environ").read_text(errors="replace")
                yield int(entry), (process / "cmdline").read_text(errors="replace"), environment


def age_s(pid: int) -> float:
    """Seconds since a process was started; 0 when it is gone."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        started_s = int(text[text.rindex(")") + 2 :].split()[19]) / os.sysconf("SC_CLK_TCK")
        return float(Path("/proc/uptime").read_text().split()[0]) - started_s
    return 0.0


def kill(pid: int) -> bool:
    """SIGKILL to one process; False when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False
