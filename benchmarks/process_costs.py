"""What a process has cost so far, read from outside of it."""

import os
from pathlib import Path


def cpu_s(pid: int) -> tuple[float, float]:
    """Seconds of user and system time of a process, and of its children that it has waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own, children = (sum(map(int, fields[first : first + 2])) for first in (11, 13))
    return own / os.sysconf("SC_CLK_TCK"), children / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """The memory that it holds now."""
    return int(status_of(pid)["VmRSS"].split()[0]) * 1024


def status_of(pid: int) -> dict[str, str]:
    """What Linux says of it, by name."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
