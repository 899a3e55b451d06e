"""Whether trials of one kind are trained as a batch, and how many at once: by a rule for short legs, else by a probe.

What fits is measured, what is fastest as well: a batch beyond the processor's cache gains nothing, and convolutions
in a batch are slower on a processor than one after another. Standard library and torch only, Python 3.10 and up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from .batched_run import BatchedRun, Ready
from .trial_run import TrialRun

WORTH_FROM = 400  # updates of all trials: fewer take about as long as it takes to get a batch ready
PROBED_FROM_S = 10.0  # trainings expected to take less in all are not worth a probe
PROBE_STEPS, WARM_STEPS = 10, 5  # the third update in a batch is compiled, the next two are still slow
MEMORY_SHARE = 0.5
GROWTH = 1.05  # a larger batch must be so much faster
SLOW_IN_BATCHES = (nn.modules.conv._ConvNd, nn.RNNBase, nn.MultiheadAttention)  # or hardly faster
LARGE_PRODUCTS = 2e7  # parameters times rows: from there on the arithmetic is what takes the time


@dataclass(frozen=True, slots=True)
class Machine:
    """What a batch may use: memory that is free, and the processor's second cache, which one core has for itself."""

    memory_bytes: int
    cache_bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether a kind of trials is fused, at most how many at once, and why."""

    is_fused: bool
    most: int
    why: str


def choose(make: Callable[[int], Sequence[Ready]], count: int, machine: Machine, clock: Callable[[], float]) -> Choice:
    """The choice for `count` trials; `make(n)` gives the first n of them, ready to train.

    The probes' runs are thrown away. Raises whatever the recipe raises, and CannotFuse.
    """
    run = make(1)[0][0]
    updates = run.updates_left()
    if updates * count < WORTH_FROM:
        return Choice(False, 1, f"{count} times {updates} updates are too few to get a batch ready for")
    alone_s = _seconds_alone(make(1)[0][0], clock)
    room = _room(make, machine, run)
    if next(run.model.parameters()).is_cuda:
        return Choice(True, min(room, count), f"a GPU; {room} fit into its memory")
    if updates * count * alone_s < PROBED_FROM_S:
        return _by_rule(run, min(room, _cached(run, machine)))
    return _by_probe(make, count, room, alone_s, clock)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may help."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def _by_rule(run: TrialRun, most: int) -> Choice:
    """By the kind of the layers, for what is too short to be probed."""
    size = run.batch_size(run.position.progress())
    products = size * sum(one.numel() for one in run.model.parameters())
    slow = [type(one).__name__ for one in run.model.modules() if isinstance(one, SLOW_IN_BATCHES)]
    if slow:
        return Choice(False, 1, f"{slow[0]} gains little in a batch on a processor: by rule, for short trainings")
    if products > LARGE_PRODUCTS:
        return Choice(False, 1, f"{products / 1e6:.0f} million products a batch are as fast one trial after another")
    return Choice(True, most, "small layers, short trainings: by rule")


def _by_probe(
    make: Callable[[int], Sequence[Ready]], count: int, room: int, alone_s: float, clock: Callable[[], float]
) -> Choice:
    """Batches of 4, 8, 16 ... until they get no faster, against one trial after another."""
    found: list[tuple[float, int]] = []  # seconds of a trial's update, and how many at once
    for size in _sizes(min(count, room)):
        seconds = _seconds_fused(make(size), clock)
        if found and seconds * GROWTH > found[-1][0]:
            break
        found.append((seconds, size))
    best_s, best = found[-1]
    if best_s > alone_s:
        return Choice(False, 1, f"{best} at once take {best_s / alone_s:.1f} times as long as one after another")
    return Choice(True, best, f"{best} at once are {alone_s / best_s:.1f} times as fast as one after another")


def _sizes(most: int) -> list[int]:
    """4, 8, 16 ... and at last the most that there can be."""
    doubled = [size for size in (4 << power for power in range(16)) if size < most]
    return [*doubled, most]


def _seconds_alone(run: TrialRun, clock: Callable[[], float]) -> float:
    """Seconds of one update of one trial, the middle one of a few."""
    return _middle([_timed(run.train_on_batch, clock) for _ in range(PROBE_STEPS)])


def _seconds_fused(ready: Sequence[Ready], clock: Callable[[], float]) -> float:
    """Seconds of one update of one trial in a batch."""
    batch = BatchedRun(ready)
    for _ in range(WARM_STEPS):
        batch.train_on_batch(_unheard)
    return _middle([_timed(lambda: batch.train_on_batch(_unheard), clock) for _ in range(PROBE_STEPS)]) / len(ready)


def _room(make: Callable[[int], Sequence[Ready]], machine: Machine, run: TrialRun) -> int:
    """How many trials fit into the memory: measured on the first update of two."""
    batch = BatchedRun(make(2))
    batch.train_on_batch(_unheard)
    data = sum(one.numel() * one.element_size() for one in run.data)
    is_on_gpu = batch.stack.parameters.is_cuda
    free = torch.cuda.mem_get_info()[0] if is_on_gpu else machine.memory_bytes
    return max(2, int(MEMORY_SHARE * free / (batch.bytes_of_a_trial() + data)))


def _cached(run: TrialRun, machine: Machine) -> int:
    """How many trials' parameters, gradients and momenta stay in a core's second cache, twice over: 8 to 64."""
    own = 3 * sum(one.numel() * one.element_size() for one in run.model.parameters())
    return max(8, min(64, 2 * machine.cache_bytes // max(1, own)))


def _timed(act: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    act()
    return clock() - started


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _unheard(number: int, step: float, metrics: object) -> None:
    """A report that nobody needs."""
