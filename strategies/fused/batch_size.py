"""Whether trials of one kind are trained as a batch, and how many at once: by a rule, so that a campaign that is run
twice groups its trials alike, and rounds alike.

What fits is measured. A batch beyond the processor's cache gains nothing, and convolutions in a batch may be slower on
a processor than one after another. Standard library and torch only, Python 3.10 and up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..training.trial_run import TrialRun
from .batched_run import BatchedRun, Ready

WORTH_FROM = 400  # updates of all trials: fewer take about as long as it takes to get a batch ready
MEMORY_SHARE = 0.5
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


def choose(make: Callable[[int], Sequence[Ready]], count: int, machine: Machine) -> Choice:
    """The choice for `count` trials; `make(n)` gives the first n of them, ready to train.

    The runs that it trains to measure memory are thrown away. Raises whatever the recipe raises, and CannotFuse.
    A timed probe was tried and left: near the break-even it chose otherwise from one campaign to the next.
    """
    run = make(1)[0][0]
    updates = run.updates_left()
    if updates * count < WORTH_FROM:
        return Choice(False, 1, f"{count} times {updates} updates are too few to get a batch ready for")
    if next(run.model.parameters()).is_cuda:
        room = _room(make, machine, run)
        return Choice(True, min(room, count), f"a GPU; {room} fit into its memory")
    size = run.batch_size(run.position.progress())
    products = size * sum(one.numel() for one in run.model.parameters())
    slow = [type(one).__name__ for one in run.model.modules() if isinstance(one, SLOW_IN_BATCHES)]
    if slow:
        return Choice(False, 1, f"{slow[0]} gains little in a batch on a processor")
    if products > LARGE_PRODUCTS:
        return Choice(False, 1, f"{products / 1e6:.0f} million products a batch are as fast one trial after another")
    return Choice(True, min(_room(make, machine, run), _cached(run, machine)), "small layers")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may help."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)


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


def _unheard(number: int, step: float, metrics: object) -> None:
    """A report that nobody needs."""
