"""One trial in training: its model, optimiser, data, position and random states.

training.py runs one trial, fused.py many at once. Uses neither disk nor clock. Standard library and torch only, Python
3.10 and up.
"""

import copy
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..recipe import Hyperparameters, Recipe
from .optimizers import apply_options, clip_gradients, make_optimizer, value_at
from .precision import FLOAT32, PRECISIONS, computed_in
from .random_states import own_random_state, random_states, restore_random_states, seed_all
from .rows import checked_data, draw_row_order
from .spike_guard import SpikeGuard

Checkpoint = dict[str, Any]
"""Model, optimiser, position and random states, as tensors, numbers, strings and containers only."""

CHECKPOINT_FORMAT = 1
UNITS = ("steps", "epochs", "seconds")
ROUNDING = 1e-9  # a third of six epochs must not run one batch past the second


@dataclass(frozen=True, slots=True)
class LegOrder:
    """One leg to train. Steps and `evaluate_every` are in the budget's `unit`; None evaluates at the end only.

    `split` is where it is scored: "dev" or "held_out". A batch is never cut, so a leg ends with the batch that
    reaches `to_step`. The first `skip_batches` batches are skipped. A guarded leg ends before an update on a loss or
    gradient that is not finite or spikes, reports where, and returns an earlier state; it also reports its mean
    training loss, and an evaluation at the start where that is the initialisation. `precision`: of loss and metrics,
    see precision.py.
    """

    hyperparameters: Hyperparameters
    seed: int
    split_seed: int
    split: str
    unit: str
    from_step: float
    to_step: float
    evaluate_every: float | None = None
    skip_batches: int = 0
    is_guarded: bool = False
    precision: str = FLOAT32


@dataclass(frozen=True, slots=True)
class LegOutcome:
    """How the leg ended, "completed" or "diverged", why, and the state to continue from: after a divergence the newest
    healthy one of a guarded leg, otherwise None."""

    end: str
    detail: str
    checkpoint: Checkpoint | None


def check_order(order: LegOrder, checkpoint: Checkpoint | None) -> None:
    """Raise InputError for an order that cannot be carried out."""
    if order.unit not in UNITS:
        raise InputError(f"budget unit {order.unit!r}", f"allowed: {', '.join(UNITS)}", "correct [training] budget")
    if order.evaluate_every is not None and not order.evaluate_every > 0:
        raise InputError(f"evaluate_every = {order.evaluate_every}", "a number above 0", "correct [training]")
    if order.precision not in PRECISIONS:
        raise InputError(f"precision {order.precision!r}", f"allowed: {', '.join(PRECISIONS)}", "correct [training]")
    if order.from_step > 0 and checkpoint is None:
        raise InputError(
            f"a leg from step {order.from_step:g} without a checkpoint",
            "a leg that starts after 0 needs the checkpoint of the previous leg",
            "start the trial again from 0",
        )


@dataclass(slots=True)
class Position:
    """Where a run is in its `rows`: updates made, the epoch, rows used in it, seconds trained."""

    rows: int
    unit: str
    drop_last: bool
    updates: int = 0
    epoch: int = 0
    cursor: int = 0
    seconds: float = 0.0

    def progress(self) -> float:
        """The position in the budget's unit."""
        if self.unit == "steps":
            return self.updates
        if self.unit == "epochs":
            return self.epoch + self.cursor / self.rows
        return self.seconds

    def move_on(self, size: int, is_update: bool = True) -> bool:
        """Count an update on `size` rows, or skip them without one; True when a new epoch begins."""
        self.updates += is_update
        self.cursor += size
        left = self.rows - self.cursor
        if left > 0 and not (self.drop_last and left < size):
            return False
        self.epoch, self.cursor = self.epoch + 1, 0
        return True


class TrialRun:
    """A model in training: its rows, their order in this epoch, its optimiser and its position."""

    def __init__(self, recipe: Recipe, order: LegOrder, clock: Callable[[], float]) -> None:
        self.recipe, self.order, self.clock = recipe, order, clock
        seed_all(order.split_seed)
        self.data = checked_data(recipe.data("train", order.split_seed), "train")
        self.evaluation_data = checked_data(recipe.data(order.split, order.split_seed), order.split)
        self.position = Position(len(self.data[0]), order.unit, recipe.drop_last)
        seed_all(order.seed)
        self.model = recipe.model(order.hyperparameters)
        self.model.train()
        self.optimizer_name = str(self._setting("optimizer"))
        self.optimizer = make_optimizer(self.optimizer_name, self.model, order.hyperparameters)
        self.row_order = draw_row_order(order.seed, 0, self.position.rows)  # (rows,)
        self.is_scheduled = any(isinstance(value, (list, tuple)) for value in order.hyperparameters.values())
        self.metric_names: set[str] = set()
        self.guard: SpikeGuard | None = None
        self.recent: list[list[float]] = []  # (loss, gradient norm) of batches of the previous guarded leg

    def carry_out(self, report: Callable[[float, Mapping[str, float]], None]) -> LegOutcome:
        """How the leg ends, trained with an evaluation at each multiple of `evaluate_every` and at the end."""
        apply_options(self.optimizer, self.optimizer_name, self.order.hyperparameters, self.position.progress())
        for _ in range(self.order.skip_batches):
            self._move_on(self.batch_size(self.position.progress()), is_update=False)
        if self.order.is_guarded:
            self.guard = SpikeGuard(self.position.progress(), self.order.to_step, self.recent)
            if self.position.updates == 0:
                report(self.position.progress(), self.evaluate())
        next_evaluation = next_multiple(self.position.progress(), self.order.evaluate_every)
        while not self.is_over():
            if self.guard is not None and self.guard.wants_copy(self.position.progress()):
                self.guard.keep(self.position.progress(), self.checkpoint())
            trouble = self.train_on_batch()
            if trouble:
                return self.diverged(trouble, report)
            if next_evaluation - ROUNDING <= self.position.progress() and not self.is_over():
                report(self.position.progress(), self.evaluate())
                next_evaluation = next_multiple(self.position.progress(), self.order.evaluate_every)
        return self.completed(report)

    def is_over(self) -> bool:
        """Whether the end of the leg is reached."""
        return self.position.progress() >= self.order.to_step - ROUNDING

    def completed(self, report: Callable[[float, Mapping[str, float]], None]) -> LegOutcome:
        """The outcome of a leg that reached its last step, after its final report."""
        report(self.position.progress(), self.evaluate())
        return LegOutcome("completed", "", self.checkpoint())

    def diverged(self, trouble: str, report: Callable[[float, Mapping[str, float]], None]) -> LegOutcome:
        """The outcome of a leg whose next batch failed; a guarded one reports where, and where to continue."""
        detail = f"{trouble} at step {self.position.updates + 1}"
        at = self.position.progress()
        if self.guard is None:
            report(at, dict.fromkeys({"loss", *self.metric_names}, math.nan))
            return LegOutcome("diverged", detail, None)
        healthy_at, state = self.guard.newest_healthy(at) or (self.order.from_step, None)
        batches = self.position.updates - (0 if state is None else state["updates"])
        guard = {"guard_step": at, "guard_sigma": self.guard.sigma, "guard_healthy_step": healthy_at}
        report(at, {**guard, "guard_batches": float(batches)})
        return LegOutcome("diverged", detail, state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the checkpoint's state; the hyperparameters stay the leg's own, whatever the optimiser stored."""
        if checkpoint.get("format") != CHECKPOINT_FORMAT or checkpoint.get("optimizer_name") != self.optimizer_name:
            raise InputError(
                f"a checkpoint of format {checkpoint.get('format')} and optimiser {checkpoint.get('optimizer_name')}",
                f"format {CHECKPOINT_FORMAT} and optimiser {self.optimizer_name}",
                "start the trial again from 0",
            )
        self.model.load_state_dict(checkpoint["model"])
        # A copy, because torch continues in the given tensors, and the checkpoint may be needed again.
        self.optimizer.load_state_dict(copy.deepcopy(checkpoint["optimizer"]))
        self.position.updates, self.position.epoch = checkpoint["updates"], checkpoint["epoch"]
        self.position.cursor, self.position.seconds = checkpoint["cursor"], checkpoint["seconds"]
        self.row_order = draw_row_order(self.order.seed, self.position.epoch, self.position.rows)
        restore_random_states(checkpoint)
        self.recent = checkpoint.get("recent", [])

    def checkpoint(self) -> Checkpoint:
        """The state to continue from, as plain values."""
        return {
            "format": CHECKPOINT_FORMAT,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "optimizer_name": self.optimizer_name,
            "updates": self.position.updates,
            "epoch": self.position.epoch,
            "cursor": self.position.cursor,
            "seconds": self.position.seconds,
            **random_states(),
            **({} if self.guard is None else {"recent": [list(batch) for batch in self.guard.recent]}),
        }

    def train_on_batch(self) -> str:
        """Make one update. Returns what is wrong with the batch, if anything; then nothing has changed."""
        started = self.clock()
        at = self.position.progress()
        if self.is_scheduled:
            apply_options(self.optimizer, self.optimizer_name, self.order.hyperparameters, at)
        size = self.batch_size(at)
        chosen = self.row_order[self.position.cursor : self.position.cursor + size]  # (B,)
        self.optimizer.zero_grad(set_to_none=True)
        batch = tuple(tensor[chosen] for tensor in self.data)
        with self.in_precision():
            loss = self.recipe.loss(self.model, batch)
        trouble = self._descend(loss, _scalar(loss), at)
        if not trouble:
            self._move_on(size)
        self.position.seconds += self.clock() - started
        return trouble

    def _descend(self, loss: Tensor, value: float, at: float) -> str:
        """Make the update for a batch's loss, unless something is wrong; returns what is wrong, or an empty string."""
        guard = self.guard
        if guard is not None and not guard.is_loss_sound(value):
            return guard.reason
        if not math.isfinite(value):
            return not_finite(value)
        loss.backward()  # type: ignore[no-untyped-call]
        if guard is not None and not guard.is_gradient_sound(value, self.model.parameters()):
            return guard.reason
        clip_gradients(self.model, self.order.hyperparameters, at)
        self.optimizer.step()
        return ""

    def _move_on(self, size: int, is_update: bool = True) -> None:
        if self.position.move_on(size, is_update):
            self.row_order = draw_row_order(self.order.seed, self.position.epoch, self.position.rows)

    def evaluate(self) -> dict[str, float]:
        """Metrics by name. Does not touch the training's random state, so the cadence cannot change the result."""
        self.model.eval()
        with own_random_state(), torch.no_grad(), self.in_precision():
            metrics = self.recipe.metrics(self.model, self.evaluation_data)
        self.model.train()
        if not isinstance(metrics, Mapping):
            raise InputError(
                f"metrics returned a {type(metrics).__name__}", "a dict of numbers by name", "correct the recipe"
            )
        self.metric_names.update(metrics)
        training_loss = None if self.guard is None else self.guard.mean_loss()
        own = {} if training_loss is None else {"guard_loss": training_loss}
        return {**{str(name): float(value) for name, value in metrics.items()}, **own}

    def in_precision(self) -> AbstractContextManager[object]:
        """The context in which the recipe computes loss and metrics."""
        return computed_in(self.order.precision, next(self.model.parameters()).device.type)

    def updates_left(self) -> int:
        """About how many updates are left, for a budget in steps or epochs."""
        left = self.order.to_step - self.position.progress()
        size = self.batch_size(self.position.progress())
        return round(left if self.position.unit == "steps" else left * self.position.rows / size)

    def _setting(self, name: str) -> Any:  # noqa: ANN401 (a hyperparameter is any value)
        """The hyperparameter of that name, else the recipe's attribute."""
        return self.order.hyperparameters.get(name, getattr(self.recipe, name))

    def batch_size(self, at: float) -> int:
        """The number of rows of a full batch at a step."""
        size = value_at(self._setting("batch_size"), at)
        if not size >= 1:
            raise InputError(f"batch_size {size}", "a whole number from 1", "correct [hyperparameters.batch_size]")
        return min(int(size), self.position.rows)


def _scalar(loss: object) -> float:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        returned = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise InputError(f"loss returned {returned}", "a scalar tensor", "take its mean in the recipe")
    return float(loss.detach())


def not_finite(loss: float) -> str:
    """What is wrong with a batch whose loss is not finite."""
    return f"loss is {loss}"


def next_multiple(progress: float, every: float | None) -> float:
    """The first multiple of `every` after `progress`; infinite for None."""
    return math.inf if every is None or math.isinf(every) else (math.floor(progress / every + ROUNDING) + 1) * every
