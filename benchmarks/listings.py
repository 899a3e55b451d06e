"""What lists cost in a state folder that years have filled: processor time and size of each list's first page.

python benchmarks/listings.py --runs 5      writes benchmarks/results/listings.json

The state: large_state.py. An answer of the service is what its thread does: it opens the database, runs the verb, hides
what a viewer must not see, and writes JSON. A command is a process of its own, without a service, measured from
outside; `python -c pass` and an empty state folder stand beside it. What `--json` streams is measured with its memory.
The least of so many runs in turn, since whatever else runs only adds to it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from large_state import BUSY, Size, make_large_state
from machine import header, print_table, write_record
from retuned.daemon.api.redaction import redacted
from retuned.daemon.api.verbs import Verbs
from retuned.daemon.api.wire import dump_result
from retuned.daemon.clock import SystemClock
from retuned.daemon.config.config import Config
from retuned.daemon.state.store import Store

RESULT = Path(__file__).parent / "results" / "listings.json"
LIMIT_S = 0.5
LIMIT_BYTES = 1 << 20
LIMIT_STREAM_MIB = 128
SAMPLED_EVERY_S = 0.02
VERBS: Mapping[str, tuple[Any, ...]] = {
    "models": (), "history": (BUSY,), "alerts": (), "alerts of one model": (BUSY,), "drift": (BUSY,), "schedule": (),
    "status": (), "show": (BUSY,),
}  # fmt: skip
COMMANDS = (
    "models",
    f"history {BUSY}",
    "alerts",
    f"alerts {BUSY}",
    f"drift {BUSY}",
    "schedule",
    "status",
    f"show {BUSY}",
)
STREAMED = ("models --json", f"history {BUSY} --json", "alerts --json", f"drift {BUSY} --json", "schedule --json")
BESIDE = "python -c pass"


@dataclass(frozen=True)
class Cost:
    """Processor time, size of what came back, and for a process the most memory that it held."""

    cpu_s: float
    size_bytes: int
    memory_mib: float = 0.0


def main() -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    folder, size = Path(tempfile.mkdtemp(prefix="retuned-listings-")), Size()
    try:
        state = make_large_state(folder, size)
        (folder / "empty").mkdir()
        answers = least({name: _answer_of(state, name) for name in VERBS}, given.runs)
        processes = least(_processes(folder, state), given.runs)
        streams = least({words: _process(folder, state, words) for words in STREAMED}, 1)
    finally:
        shutil.rmtree(folder)
    is_within = {
        "answers": all(cost.cpu_s < LIMIT_S and cost.size_bytes < LIMIT_BYTES for cost in answers.values()),
        "commands": all(cost.cpu_s < LIMIT_S for cost in processes.values()),
        "streams": all(cost.memory_mib < LIMIT_STREAM_MIB for cost in streams.values()),
    }
    limits = {"cpu_s": LIMIT_S, "answer_bytes": LIMIT_BYTES, "stream_mib": LIMIT_STREAM_MIB}
    record = header(f"python benchmarks/listings.py --runs {given.runs}")
    record |= {"runs": given.runs, "state": asdict(size), "limits": limits, "is_within": is_within}
    for name, costs in (("answers", answers), ("commands", processes), ("streams", streams)):
        rows = {what: {key: value for key, value in asdict(cost).items() if value} for what, cost in costs.items()}
        print_table(name, [{"what": what} | row for what, row in rows.items()])
        record[name] = rows
    write_record(given.out, record)
    sys.exit(0 if all(is_within.values()) else 1)


def least(asked: Mapping[str, Callable[[], Cost]], runs: int) -> dict[str, Cost]:
    """The run of each that took least processor time; they take turns, so that all meet the same neighbours."""
    turns = [{name: ask() for name, ask in asked.items()} for _ in range(runs)]
    return {name: min((turn[name] for turn in turns), key=lambda cost: cost.cpu_s) for name in asked}


def _answer_of(state: Path, name: str) -> Callable[[], Cost]:
    verb, arguments, config = name.split()[0], VERBS[name], Config(state=state)

    def ask() -> Cost:
        began = time.process_time()
        with closing(Store(state)) as store:
            result = redacted(getattr(Verbs(store, config, SystemClock()), verb)(*arguments), store)
            content = dump_result(verb, result, is_masked=True)
        return Cost(round(time.process_time() - began, 4), len(content))

    return ask


def _processes(folder: Path, state: Path) -> dict[str, Callable[[], Cost]]:
    of_none = {"models, of an empty state": _process(folder, folder / "empty", "models")}
    return (
        {BESIDE: lambda: _run([sys.executable, "-c", "pass"], folder)}
        | of_none
        | {words: _process(folder, state, words) for words in COMMANDS}
    )


def _process(folder: Path, state: Path, words: str) -> Callable[[], Cost]:
    command = [sys.executable, "-m", "retuned.daemon", "--state", str(state), *words.split()]
    return lambda: _run(command, folder)


def _run(command: Sequence[str], folder: Path) -> Cost:
    """A process, whose output goes to a file."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=_environ(folder))
        memory_mib, pid = 0.0, 0
        while pid == 0:
            memory_mib = max(memory_mib, _most_memory_mib(process.pid))
            time.sleep(SAMPLED_EVERY_S)
            pid, _, used = os.wait4(process.pid, os.WNOHANG)
    process.returncode = 0  # it was waited for
    size = (folder / "output").stat().st_size
    return Cost(round(used.ru_utime + used.ru_stime, 4), size, round(memory_mib, 1))


def _most_memory_mib(pid: int) -> float:
    """The most memory that the process has held so far; what rusage tells is never less than that of its parent."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _environ(folder: Path) -> dict[str, str]:
    """As in an installation, the modules are compiled: the first run does that."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


if __name__ == "__main__":
    main()
