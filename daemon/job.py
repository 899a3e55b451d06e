"""What the steps of a campaign share: its job, and the training runs that they ask for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..strategies.drift import compute_seconds, count_runs
from ..strategies.records import Configuration, LegRequest, LegResult, Purpose
from ..strategies.space import derive_seed
from .clock import Clock
from .config import Config
from .ledger import Campaign, Lease, results_of
from .model_file import ModelFile
from .registry import Model
from .search import LegDesk, Runner
from .store import Store

SLICE_BASE = 4096
"""Split seeds of replicates and pairs are consecutive from a multiple of this, so that `seed % k` is a slice."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that the steps of one campaign work with.

    `open_runner` gives a runner on another spool folder and other data. The campaign's own workers end first, so
    that both need not fit into memory: nothing more can be trained by its desk.
    """

    store: Store
    lease: Lease
    clock: Clock
    config: Config
    environ: Mapping[str, str]
    model: Model
    file: ModelFile
    configuration: Configuration
    baseline: Campaign | None
    desk: LegDesk
    open_runner: Callable[[Path, str], Runner]

    @property
    def campaign(self) -> Campaign:
        """The campaign as it stands."""
        return self.lease.campaign()


def birth_results(job: Job) -> tuple[LegResult, ...]:
    """The legs of the baseline of the settings in force."""
    return () if job.baseline is None else results_of(job.store, job.baseline.id)


def full_run(job: Job, trial: str, configuration: Configuration, purpose: Purpose, split_seed: int) -> LegRequest:
    """One whole training; incumbent and challenger of a pair share the seeds, which depend on its number alone."""
    return LegRequest(
        name=trial,
        trial=trial,
        purpose=purpose,
        configuration=configuration,
        seed=derive_seed(job.campaign.seed, purpose.value, "seed", split_seed),
        split_seed=split_seed,
        from_step=0.0,
        to_step=job.file.training.budget.amount,
    )


def budget_s_of(job: Job) -> float | None:
    """Seconds of training that the campaign may use, parallel legs added up; None for no limit."""
    given = job.campaign.options.get("budget_s")
    return job.file.search.budget_s if given is None else float(given)


def slice_base(seed: int, name: str) -> int:
    """The first split seed of a row of runs: a multiple of SLICE_BASE, derived by name."""
    return derive_seed(seed, name, "slices") // SLICE_BASE * SLICE_BASE


def costs_of(job: Job) -> dict[str, Any]:
    """What the campaign has cost so far, as facts."""
    results = job.desk.results
    return {"compute_s": compute_seconds(results), "runs": count_runs(results)}
