"""Which life of a job a worker is: a cluster may take a job's place away and begin it again. Needs nothing at all."""

from collections.abc import Mapping

_RESTARTS = "SLURM_RESTART_COUNT"
_BETWEEN = "."


def worker_in_life(first: str, life: int) -> str:
    """The id of the worker that a job is in one of its lives; 0: the first, which has the job's own id."""
    return f"{first}{_BETWEEN}{life}" if life else first


def first_and_life(worker: str) -> tuple[str, int]:
    """The id that a worker's job has, and which of its lives the worker is."""
    first, _, life = worker.partition(_BETWEEN)
    return first, int(life or 0)


def life_of(environ: Mapping[str, str]) -> int:
    """Which life of its job a process on a node is in, by what the cluster tells it."""
    told = environ.get(_RESTARTS, "")
    return int(told) if told.isdecimal() else 0
