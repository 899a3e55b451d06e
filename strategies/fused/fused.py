"""Fused caviar: the legs of many trials of one recipe, trained as a few batches of models instead of one by one.

Trials are fused when they differ only in values (batched_run.py says which); the rest, and what turns out not to be
fusible, is returned with the reason and left to training.py, the plain twin. Standard library and torch
only, Python 3.10 and up.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..recipe import Recipe
from ..training.random_states import own_random_state
from ..training.rows import Data, held_once
from ..training.trial_run import Checkpoint, LegOrder, LegOutcome, TrialRun, check_order
from .batched_run import BatchedRun, Ready, Report
from .batched_step import reason_of
from .model_stack import PLAIN, shape_of
from .models_per_batch import BatchChoice, MachineMemory, choose_batch, is_out_of_memory
from .twin_check import check_twins

ALONE = "no other trial has its shape"


@dataclass(frozen=True, slots=True)
class Legs:
    """Legs to train and their callbacks: `report(number, step, metrics)`, and `restart(number)` where a leg starts
    again and its reports so far are void."""

    recipe: Recipe
    orders: Sequence[LegOrder]
    checkpoints: Sequence[Checkpoint | None]
    report: Report
    restart: Callable[[int], None]
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Fused:
    """The outcomes of the fused legs by number; `alone`: the other legs by number, with the reason."""

    outcomes: Mapping[int, LegOutcome]
    alone: Mapping[int, str]


Recall = Callable[[str, Callable[[], BatchChoice]], BatchChoice]
"""Returns the recorded choice for a key, or else chooses and records it. A choice may depend on measured memory, and a
leg that is trained again must be trained in the same way to give the same result."""


def run_legs(legs: Legs, memory: MachineMemory, recall: Recall) -> Fused:
    """Train the legs that can be fused. Only for budgets in steps and epochs: in a batch no trial has its own time."""
    with own_random_state():
        return _Fusing(legs, memory).carry_out(recall)


class _Fusing:
    """Legs being fused; runs that were made to compare shapes are kept for their first use."""

    def __init__(self, legs: Legs, memory: MachineMemory) -> None:
        self.legs, self.memory = legs, memory
        self.outcomes: dict[int, LegOutcome] = {}
        self.alone: dict[int, str] = {}
        self._ready: dict[int, Ready] = {}
        self._data: list[Data] = []

    def carry_out(self, recall: Recall) -> Fused:
        for key, members in self._parts():
            if len(members) == 1:
                self.alone[members[0]] = ALONE
                continue
            choice = self._choice(key, members, recall)
            if choice.is_fused:
                self._train_all(members, choice.most)
            else:
                self.alone |= dict.fromkeys(members, choice.why)
        return Fused(self.outcomes, self.alone)

    def _parts(self) -> list[tuple[str, list[int]]]:
        """Groups of legs that may share a batch, in order, each with a key that is the same in every process."""
        parts: dict[object, list[int]] = {}
        recipe_states: dict[int, object] = {}
        # The first is made twice, because a recipe may load its data on first use.
        for number in (0, *range(len(self.legs.orders))):
            try:
                self._ready[number] = self._made(number)
            except Exception as error:  # the user's code; run alone, it raises again in its own leg
                self.alone[number] = reason_of(error)
                continue
            recipe_states[number] = _state_of(self.legs.recipe)
        if len(set(recipe_states.values())) > 1:
            self.alone |= dict.fromkeys(recipe_states, "its recipe keeps values of a trial")
            return []
        for number in recipe_states:
            run = self._ready[number][0]
            parts.setdefault((shape_of(run.model), _kind(run)), []).append(number)
        return [(f"{len(members)} x {_kind(self._ready[members[0]][0])}", members) for members in parts.values()]

    def _choice(self, key: str, members: Sequence[int], recall: Recall) -> BatchChoice:
        def make(count: int) -> Sequence[Ready]:
            return [self._made(number) for number in members[:count]]

        try:
            return recall(key, lambda: choose_batch(make, len(members), self.memory))
        except Exception as error:  # the user's code, in a batch
            return BatchChoice(False, 1, reason_of(error))

    def _train_all(self, members: Sequence[int], most: int) -> None:
        """Train batch after batch; one that does not fit in memory starts again as two."""
        batches = _cut(members, most)
        while batches:
            batch = batches.pop(0)
            try:
                self._train(batch)
            except Exception as error:  # the user's code in a batch, or out of memory
                for number in batch:
                    self.legs.restart(number)
                if is_out_of_memory(error) and len(batch) > 2:
                    batches = [*_cut(batch, (len(batch) + 1) // 2), *batches]
                else:
                    self.alone |= dict.fromkeys(batch, reason_of(error))

    def _train(self, numbers: Sequence[int]) -> None:
        batch = BatchedRun([self._taken(number) for number in numbers])
        check_twins(batch)
        outcomes = batch.carry_out(lambda row, step, metrics: self.legs.report(numbers[row], step, metrics))
        self.outcomes |= {number: outcomes[row] for row, number in enumerate(numbers)}

    def _taken(self, number: int) -> Ready:
        return self._ready.pop(number) if number in self._ready else self._made(number)

    def _made(self, number: int) -> Ready:
        """The leg's run at its start, with the random states there. Equal rows share memory."""
        order, checkpoint = self.legs.orders[number], self.legs.checkpoints[number]
        check_order(order, checkpoint)
        run = TrialRun(self.legs.recipe, order, self.legs.clock)
        if checkpoint is not None:
            run.restore(checkpoint)
        run.data, run.evaluation_data = held_once(run.data, self._data), held_once(run.evaluation_data, self._data)
        return run, (torch.get_rng_state(), random.getstate())


def _cut(members: Sequence[int], most: int) -> list[Sequence[int]]:
    """The members in order, divided as evenly as possible into the fewest batches of at most `most`."""
    count = -(-len(members) // most)
    size = -(-len(members) // count)
    return [members[start : start + size] for start in range(0, len(members), size)]


def _state_of(recipe: Recipe) -> object:
    """The attributes of a recipe: plain values by value, the rest by identity."""
    return tuple((name, value if isinstance(value, PLAIN) else id(value)) for name, value in vars(recipe).items())


def _kind(run: TrialRun) -> str:
    """What must be the same in a batch besides the model's shape, as a text that is the same in every process."""
    order, position = run.order, run.position
    layers = [
        f"{type(module).__name__}{[list(parameter.shape) for parameter in module.parameters(False)]}"
        for module in run.model.modules()
    ]
    data = [f"{list(tensor.shape)} {tensor.dtype} {tensor.device}" for tensor in run.data]
    place = f"{position.updates} {position.epoch} {position.cursor} to {order.to_step} {order.unit}"
    size = order.hyperparameters.get("batch_size", run.recipe.batch_size)
    return f"{run.optimizer_name} in {size!r} of {data} at {place}, {order.evaluate_every}: {' '.join(layers)}"
