"""What of this machine trainings may use: what it has, within the limits of our own control group, less [workers]."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from ...strategies.schedule.grants import Machine
from ..config.config import Config

GPU_QUERY_TIMEOUT_S = 20.0
_DEVICE = re.compile(r"nvidia(\d+)")


def machine_of(config: Config, *, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup"),
               devices: Path = Path("/dev")) -> Machine:  # fmt: skip
    """What all campaigns together may use now: of this machine, without memory and GPUs beyond what there is; or of the
    cluster. Raises ClusterAway."""
    workers = config.workers
    if workers.is_cluster:
        return _machine_of_cluster(config)
    group = own_group(proc, cgroups)
    slots = workers.slots if "slots" in workers.model_fields_set else usable_cores(group, cgroups)
    memory_bytes = usable_memory_bytes(proc, group, cgroups)
    if workers.memory_bytes is not None:
        memory_bytes = min(workers.memory_bytes, memory_bytes)
    present = gpus(devices)
    allowed = present if workers.gpus is None else tuple(gpu for gpu in workers.gpus if gpu in present)
    return Machine(slots, memory_bytes, tuple(dict.fromkeys(allowed)), config.service.max_campaigns)


def _machine_of_cluster(config: Config) -> Machine:
    from .cluster.capacity import capacity
    from .cluster.engines import jobs_of

    workers = config.workers
    return capacity(jobs_of(workers), workers.slots, config.service.max_campaigns, workers.autoscaler)


def own_group(proc: Path, cgroups: Path) -> Path:
    """The folder of this process's control group; the root's where there is none (version 1, or no cgroups)."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return cgroups
    paths = [line.removeprefix("0::/") for line in lines if line.startswith("0::/")]
    return cgroups / paths[0] if paths and (cgroups / paths[0]).is_dir() else cgroups


def usable_cores(group: Path, cgroups: Path) -> int:
    """Cores that we may run on: by affinity, and by the CPU quota of our group and those above it."""
    quotas = [_cores_of(folder / "cpu.max") for folder in _upwards(group, cgroups)]
    cores = [len(os.sched_getaffinity(0)), *(quota for quota in quotas if quota is not None)]
    return max(1, int(min(cores)))


def usable_memory_bytes(proc: Path, group: Path, cgroups: Path) -> int:
    """Memory that we may use: the machine's, within the limits of our group and those above it."""
    total = re.search(r"^MemTotal:\s+(\d+) kB", (proc / "meminfo").read_text(), re.MULTILINE)
    assert total is not None
    limits = [_bytes_of(folder / name) for folder in _upwards(group, cgroups) for name in ("memory.max", "memory.high")]
    return min([int(total[1]) * 1024, *(limit for limit in limits if limit is not None)])


def gpus(devices: Path = Path("/dev")) -> tuple[int, ...]:
    """The GPUs by the numbers that nvidia-smi gives them; none where the driver does not answer.

    The driver's library is not loaded: it would stay in the memory of a process that waits for months.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return tuple(sorted(int(device[1]) for name in os.listdir(devices) if (device := _DEVICE.fullmatch(name))))
    query = [tool, "--query-gpu=index", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            query, capture_output=True, text=True, timeout=GPU_QUERY_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = done.stdout.split() if done.returncode == 0 else []
    return tuple(int(line) for line in lines if line.isdecimal())


def _upwards(group: Path, cgroups: Path) -> tuple[Path, ...]:
    above = group.parents[: len(group.relative_to(cgroups).parts)]
    return (group, *above)


def _cores_of(path: Path) -> float | None:
    """The quota in a cpu.max file such as '150000 100000'; None without one."""
    words = _words(path)
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0].isdecimal() else None


def _bytes_of(path: Path) -> int | None:
    words = _words(path)
    return int(words[0]) if len(words) == 1 and words[0].isdecimal() else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
