"""Whether trials of one kind are trained as a batch, and how many at once: by a fixed rule, so that a campaign that is
run twice groups its trials, and rounds, in the same way.

The size that fits in memory is measured. Beyond the processor's cache a batch gains nothing, and convolutions may be
slower on a processor in a batch than one after another. Standard library and torch only, Python 3.10 and up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..training.trial_run import TrialRun
from .batched_run import BatchedRun, Ready

WORTH_FROM = 400  # updates of all trials: fewer take about as long as preparing a batch
MEMORY_SHARE = 0.5
SLOW_IN_BATCHES = (nn.modules.conv._ConvNd, nn.RNNBase, nn.MultiheadAttention)  # or hardly faster
LARGE_PRODUCTS = 2e7  # parameters times rows: above this, arithmetic dominates the time


@dataclass(frozen=True, slots=True)
class MachineMemory:
    """What a batch may use: free memory, and the second-level cache of one core."""

    memory_bytes: int
    cache_bytes: int


@dataclass(frozen=True, slots=True)
class BatchChoice:
    """Whether a kind of trials is fused, how many at most at once, and why."""

    is_fused: bool
    most: int
    why: str


def choose_batch(make: Callable[[int], Sequence[Ready]], count: int, memory: MachineMemory) -> BatchChoice:
    """The choice for `count` trials; `make(n)` returns the first n of them, ready to train.

    The runs that it trains to measure memory are discarded. Raises whatever the recipe raises, and CannotFuse.
    A timed probe was tried and rejected: near break-even it chose differently from one campaign to the next.
    """
    run = make(1)[0][0]
    updates = run.updates_left()
    if updates * count < WORTH_FROM:
        return BatchChoice(False, 1, f"{count} times {updates} updates are too few to be worth preparing a batch")
    if next(run.model.parameters()).is_cuda:
        room = _room(make, memory, run)
        return BatchChoice(True, min(room, count), f"a GPU; {room} fit in its memory")
    size = run.batch_size(run.position.progress())
    products = size * sum(parameter.numel() for parameter in run.model.parameters())
    slow = [type(module).__name__ for module in run.model.modules() if isinstance(module, SLOW_IN_BATCHES)]
    if slow:
        return BatchChoice(False, 1, f"{slow[0]} gains little in a batch on a processor")
    if products > LARGE_PRODUCTS:
        return BatchChoice(
            False, 1, f"{products / 1e6:.0f} million products per batch are as fast one trial after another"
        )
    return BatchChoice(True, min(_room(make, memory, run), _cached(run, memory)), "small layers")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error is a lack of memory, so that a smaller batch may help."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


def _room(make: Callable[[int], Sequence[Ready]], memory: MachineMemory, run: TrialRun) -> int:
    """How many trials fit in memory, measured on the first update of two."""
    batch = BatchedRun(make(2))
    batch.train_on_batch(_ignore_report)
    data = sum(tensor.numel() * tensor.element_size() for tensor in run.data)
    is_on_gpu = batch.stack.parameters.is_cuda
    free = torch.cuda.mem_get_info()[0] if is_on_gpu else memory.memory_bytes
    return max(2, int(MEMORY_SHARE * free / (batch.bytes_of_a_trial() + data)))


def _cached(run: TrialRun, memory: MachineMemory) -> int:
    """Twice the number of trials whose parameters, gradients and momenta fit in a core's cache, clamped to 8 to 64."""
    own = 3 * sum(parameter.numel() * parameter.element_size() for parameter in run.model.parameters())
    return max(8, min(64, 2 * memory.cache_bytes // max(1, own)))


def _ignore_report(number: int, step: float, metrics: object) -> None:
    """Discards the reports of a run that only measures memory."""
