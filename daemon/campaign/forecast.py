"""What a re-evaluation will do and cost: asked by `plan`, by the campaign itself and by the queue, answered once.

Nothing heavy is imported: the service's queue asks, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...strategies.legs.names import PROBES
from ...strategies.records import LegResult
from ...strategies.schedule.grants import Machine, Need
from ...strategies.search import choose
from ...strategies.search.search_size import coordinates_of
from ..config.config import Config
from ..config.model_file import ModelFile
from ..config.training_tables import TrainingTable

PROBE_RUNS = len(PROBES)  # of the contract's probe
PROBE_SHARE = 0.2  # of a full run; seeds and splits show in a score long before it is a good one


@dataclass(frozen=True, slots=True)
class Forecast:
    """The strategy of a model's next re-evaluation with its reason, and what it will cost.

    `seconds_per_run`: of one training at the full budget; None while none was timed, and then the strategy may change.
    """

    choice: choose.Choice
    cost: choose.CostEstimate
    seconds_per_run: float | None
    sentence: str

    @property
    def training_s(self) -> float | None:
        """Seconds of training that it is expected to take, parallel trainings added up; None if none was timed."""
        if self.seconds_per_run is None:
            return None
        return self.seconds_per_run * (self.cost.full_runs_search + self.cost.runs_confirm_expected)


def forecast(
    file: ModelFile,
    legs: Sequence[LegResult],
    machine: Machine,
    config: Config,
    *,
    budget_s: float | None = None,
    strategy: str | None = None,
    at_once: int | None = None,
    probe_runs: int = 0,
) -> Forecast:
    """What a re-evaluation of the model will do on this machine, from legs of its current settings.

    `budget_s` and `strategy` are what was asked for; None: what the model file says. The strategy is chosen for a
    machine on which nothing else runs, so that what `plan` promises does not depend on the moment; the time is that
    of `at_once` trainings at once, where a service granted fewer.
    """
    wanted = strategy or file.search.strategy
    capacity = _capacity(file, legs, max(1, slots_on(machine, file, config)))
    capacity = replace(
        capacity,
        compute_s=file.search.budget_s if budget_s is None else budget_s,
        probe_runs=probe_runs,
        memory_share=_memory_share(legs, machine),
        requested=None if wanted == "auto" else choose.Strategy(wanted),
    )
    choice = choose.choose(capacity)
    granted = replace(
        capacity,
        slots=min(capacity.slots, at_once or capacity.slots),
        requested=choice.strategy,
        challengers=choice.challengers or capacity.challengers,
        stages=choice.stages,
    )
    cost = choose.estimate(replace(granted, lives=choice.lives or None), file.search.max_pairs)
    why = choice.sentence if wanted == "auto" else f"{choice.sentence}; {wanted} was asked for"
    return Forecast(choice, cost, capacity.seconds_per_full_run, why)


def need_of(training: TrainingTable, machine: Machine) -> Need:
    """What the queue deals out to campaigns of a model. A run takes a slot here, on a cluster its cores."""
    needs = training.resources
    cores = 1.0 if not machine.nodes or needs.cpus is None else needs.cpus
    return Need(training.slots, needs.memory_bytes or 0, needs.gpus, cores)


def slots_on(machine: Machine, file: ModelFile, config: Config) -> int:
    """How many trainings of this model run at once on a machine, or on the nodes of a cluster, and nothing else."""
    if machine.nodes:
        from ..training.cluster.capacity import trainings_at_once
        from ..training.cluster.needs import needs_of

        fit = trainings_at_once(machine, needs_of(file.training.resources))
        return min(file.training.slots, config.workers.slots, fit)
    return slots_that_fit(file, config, machine.memory_bytes, len(machine.gpus))


def slots_that_fit(file: ModelFile, config: Config, memory_bytes: int | None, gpus: int) -> int:
    """How many trainings of this model run at once: as many as allowed, and as fit in memory and on the GPUs.

    0: not even one fits. `memory_bytes` None: not known, so no limit.
    """
    slots, needs = min(file.training.slots, config.workers.slots), file.training.resources
    by_memory = memory_bytes // needs.memory_bytes if needs.memory_bytes and memory_bytes is not None else slots
    by_gpus = gpus // needs.gpus if needs.gpus else slots
    return min(slots, by_memory, by_gpus)


def seconds_per_full_run(legs: Sequence[LegResult], budget: float) -> float | None:
    """Seconds that one full training takes, from the longest legs there are; None without a completed leg."""
    rates = [(leg.request.to_step - leg.request.from_step, leg.seconds) for leg in legs if leg.score is not None]
    if not rates:
        return None
    longest = max(length for length, _ in rates)
    seconds = sorted(seconds for length, seconds in rates if length == longest)
    return seconds[len(seconds) // 2] * budget / longest


def _capacity(file: ModelFile, legs: Sequence[LegResult], slots: int) -> choose.Capacity:
    budget = file.training.budget
    return choose.Capacity(
        seconds_per_full_run=seconds_per_full_run(legs, budget.amount),
        slots=slots,
        resumable=file.training.is_resumable,
        budget=budget.amount,
        unit=budget.unit,
        coordinates=coordinates_of(file.space()),
        challengers=file.search.challengers,
        stages=file.search.stages,
        probe_share=PROBE_SHARE,
        no_panda=file.why_no_panda(),
        lives=file.search.pandas,
        sampler=file.search.sampler,
    )


def _memory_share(legs: Sequence[LegResult], machine: Machine) -> float | None:
    peak = max((leg.peak_memory_bytes for leg in legs), default=0)
    return peak / machine.memory_bytes if peak and machine.memory_bytes else None
