"""K trials of one shape in training together, step for step as each would train alone.

Each keeps its own seed, rows, order of rows, dropout masks, hyperparameters, metrics and checkpoint. One whose loss
is not finite ends as diverged; its row of the batch keeps computing without affecting the others, until it pays to
continue without it. Standard library and torch only, Python 3.10 and up.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from ..training.rows import draw_row_order
from ..training.trial_run import ROUNDING, LegOutcome, TrialRun, next_multiple, not_finite
from .batched_optimizers import batch_optimizer, hand_back, keep_rows, points_of
from .batched_step import BatchedStep, Loss
from .dropout_masks import Masks
from .model_stack import Stack, skeleton_of

Ready = tuple[TrialRun, tuple[Tensor, object]]
"""A run that is ready to train, and torch's and Python's random states at that point."""

Report = Callable[[int, float, Mapping[str, float]], None]
"""Takes a trial's number, a step and metrics by name."""

DROPPED_FROM = 4  # diverged rows are dropped when they are at least one in so many
DROPPED_BEFORE = 100  # updates that must be left; a smaller batch has to be recorded and compiled again

_Result = TypeVar("_Result")


class BatchedRun:
    """Runs at the same position. A number is a run's index as passed in; a row is its place in the stack.

    Runs that are equal in everything that affects training are trained once, so equal calls give bit-equal scores.
    """

    def __init__(self, ready: Sequence[Ready]) -> None:
        self.runs = tuple(run for run, _ in ready)
        self.leaders = _leaders(ready)
        self.alive = sorted(set(self.leaders))  # the numbers of the rows
        self.outcomes: dict[int, LegOutcome] = {}
        self.position = self.runs[0].position
        for run in self.runs:
            run.position = self.position
        trained = [self.runs[number] for number in self.alive]
        self.python_states = [ready[number][1][1] for number in self.alive]
        self.stack = Stack([run.model for run in trained])
        self.optimizer = batch_optimizer(trained, self.stack)
        self.masks = Masks(trained, [ready[number][1][0] for number in self.alive])
        first = trained[0]
        self.is_shared = all(run.data is first.data and run.order.seed == first.order.seed for run in trained)
        self._data, self._offsets = _joined_data(trained)
        self._loss = Loss(first.recipe, skeleton_of(first.model), first.order.precision)
        self._has_clip = any("clip_norm" in run.order.hyperparameters for run in trained)
        self._points = sorted({point for run in trained for point in points_of(run)})
        self._ignored = torch.zeros(len(trained), dtype=torch.bool, device=self.stack.parameters.device)
        self._steps: dict[int, BatchedStep] = {}
        self._set_options()
        self._new_epoch()

    def carry_out(self, report: Report) -> dict[int, LegOutcome]:
        """How each leg ends, by number, trained to its end. May raise CannotFuse at the first two steps."""
        lead, every = self.runs[0], self.runs[0].order.evaluate_every
        next_evaluation = next_multiple(self.position.progress(), every)
        while not lead.is_over() and self.alive:
            self.train_on_batch(report)
            if next_evaluation - ROUNDING <= self.position.progress() and not lead.is_over():
                self._evaluate(report)
                next_evaluation = next_multiple(self.position.progress(), every)
        for row in self._living_rows():
            self._complete(row, report)
        return self.outcomes

    def train_on_batch(self, report: Report) -> None:
        """One update of all K trials; those whose loss is not finite end as diverged."""
        if self._points and self._points[0] <= self.position.progress() + ROUNDING:
            self._set_options()
        size = self.runs[0].batch_size(self.position.progress())
        losses = self.next_step(size).run(self.runs[0].updates_left())
        is_bad = ~(losses.isfinite() | self._ignored)
        if bool(is_bad.any()):
            self._end_diverged(is_bad.nonzero().flatten().tolist(), losses, report)
        if self.position.move_on(size):
            self._new_epoch()

    def next_step(self, size: int) -> BatchedStep:
        """The step on the next `size` rows, with their dropout masks drawn."""
        chosen = self._row_orders[:, self.position.cursor : self.position.cursor + size]  # (1 or K, B)
        rows = chosen[0] if self.is_shared else chosen
        step = self._steps.get(rows.shape[-1]) or self._new_step(rows)
        step.rows.copy_(rows)
        self.masks.draw(rows.shape[-1])
        return step

    def random_states(self) -> list[tuple[Tensor, object]]:
        """torch's and Python's random states of each row."""
        return [(self.masks.state_of(row), state) for row, state in enumerate(self.python_states)]

    def bytes_of_a_trial(self) -> int:
        """The memory in bytes per trial, known after the first update: its state, and what an update needs."""
        states = [self.stack.parameters, *self.optimizer.states.values(), *self.stack.buffers.values()]
        fresh = max(step.fresh_bytes for step in self._steps.values())
        return (fresh + sum(state.numel() * state.element_size() for state in states)) // len(self.alive)

    def _new_step(self, rows: Tensor) -> BatchedStep:
        length = rows.shape[-1]
        self.masks.prepare(self.runs[self.alive[0]], length)
        masks = self.masks.of(length)
        step = BatchedStep(
            self._loss, self.stack, self.optimizer, self._data, rows.contiguous().clone(), masks,
            is_shared=self.is_shared, has_clip=self._has_clip,
        )  # fmt: skip
        self._steps[length] = step
        return step

    def _set_options(self) -> None:
        at = self.position.progress()
        self.optimizer.set_options([self.runs[number].order.hyperparameters for number in self.alive], at)
        self._points = [point for point in self._points if point > at + ROUNDING]

    def _new_epoch(self) -> None:
        numbers = self.alive[:1] if self.is_shared else self.alive
        seeds = [self.runs[number].order.seed for number in numbers]
        orders = {seed: draw_row_order(seed, self.position.epoch, self.position.rows) for seed in set(seeds)}
        starts = [self._offsets[id(self.runs[number].data)] for number in numbers]
        row_orders = torch.stack([orders[seed] + start for seed, start in zip(seeds, starts, strict=True)])
        self._row_orders = row_orders.to(self._data[0].device)  # (1 or K, rows)

    def _living_rows(self) -> list[int]:
        return [row for row, number in enumerate(self.alive) if number not in self.outcomes]

    def _followers(self, row: int) -> list[int]:
        """The numbers of the runs that share a row."""
        return [number for number, leader in enumerate(self.leaders) if leader == self.alive[row]]

    def _end_diverged(self, rows: Sequence[int], losses: Tensor, report: Report) -> None:
        for row in rows:
            self._ignored[row] = True
            for number in self._followers(row):
                self.outcomes[number] = self.runs[number].diverged(
                    not_finite(float(losses[row])), _only(report, number)
                )
        living = self._living_rows()
        dead = len(self.alive) - len(living)
        if not living:
            self.alive = []
        elif dead * DROPPED_FROM >= len(self.alive) and self.runs[0].updates_left() >= DROPPED_BEFORE:
            self._drop(living)

    def _drop(self, living: Sequence[int]) -> None:
        """Continue with the living rows only."""
        self.stack.keep(living)
        keep_rows(self.optimizer, living)
        self.masks.keep(living)
        self.alive = [self.alive[row] for row in living]
        self.python_states = [self.python_states[row] for row in living]
        self._ignored = self._ignored[torch.tensor(living, device=self._ignored.device)]
        self._steps = {}
        self._new_epoch()

    def _evaluate(self, report: Report) -> None:
        for row in self._living_rows():
            for number in self._followers(row):
                report(number, self.position.progress(), self._as_alone(row, self.runs[number].evaluate))

    def _complete(self, row: int, report: Report) -> None:
        self.stack.release(row)
        leader = self.runs[self.alive[row]]
        hand_back(leader, self.optimizer.state_of(row, self.stack))
        for number in self._followers(row):
            self.outcomes[number] = self._as_alone(row, partial(self.runs[number].completed, _only(report, number)))

    def _as_alone(self, row: int, act: Callable[[], _Result]) -> _Result:
        """The result of `act` in the random state that the trial would have alone."""
        torch.set_rng_state(self.masks.state_of(row))
        random.setstate(self.python_states[row])  # type: ignore[arg-type]
        return act()


def _only(report: Report, number: int) -> Callable[[float, Mapping[str, float]], None]:
    """The report function of the trial with this number."""
    return lambda step, metrics: report(number, step, metrics)


def _leaders(ready: Sequence[Ready]) -> list[int]:
    """For each run the number of the first equal one, as far as training depends on it; equal runs share a model."""
    leaders: list[int] = []
    for number, (run, states) in enumerate(ready):
        equal = (leader for leader in dict.fromkeys(leaders) if _are_equal(ready[leader], (run, states)))
        leaders.append(next(equal, number))
        first = ready[leaders[-1]][0]
        run.model, run.optimizer = first.model, first.optimizer
    return leaders


def _are_equal(left: Ready, right: Ready) -> bool:
    first, second = left[0], right[0]
    return (
        first.order.seed == second.order.seed
        and first.order.hyperparameters == second.order.hyperparameters
        and first.data is second.data
        and torch.equal(left[1][0], right[1][0])
        and left[1][1] == right[1][1]
        and _is_same(first.model.state_dict(), second.model.state_dict())
        and _is_same(first.optimizer.state_dict(), second.optimizer.state_dict())
    )


def _is_same(left: object, right: object) -> bool:
    """Whether two trees of tensors and plain values are equal."""
    mine, theirs = tree_flatten(left), tree_flatten(right)
    return mine[1] == theirs[1] and all(
        torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b
        for a, b in zip(mine[0], theirs[0], strict=True)
    )


def _joined_data(runs: Sequence[TrialRun]) -> tuple[tuple[Tensor, ...], dict[int, int]]:
    """All distinct rows that the runs train on, concatenated, and the first row of each data tuple by its id."""
    sources = {id(run.data): run.data for run in runs}
    starts = {source: place * runs[0].position.rows for place, source in enumerate(sources)}
    if len(sources) == 1:
        return runs[0].data, starts
    return tuple(torch.cat(parts) for parts in zip(*sources.values(), strict=True)), starts
