"""What the steps of a campaign share, and the training runs that they request."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...strategies.drift.drift import compute_seconds, count_runs, seconds_by_node
from ...strategies.legs import names
from ...strategies.records import Configuration, LegRequest, LegResult, Purpose, Role
from ...strategies.space import derive_seed
from ..clock import Clock
from ..config.config import Config
from ..config.model_file import ModelFile
from ..state.campaigns.campaign_facts import reached
from ..state.campaigns.campaigns import Campaign, finished_baseline
from ..state.campaigns.lease import Lease, unchanged
from ..state.campaigns.legs import results_of
from ..state.campaigns.phase_records import Ended, Prepared
from ..state.models.registry import Model, configuration_of_version, file_of_version, find_model
from ..state.store import Store
from ..training.local_runner import LocalRunner
from ..training.piecewise_runner import PiecewiseRunner
from ..training.runner import Runner
from ..training.splits.split_files import SplitFiles, open_splits
from ..training.spool_runner import SpoolRunner
from .leg_runs import LegRuns
from .prepare import prepare, slots_of, training_order

SLICE_BASE = 4096
"""Split seeds of replicates and pairs are consecutive from a multiple of this, so that `seed % k` is a slice."""


class Detached(BaseException):
    """Interrupts a campaign's process but leaves its workers running for the next one."""


@dataclass(frozen=True, slots=True)
class CampaignContext:
    """Everything that the steps of one campaign work with.

    `open_runner` gives a runner on another spool folder and other data. The campaign's own workers end first, so
    that the two need not fit in memory together; after that `runs` can train nothing more.
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
    runs: LegRuns
    open_runner: Callable[[Path, str], Runner]

    @property
    def campaign(self) -> Campaign:
        """The campaign's present row."""
        return self.lease.campaign()


@contextlib.contextmanager
def open_context(
    store: Store,
    lease: Lease,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    watch: Callable[[], None] = lambda: None,
) -> Iterator[CampaignContext]:
    """What the steps of a campaign work with, after the prepare phase; its workers end with the block.

    Raises CampaignFailed when data or interpreter are not available.
    """
    runner: Runner | None = None
    try:
        campaign = lease.campaign()
        model = find_model(store, campaign.model)
        file = file_of_version(store, model.id, campaign.model_version)
        configuration = configuration_of_version(store, model.id, campaign.settings_version, file.space())
        baseline = finished_baseline(store, campaign.model_id, campaign.settings_version)
        if campaign.facts.prepared is None:
            lease.advance("prepare", unchanged, clock.now())
            before = None if baseline is None else prepared_of(baseline)
            prepared = prepare(model, file, configuration, before, config, environ, lease.show_progress)
            splits = _splits(file, lease.folder, prepared.snapshot, lease.show_progress)
            if splits is not None:
                prepared = replace(prepared, notes=(*prepared.notes, splits.sentence), cut=splits.sizes)
            campaign = lease.advance("prepare", lambda facts: replace(facts, prepared=prepared), clock.now())

        def runner_in(folder: Path, data: str) -> Runner:
            splits = _splits(file, folder, data, lease.show_progress)
            return _runner(file, campaign, folder, data, clock, config, environ, splits)

        runner = own = runner_in(lease.folder, prepared_of(campaign).snapshot)

        def open_runner(folder: Path, data: str) -> Runner:
            own.stop()
            return runner_in(folder, data)

        runs = LegRuns(lease, results_of(store, campaign.id), runner, clock, watch)
        yield CampaignContext(
            store, lease, clock, config, environ, model, file, configuration, baseline, runs, open_runner
        )
    except Detached:
        runner = None
        raise
    finally:
        if runner is not None:
            runner.stop()


def prepared_of(campaign: Campaign) -> Prepared:
    """The record of the prepare phase of a campaign that has passed it."""
    return reached(campaign.facts.prepared)


def _runner(
    file: ModelFile,
    campaign: Campaign,
    folder: Path,
    data: str,
    clock: Clock,
    config: Config,
    environ: Mapping[str, str],
    splits: SplitFiles | None,
) -> Runner:
    slots, gpus = room_of(file, campaign, config)
    groups = slots_of(file, config, prepared_of(campaign).environment)
    resources, environment = file.training.resources, file.training.environment(environ)
    runner: SpoolRunner
    if config.workers.is_cluster:
        from ..training.cluster.cluster_runner import ClusterRunner, cluster_of
        from ..training.cluster.needs import needs_of

        cluster, needs = cluster_of(config.workers), needs_of(resources)
        order = training_order(file, data, slots, groups, needs.cpus)
        runner = ClusterRunner(
            folder, order, file.objective(), slots, environment, clock, cluster, needs, splits=splits
        )  # fmt: skip
    else:
        order = training_order(file, data, slots, groups)
        runner = LocalRunner(
            folder, order, file.objective(), slots, environment, clock, gpus=gpus, gpus_each=resources.gpus,
            splits=splits,
        )  # fmt: skip
    return runner if order.kind == "recipe" else PiecewiseRunner(runner, runner.checkpoint_fault)


def _splits(file: ModelFile, folder: Path, data: str, show_progress: Callable[[], None]) -> SplitFiles | None:
    """The files that are cut for each leg of the runner in `folder`; None where the training cuts the data itself."""
    if file.data is None or file.data.split is None:
        return None
    return open_splits(file.data, file.data.split, Path(data), folder, file.search.max_pairs, show_progress)


def room_of(file: ModelFile, campaign: Campaign, config: Config) -> tuple[int, tuple[int, ...]]:
    """How many training runs may run at once, and their GPUs: as the service granted, else all that the machine has."""
    environment, grant = prepared_of(campaign).environment, campaign.grant
    slots = slots_of(file, config, environment)
    if grant is not None:
        return min(slots, grant.slots), grant.gpus
    return slots, tuple(range(len(environment.gpus))) if config.workers.gpus is None else config.workers.gpus


def baseline_results(context: CampaignContext) -> tuple[LegResult, ...]:
    """The legs of the baseline of the settings that are re-evaluated."""
    return () if context.baseline is None else results_of(context.store, context.baseline.id)


def full_run(
    context: CampaignContext, purpose: Purpose, role: Role, number: int, configuration: Configuration, base: int
) -> LegRequest:
    """One full training run; incumbent and challenger of a pair share the seeds, which depend on its number alone.

    `base` is the split seed of number 0.
    """
    trial, split_seed = names.full_run(purpose, role, number), base + number
    return LegRequest(
        name=trial,
        trial=trial,
        purpose=purpose,
        configuration=configuration,
        seed=derive_seed(context.campaign.seed, purpose.value, "seed", split_seed),
        split_seed=split_seed,
        from_step=0.0,
        to_step=context.file.training.budget.amount,
        role=role,
        number=number,
    )


def budget_s_of(context: CampaignContext) -> float | None:
    """Seconds of training that the campaign may use, parallel legs added up; None for no limit."""
    requested = context.campaign.options.get("budget_s")
    return context.file.search.budget_s if requested is None else float(requested)


def slice_base(seed: int, name: str) -> int:
    """The first split seed of a series of runs: a multiple of SLICE_BASE, derived by name."""
    return derive_seed(seed, name, "slices") // SLICE_BASE * SLICE_BASE


def costs_of(context: CampaignContext) -> Ended:
    """What the campaign has cost in total."""
    results = context.runs.results
    return Ended(compute_seconds(results), count_runs(results), nodes=seconds_by_node(results))
