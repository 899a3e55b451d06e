"""Runs a campaign's legs in worker processes on this machine."""

import sys
from collections.abc import Mapping
from pathlib import Path

from ...strategies.legs.ends import Objective
from ..clock import Clock
from .leg_order import TrainingOrder
from .splits.split_files import SplitFiles
from .spool_runner import SpoolRunner
from .worker_processes import Workers


class LocalRunner(SpoolRunner):
    """Legs in, results out; `slots` processes at most train at the same time.

    Of `gpus` each worker gets `gpus_each` for itself; with none it sees what there is.
    """

    def __init__(
        self,
        folder: Path,
        training: TrainingOrder,
        objective: Objective,
        slots: int,
        environment: Mapping[str, str],
        clock: Clock,
        worker_python: str = sys.executable,
        *,
        gpus: tuple[int, ...] = (),
        gpus_each: int = 0,
        splits: SplitFiles | None = None,
    ) -> None:
        super().__init__(
            folder, training, objective, slots, environment, clock,
            lambda spool, longest_s: Workers(spool, environment, worker_python, longest_s, gpus, gpus_each),
            splits=splits,
        )  # fmt: skip
