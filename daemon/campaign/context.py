"""What the steps of a campaign share: its job, and the training runs that they ask for."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...strategies.drift.drift import compute_seconds, count_runs
from ...strategies.records import Configuration, LegRequest, LegResult, Purpose
from ...strategies.space import derive_seed
from ..clock import Clock
from ..config.config import Config
from ..config.model_file import ModelFile
from ..state.campaigns import Campaign, campaigns_of
from ..state.lease import Lease
from ..state.legs import results_of
from ..state.registry import Model, configuration_of_version, file_of_version, find_model
from ..state.store import Store
from ..training.fingerprints import EnvironmentFingerprint
from ..training.local_runner import LocalRunner
from ..training.piecewise_runner import PiecewiseRunner
from ..training.runner import Runner
from .leg_runs import LegDesk
from .prepare import gather_facts, slots_of, training_order

SLICE_BASE = 4096
"""Split seeds of replicates and pairs are consecutive from a multiple of this, so that `seed % k` is a slice."""


class Detached(BaseException):
    """Interrupts the process that leads a campaign, and leaves its workers at work for the next one."""


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


@contextlib.contextmanager
def open_job(
    store: Store,
    lease: Lease,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    watch: Callable[[], None] = lambda: None,
) -> Iterator[Job]:
    """What the steps of a campaign work with, data and fingerprints taken; its workers end with the block.

    Raises CampaignFailed when data or interpreter cannot be had.
    """
    runner: Runner | None = None
    try:
        campaign = lease.campaign()
        model = find_model(store, campaign.model)
        file = file_of_version(store, model.id, campaign.model_version)
        configuration = configuration_of_version(store, model.id, campaign.settings_version, file.space())
        baseline = find_baseline(store, campaign)
        if "environment" not in campaign.facts:
            lease.advance("prepare", {}, clock.now())
            facts = gather_facts(model, file, configuration, baseline, store.state, environ)
            campaign = lease.advance("prepare", facts, clock.now())
        runner = own = _runner(file, campaign, lease.folder, campaign.facts["snapshot"], clock, config, environ)

        def open_runner(folder: Path, data: str) -> Runner:
            own.stop()
            return _runner(file, campaign, folder, data, clock, config, environ)

        desk = LegDesk(lease, results_of(store, campaign.id), runner, clock, watch)
        yield Job(store, lease, clock, config, environ, model, file, configuration, baseline, desk, open_runner)
    except Detached:
        runner = None
        raise
    finally:
        if runner is not None:
            runner.stop()


def find_baseline(store: Store, campaign: Campaign) -> Campaign | None:
    """The finished baseline of the settings that the campaign re-evaluates."""
    baselines = (
        earlier
        for earlier in reversed(campaigns_of(store, campaign.model_id, "baseline"))
        if earlier.phase == "done" and earlier.settings_version == campaign.settings_version
    )
    return next(baselines, None)


def _runner(
    file: ModelFile,
    campaign: Campaign,
    folder: Path,
    data: str,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
) -> Runner:
    slots, gpus = room_of(file, campaign, config)
    ways = slots_of(file, config, EnvironmentFingerprint.from_json(campaign.facts["environment"]))
    order, each = training_order(file, data, slots, ways), file.training.resources.gpus
    environment = file.training.environment(environ)
    runner = LocalRunner(folder, order, file.objective(), slots, environment, clock, gpus=gpus, gpus_each=each)
    return runner if order.kind == "recipe" else PiecewiseRunner(runner)


def room_of(file: ModelFile, campaign: Campaign, config: Config) -> tuple[int, tuple[int, ...]]:
    """How many trainings run at once, and the GPUs for them: what the service granted, else what the machine has."""
    environment, grant = EnvironmentFingerprint.from_json(campaign.facts["environment"]), campaign.grant
    slots = slots_of(file, config, environment)
    if grant is not None:
        return min(slots, grant.slots), grant.gpus
    return slots, tuple(range(len(environment.gpus))) if config.workers.gpus is None else config.workers.gpus


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
