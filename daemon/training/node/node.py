"""What a cluster's job is: a worker of a spool, with nothing of it left when the job ends, however it ends.

The cluster signals its job and, after a few seconds, kills it. The worker stands in a session of its own, where a
SIGKILL to the job's group does not reach it; it gets SIGTERM when this process dies, puts its leg back and ends what it
started.
"""

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

from ...durable_files import load_json, read_json, replace_json
from ..environment_reading import NotRead, kind_of_node, read_environment, read_gpus
from ..node_kinds import KIND
from ..worker.children import LIBC, PR_SET_PDEATHSIG, Children, become_subreaper
from ..worker_lives import life_of, worker_in_life

WORKER = Path(__file__).resolve().parents[1] / "worker"
END_PATIENCE_S = 2.0  # of a worker that was told to end; a job that is stopped is killed after three seconds
PAUSE_S = 0.05
EXPECTED_S = 60.0  # in which the campaign's process sees that a job began again, and prepares its next worker
SHIM_PID = os.getpid()


def main() -> None:
    """Be the worker WORKER_ID of the spool named on the command line; with --probe or --environment, write what is
    asked for to the file behind it, and end."""
    if sys.argv[1] == "--probe":
        Path(sys.argv[2]).write_text(f"{platform.node()} {platform.python_version()}\n", encoding="utf-8")
        return
    if sys.argv[1] == "--environment":
        replace_json(Path(sys.argv[2]), _environment(sys.argv[3], json.loads(sys.argv[4])), syncs=True)
        return
    sys.exit(run(Path(sys.argv[1]), sys.argv[2]))


def run(spool: Path, worker_id: str) -> int:
    """Start the worker and see to its end; its exit code. Nothing is started for one that is no longer wanted."""
    told: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: told.append(received))
    life = life_of(os.environ)
    worker_id = worker_in_life(worker_id, life)
    folder = spool / "workers" / worker_id
    if not _is_wanted(spool, folder, EXPECTED_S if life else 0.0, told):
        return 0
    become_subreaper()
    environment = environment_for(folder, worker_id)
    with open(folder / "worker.log", "ab") as log:
        worker = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(WORKER), str(spool), worker_id],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            start_new_session=True, preexec_fn=_end_with_parent,  # noqa: PLW1509 - there is one thread
        )  # fmt: skip
    code = _code_when_ended(worker, told)
    Children().kill_all()  # what a worker left that was killed
    return 0 if told else max(0, code)


def _is_wanted(spool: Path, folder: Path, expected_s: float, told: list[int]) -> bool:
    """Whether the worker's folder is there, or comes within a while, and nobody stopped the campaign."""
    until = time.monotonic() + expected_s
    while not told and not (spool / "stop").exists():
        if read_json(folder / "worker.json") is not None:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(PAUSE_S)
    return False


def _environment(python: str, packages: list[str]) -> dict[str, object]:
    """What this node is, as the model's own interpreter sees it; `gpus` None: not known."""
    try:
        return {"environment": read_environment(python, packages), "gpus": read_gpus()}
    except NotRead as error:
        return {"fault": str(error)}


def environment_for(folder: Path, worker_id: str) -> dict[str, str]:
    """What the worker sees: what the owner passes on, the named variables of this node, and nothing else."""
    told = load_json(folder / "environment.json")
    kept = {name: os.environ[name] for name in told["kept"] if name in os.environ}
    return {**kept, **told["set"], "RETUNED_WORKER": worker_id, KIND: kind_of_node(os.environ)}


def _code_when_ended(worker: "subprocess.Popen[bytes]", told: list[int]) -> int:
    """Wait for the worker, pass a signal on, kill it where it does not follow. What else ends below is reaped."""
    until = float("inf")
    while True:
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == worker.pid:
                worker.returncode = os.waitstatus_to_exitcode(status)
                return worker.returncode
            if pid:
                continue
        if told and until == float("inf"):
            until = time.monotonic() + END_PATIENCE_S
            os.kill(worker.pid, signal.SIGTERM)
        elif time.monotonic() > until:
            os.kill(worker.pid, signal.SIGKILL)
        time.sleep(PAUSE_S)


def _end_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != SHIM_PID:
        os._exit(1)
