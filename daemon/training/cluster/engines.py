"""Which engine a cluster has: by [workers], or by what a spool says of where its workers are."""

from collections.abc import Mapping
from typing import Any

from ...config.workers_table import WorkersTable
from .jobs import Jobs
from .slurm_options import SlurmOptions


def jobs_of(workers: WorkersTable, timeout_s: float | None = None) -> Jobs:
    """The cluster that [workers] names. `timeout_s`: how long to wait for an answer; None: as is usual there."""
    if workers.runner == "slurm":
        options = SlurmOptions(
            workers.partition, workers.account, workers.qos, workers.time_limit_s, workers.sbatch
        )  # fmt: skip
        return _slurm(options, timeout_s)
    return _ray(workers.address or "", workers.token, timeout_s)


def jobs_from(record: Mapping[str, Any]) -> Jobs:
    """The cluster that the workers of a spool are on, to be looked after and ended there."""
    if record.get("runner") == "slurm":
        return _slurm(SlurmOptions(), None)
    return _ray(str(record["address"]), record.get("token"), None)


def _slurm(options: SlurmOptions, timeout_s: float | None) -> Jobs:
    from .slurm_jobs import SlurmJobs

    return SlurmJobs(options) if timeout_s is None else SlurmJobs(options, timeout_s)


def _ray(address: str, token: str | None, timeout_s: float | None) -> Jobs:
    from .ray_jobs import RayJobs

    return RayJobs(address, token=token) if timeout_s is None else RayJobs(address, timeout_s, token)
