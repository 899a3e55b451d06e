"""A stand-in for Slurm's commands where the real ones are not: jobs are processes of this machine that begin at once.

Called as `fake_slurm.py COMMAND WORDS...`. What is printed has the form of Slurm 22.05; a test compares it with what
the real one prints. Jobs lie beside the file that SLURM_CONF names; so does `refusal`, which sbatch prints in place of
taking a job.
"""

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["SLURM_CONF"]).parent / "jobs"
PR_SET_CHILD_SUBREAPER = 36
FIELDS = {"JobID": "number", "RestartCnt": "restarts", "State": "state", "SubmitTime": "submitted", "Reason": "reason",
          "Name": "job-name", "Comment": "comment"}  # fmt: skip


def sbatch(*words):
    with contextlib.suppress(FileNotFoundError):
        sys.exit((FOLDER.parent / "refusal").read_text())
    told = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    number = 1
    while True:
        with contextlib.suppress(FileExistsError):
            (FOLDER / str(number)).mkdir(parents=True)
            break
        number += 1
    script = FOLDER / str(number) / "script"
    script.write_text(sys.stdin.read())
    script.chmod(0o755)
    now = time.strftime("%Y-%m-%dT%H:%M:%S")
    write(number, {**told, "number": number, "restarts": 0, "state": "PENDING", "reason": "None", "submitted": now})
    subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, "step", str(number)], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    say(number)


def step(number):
    """Be what runs a job on its node: all that it starts is below this process, and gone with it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    job = read(number)
    if (FOLDER / number / "cancelled").exists():
        write(number, {**job, "state": "CANCELLED"})
        return
    with open(job["output"], "ab") as output:
        process = subprocess.Popen(
            [FOLDER / number / "script"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/"
        )
    write(number, {**job, "state": "RUNNING", "step": os.getpid()})
    code = process.wait()
    while living := below(os.getpid()):
        for pid in living:
            send(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.01)
    ended = ("COMPLETED", "None") if code == 0 else ("FAILED", "NonZeroExitCode")
    state, reason = ("CANCELLED", "None") if (FOLDER / number / "cancelled").exists() else ended
    write(number, {**read(number), "state": state, "reason": reason})


def squeue(*words):
    (fields,) = (word.partition("=")[2] for word in words if word.startswith("--Format="))
    columns = re.findall(r"(\w+):(\d+)(\|?)", fields)
    for entry in sorted(FOLDER.glob("*/job.json"), key=lambda entry: -int(entry.parent.name)):
        job = read(entry.parent.name)
        say("".join(f"{job[FIELDS[name]]:<{width}}{after}" for name, width, after in columns))


def scancel(*words):
    number = words[-1]
    job = read(number)
    if job["state"] not in ("PENDING", "RUNNING"):
        sys.exit(f"scancel: error: Kill job error on job id {number}: Invalid job id specified")
    is_kill = "--signal=KILL" in words
    if not is_kill:
        (FOLDER / number / "cancelled").touch()
    for pid in below(job["step"]) if "step" in job else ():
        send(pid, signal.SIGKILL if is_kill else signal.SIGTERM)


def sinfo(*words):
    if "--version" in words:
        say("slurm-wlm 22.05.8")
    elif "--format=%R" in words:
        say("work")
    else:
        say("n1|idle|2|4000|work*|(null)\nn2|idle|2|4000|work*|(null)")


def sacct(*words):
    sys.exit("Slurm accounting storage is disabled")


def below(root):
    """What runs below a process."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            parents.setdefault(int(parent), []).extend([int(entry.name)] if state not in "ZX" else [])
    found = list(parents.get(root, ()))
    for pid in found:
        found += parents.get(pid, ())
    return found


def say(line):
    sys.stdout.write(f"{line}\n")


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def read(number):
    return json.loads((FOLDER / str(number) / "job.json").read_text())


def write(number, job):
    passing = FOLDER / str(number) / f".{os.getpid()}"
    passing.write_text(json.dumps(job))
    passing.rename(FOLDER / str(number) / "job.json")


if __name__ == "__main__":
    {"sbatch": sbatch, "step": step, "squeue": squeue, "scancel": scancel, "sinfo": sinfo, "sacct": sacct}[sys.argv[1]](
        *sys.argv[2:]
    )
