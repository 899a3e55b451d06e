"""Runs a campaign's legs in workers on a Ray cluster, through a spool in the folder that all nodes share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ....strategies.legs.ends import Objective
from ...clock import Clock
from ...config.training_tables import ResourcesTable
from ...config.workers_table import WorkersTable
from ...durable_files import write_json
from ..leg_order import TrainingOrder
from ..splits.split_files import SplitFiles
from ..spool import Spool
from ..spool_runner import SpoolRunner
from ..worker_pool import RECORD
from .needs import Needs, needs_of
from .ray_jobs import RayJobs
from .ray_workers import RayWorkers, Starter
from .shared_folder import program_in


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster is, what it shares with us, how Python is called on its nodes, and a reference to its token."""

    address: str
    shared: Path
    python: str = "python3"
    token: str | None = None


class RayRunner(SpoolRunner):
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
        starter = Starter(cluster.python, program, needs, environment)
        jobs = RayJobs(cluster.address, token=cluster.token)

        def open_pool(spool: Spool, longest_s: float) -> RayWorkers:
            write_json(spool.folder / RECORD, {"runner": "ray", "address": cluster.address, "token": cluster.token})
            return RayWorkers(spool, jobs, clock, starter, longest_s)

        super().__init__(folder, training, objective, slots, environment, clock, open_pool, splits=splits)


def open_ray(
    workers: WorkersTable,
    resources: ResourcesTable,
    folder: Path,
    training: TrainingOrder,
    objective: Objective,
    slots: int,
    environment: Mapping[str, str],
    clock: Clock,
    splits: SplitFiles | None,
) -> RayRunner:
    """The runner of a campaign on the cluster that [workers] names."""
    assert workers.address is not None
    assert workers.shared is not None
    cluster = Cluster(workers.address, workers.shared, workers.python, workers.token)
    needs = needs_of(resources)
    return RayRunner(folder, training, objective, slots, environment, clock, cluster, needs, splits=splits)
