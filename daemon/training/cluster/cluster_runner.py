"""Runs a campaign's legs in workers on a cluster, through a spool in the folder that all nodes share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ....strategies.legs.ends import Objective
from ...clock import Clock
from ...config.workers_table import WorkersTable
from ...durable_files import write_json
from ..leg_order import TrainingOrder
from ..splits.split_files import SplitFiles
from ..spool import Spool
from ..spool_runner import SpoolRunner
from ..worker_pool import DEADLINE_S, RECORD
from .engines import jobs_of
from .job_workers import JobWorkers, Starter
from .jobs import MARGIN_S, Jobs
from .needs import Needs
from .shared_folder import program_in


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster's engine, what it shares with us, and how Python is called on its nodes."""

    jobs: Jobs
    shared: Path
    python: str = "python3"


class ClusterRunner(SpoolRunner):
    """Legs in, results out; `slots` jobs at most train at the same time. The spool's folder lies in the shared one."""

    def __init__(
        self,
        folder: Path,
        training: TrainingOrder,
        objective: Objective,
        slots: int,
        environment: Mapping[str, str],
        clock: Clock,
        cluster: Cluster,
        needs: Needs,
        *,
        splits: SplitFiles | None = None,
    ) -> None:
        folder, program = Path(os.path.realpath(folder)), program_in(cluster.shared)
        trainer = program / "daemon" / "training" / "trainer"
        training = replace(training, trainer=str(trainer), data=training.data and os.path.realpath(training.data))
        lifetime_s = cluster.jobs.lifetime_s(training.timeout_s)

        def open_pool(spool: Spool, longest_s: float) -> JobWorkers:
            write_json(spool.folder / RECORD, cluster.jobs.record())
            deadline_s = max(DEADLINE_S, 2 * longest_s + 600)
            if lifetime_s is not None:
                # a worker allows for the longest ticket, which is a whole group; the limit for one training's timeout
                deadline_s = lifetime_s - MARGIN_S - training.timeout_s + longest_s
            starter = Starter(cluster.python, program, needs, environment, deadline_s, lifetime_s)
            return JobWorkers(spool, cluster.jobs, clock, starter)

        super().__init__(folder, training, objective, slots, environment, clock, open_pool, splits=splits)


def cluster_of(workers: WorkersTable) -> Cluster:
    """The cluster that [workers] names."""
    assert workers.shared is not None
    return Cluster(jobs_of(workers), workers.shared, workers.python)
