"""Reads versions and hardware of a machine, here or on a node of a cluster; so it needs the standard library alone."""

import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from .node_kinds import KIND

INTERPRETER_TIMEOUT_S = 60.0
GPU_TIMEOUT_S = 15.0
MOST_KIND = 200  # characters
ALWAYS_READ = ("torch", "numpy")
"""Distributions whose versions every environment fingerprint holds."""

# Runs in the model's own interpreter, which may be older than ours and has neither retuned nor, perhaps, torch.
_READ_ENVIRONMENT = """
import json, os, platform, sys
from importlib import metadata
def cpu():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
names = json.loads(sys.argv[1])
print(json.dumps({
    "python": platform.python_version(), "platform": platform.system() + " " + platform.release(),
    "machine": platform.machine(), "cpu": cpu(), "cores": len(os.sched_getaffinity(0)),
    "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    "packages": [[name, version(name)] for name in names if version(name) is not None]}))
"""


class NotRead(Exception):
    """An interpreter did not say what it is."""


def read_environment(python: str, packages: Sequence[str] = ()) -> dict[str, Any]:
    """What a process of the interpreter `python` says of itself and its machine; torch is not imported.

    `packages` are distributions to read beside ALWAYS_READ; those not installed are left out. Raises NotRead.
    """
    names = json.dumps([*ALWAYS_READ, *(name for name in packages if name not in ALWAYS_READ)])
    try:
        done = subprocess.run(
            [python, "-I", "-c", _READ_ENVIRONMENT, names], capture_output=True, text=True, errors="replace",
            timeout=INTERPRETER_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotRead(f"{python} could not be asked for its versions: {error}") from None
    try:
        content: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise NotRead(f"{python} could not tell its versions: {last[:200]}") from None
    return content


def read_gpus() -> tuple[str, ...] | None:
    """The GPUs of this machine, "model, memory, driver" each; none where it has no nvidia-smi; None where that fails,
    as it does in the middle of a driver's upgrade."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    query = [tool, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, errors="replace", timeout=GPU_TIMEOUT_S, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return tuple(line.strip() for line in done.stdout.splitlines() if line.strip()) if done.returncode == 0 else None


def kind_of_node(environ: Mapping[str, str]) -> str:
    """What the scores of trainings here may depend on: the processor's model, and those of the GPUs that they see."""
    told = environ.get(KIND, "").strip()
    if told:
        return told[:MOST_KIND]
    gpus = () if environ.get("CUDA_VISIBLE_DEVICES") == "" else read_gpus()
    names = ("GPUs unknown",) if gpus is None else sorted({gpu.partition(",")[0] for gpu in gpus})
    return ", ".join((_processor(), *names))[:MOST_KIND]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
