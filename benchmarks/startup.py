"""What a call of the command line costs: processor time of short commands, beside Python and typer alone.

python benchmarks/startup.py --runs 15       writes benchmarks/results/startup.json

User and system time of the process, the least of so many runs in turn, since whatever else runs only adds to it. As in
an installation, the modules are compiled: the first, uncounted run does that. One model is registered; the commands are
measured without a service and with one that owns the state folder.

The promise was made on a quiet machine: 0.35 s, where a hello of typer takes 0.18 s. A busy or slower machine stretches
both, so what is judged is the ratio to the hello of the same turns: at most 1.9 times. The seconds are in the record.
`show` prints all there is about a model and is recorded beside, without a promise.
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from machine import header, print_table, write_record
from scene import TOY_MODEL

RESULT = Path(__file__).parent / "results" / "startup.json"
LIMIT = 1.9  # times a hello of typer: 0.35 s against 0.18 s
YARDSTICK = "hello of typer"
WAIT_S = 60.0
HELLO = """import typer
app = typer.Typer()
@app.command()
def hello(loud: bool = False) -> None:
    print("hello")
app()"""
BESIDE = {"python -c pass": ["-c", "pass"], YARDSTICK: ["-c", HELLO], "its --help": ["-c", HELLO, "--help"]}
UNPROMISED = "show"
COMMANDS = ("--help", "--version", "modles", "models", "show toy", "status")


def main() -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="retuned-startup-"))
    try:
        environ = _environ(folder)
        _register(folder, environ)
        cpu_s = least_cpu_s(BESIDE | _retuned(""), given.runs, environ)
        with _service(folder, environ):
            served_s = least_cpu_s({YARDSTICK: BESIDE[YARDSTICK]} | _retuned(", with a service"), given.runs, environ)
    finally:
        shutil.rmtree(folder)
    times_hello = ratios(cpu_s) | ratios(served_s)
    cpu_s |= {name: seconds for name, seconds in served_s.items() if name != YARDSTICK}
    is_within = max(ratio for name, ratio in times_hello.items() if UNPROMISED not in name) <= LIMIT
    record = header(f"python benchmarks/startup.py --runs {given.runs}")
    record |= {"runs": given.runs, "cpu_s": cpu_s, "times_hello": times_hello, "limit": LIMIT, "is_within": is_within}
    print_table(
        "a call of the command line",
        [{"command": name, "cpu_s": cpu_s[name], "times_hello": times_hello.get(name, "")} for name in cpu_s],
    )
    write_record(given.out, record)
    sys.exit(0 if is_within else 1)


def ratios(cpu_s: Mapping[str, float]) -> dict[str, float]:
    """How many times the yardstick's processor time each of our calls took."""
    ours = [name for name in cpu_s if name.startswith("retuned")]
    return {name: round(cpu_s[name] / cpu_s[YARDSTICK], 2) for name in ours}


def least_cpu_s(calls: Mapping[str, Sequence[str]], runs: int, environ: Mapping[str, str]) -> dict[str, float]:
    """The least processor time of each call of Python; the calls take turns, so that all meet the same neighbours."""
    turns = [
        {name: _cpu_s([sys.executable, *words], environ) for name, words in calls.items()} for _ in range(runs + 1)
    ]
    return {name: round(min(turn[name] for turn in turns[1:]), 4) for name in calls}


def _cpu_s(command: Sequence[str], environ: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _retuned(when: str) -> dict[str, list[str]]:
    return {f"retuned {words}{when}": ["-m", "retuned.daemon", *words.split()] for words in COMMANDS}


def _environ(folder: Path) -> dict[str, str]:
    compiled = {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | compiled | {"RETUNED_STATE": str(folder / "state")}


def _register(folder: Path, environ: Mapping[str, str]) -> None:
    (folder / "data.json").write_text("{}")
    (folder / "model.toml").write_text(TOY_MODEL % "30s")
    for words in (["register", "--no-check", str(folder / "model.toml")], ["cancel", "toy"], ["pause", "toy"]):
        subprocess.run(
            [sys.executable, "-m", "retuned.daemon", *words], env=environ, check=True, stdout=subprocess.DEVNULL
        )


@contextmanager
def _service(folder: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """A service on the state folder, once it answers."""
    command = [sys.executable, "-m", "retuned.daemon", "serve"]
    service = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + WAIT_S
        while not (folder / "state" / "api.json").exists() and time.monotonic() < until:
            time.sleep(0.1)
        yield
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(WAIT_S)


if __name__ == "__main__":
    main()
