"""The torch loop behind a recipe: one leg of one trial, the same result for the same seeds.

Resuming from a checkpoint gives bit for bit what the uninterrupted run gives, in the middle of an epoch too. No
disk and no clock here: checkpoints come and go as values, reports go to a callback, time comes from a callable.
Standard library and torch only, Python 3.10 and up.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor, nn

from .errors import InputError
from .generators import own_random_state, random_states, restore_random_states, seed_all
from .guard import Guard
from .optimizing import apply_options, make_optimizer, value_at
from .recipe import Hyperparameters, Recipe

Checkpoint = dict[str, Any]
"""Model, optimiser, position and random states: tensors, numbers, strings and containers only."""

CHECKPOINT_FORMAT = 1
UNITS = ("steps", "epochs", "seconds")
_ROUNDING = 1e-9  # a third of six epochs must not run one batch past the second


@dataclass(frozen=True, slots=True)
class LegOrder:
    """One leg to train. Steps and `evaluate_every` are in the budget's `unit`; None evaluates at the end only.

    `split` is where it is scored: "dev" or "held_out". A batch is never cut, so a leg ends with the batch that
    reaches `to_step`. First `skip_batches` batches are left out. A guarded leg ends before an update on a loss or
    gradient that is not finite or spikes, reports where, and hands back the state of a while before; it reports its
    mean training loss too, and a first evaluation where it starts from the initialisation.
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


@dataclass(frozen=True, slots=True)
class LegOutcome:
    """How the leg ended, "completed" or "diverged", why, and the state to go on from: after a divergence the newest
    healthy one of a guarded leg, else None."""

    end: str
    detail: str
    checkpoint: Checkpoint | None


def run_leg(
    recipe: Recipe,
    order: LegOrder,
    report: Callable[[float, Mapping[str, float]], None],
    clock: Callable[[], float],
    checkpoint: Checkpoint | None = None,
) -> LegOutcome:
    """Train from the initialisation or the checkpoint to `to_step`, calling `report(step, metrics)` on the way.

    `clock` gives seconds from any origin; only training counts against a budget in seconds, not evaluation.
    Raises InputError when the recipe, the hyperparameters or the checkpoint cannot be used.
    """
    _check_order(order, checkpoint)
    with own_random_state():
        run = _Run(recipe, order, clock)
        if checkpoint is not None:
            run.restore(checkpoint)
        return run.carry_out(report)


def warm_up() -> None:
    """Take one step with a throw-away model. torch loads about a second of modules at an optimiser's first step; a
    budget in seconds, and the cost that is recorded, should not see that."""
    with own_random_state():
        model = nn.Linear(1, 1)
        optimizer = make_optimizer("sgd", model, {"lr": 0.1})
        nn.functional.mse_loss(model(torch.ones(1, 1)), torch.zeros(1, 1)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _check_order(order: LegOrder, checkpoint: Checkpoint | None) -> None:
    if order.unit not in UNITS:
        raise InputError(f"budget unit {order.unit!r}", f"allowed: {', '.join(UNITS)}", "correct [training] budget")
    if order.evaluate_every is not None and not order.evaluate_every > 0:
        raise InputError(f"evaluate_every = {order.evaluate_every}", "a number above 0", "correct [training]")
    if order.from_step > 0 and checkpoint is None:
        raise InputError(
            f"a leg from step {order.from_step:g} without a checkpoint",
            "a leg that starts later than 0 needs the checkpoint of the leg before",
            "start the trial again from 0",
        )


class _Run:
    """A model in training and its position: updates made, the epoch, rows used in it, seconds trained."""

    def __init__(self, recipe: Recipe, order: LegOrder, clock: Callable[[], float]) -> None:
        self.recipe, self.order, self.clock = recipe, order, clock
        self.updates, self.epoch, self.cursor, self.seconds = 0, 0, 0, 0.0
        seed_all(order.split_seed)
        self.data = _checked_data(recipe.data("train", order.split_seed), "train")
        self.evaluation_data = _checked_data(recipe.data(order.split, order.split_seed), order.split)
        seed_all(order.seed)
        self.model = recipe.model(order.hyperparameters)
        self.model.train()
        self.optimizer_name = str(self._setting("optimizer"))
        self.optimizer = make_optimizer(self.optimizer_name, self.model, order.hyperparameters)
        self.rows = len(self.data[0])
        self.row_order = self._draw_row_order()  # (rows,)
        self.is_scheduled = any(isinstance(value, (list, tuple)) for value in order.hyperparameters.values())
        self.metric_names: set[str] = set()
        self.guard: Guard | None = None
        self.recent: list[list[float]] = []

    def carry_out(self, report: Callable[[float, Mapping[str, float]], None]) -> LegOutcome:
        """Batches until the leg's end, with an evaluation at each multiple of `evaluate_every` and at the end."""
        apply_options(self.optimizer, self.optimizer_name, self.order.hyperparameters, self.progress())
        for _ in range(self.order.skip_batches):
            self._move_on(self._batch_size(self.progress()), is_update=False)
        if self.order.is_guarded:
            self.guard = Guard(self.progress(), self.order.to_step, self.recent)
            if self.updates == 0:
                report(self.progress(), self._evaluate())
        every = self.order.evaluate_every
        next_evaluation = math.inf if every is None else _next_multiple(self.progress(), every)
        while self.progress() < self.order.to_step - _ROUNDING:
            if self.guard is not None and self.guard.wants_copy(self.progress()):
                self.guard.keep(self.progress(), self._checkpoint())
            trouble = self._train_on_batch()
            if trouble:
                return self._end_early(trouble, report)
            if next_evaluation - _ROUNDING <= self.progress() < self.order.to_step - _ROUNDING:
                report(self.progress(), self._evaluate())
                next_evaluation = _next_multiple(self.progress(), every or math.inf)
        report(self.progress(), self._evaluate())
        return LegOutcome("completed", "", self._checkpoint())

    def _end_early(self, trouble: str, report: Callable[[float, Mapping[str, float]], None]) -> LegOutcome:
        """The end of a leg that diverged; a guarded one says where and from which step it may go on."""
        detail = f"{trouble} at step {self.updates + 1}"
        if self.guard is None:
            report(self.progress(), dict.fromkeys({"loss", *self.metric_names}, math.nan))
            return LegOutcome("diverged", detail, None)
        at, state = self.guard.newest_healthy(self.progress()) or (self.order.from_step, None)
        found = {"guard_step": self.progress(), "guard_sigma": self.guard.sigma, "guard_healthy_step": at,
                 "guard_batches": float(self.updates - (0 if state is None else state["updates"]))}  # fmt: skip
        report(self.progress(), found)
        return LegOutcome("diverged", detail, state)

    def progress(self) -> float:
        """Where the run is, in the budget's unit."""
        if self.order.unit == "steps":
            return self.updates
        if self.order.unit == "epochs":
            return self.epoch + self.cursor / self.rows
        return self.seconds

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go to the checkpoint's state; the hyperparameters stay the leg's own, whatever the optimiser stored."""
        if checkpoint.get("format") != CHECKPOINT_FORMAT or checkpoint.get("optimizer_name") != self.optimizer_name:
            raise InputError(
                f"a checkpoint of format {checkpoint.get('format')} and optimiser {checkpoint.get('optimizer_name')}",
                f"format {CHECKPOINT_FORMAT} and optimiser {self.optimizer_name}",
                "start the trial again from 0",
            )
        self.model.load_state_dict(checkpoint["model"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        self.updates, self.epoch = checkpoint["updates"], checkpoint["epoch"]
        self.cursor, self.seconds = checkpoint["cursor"], checkpoint["seconds"]
        self.row_order = self._draw_row_order()
        restore_random_states(checkpoint)
        self.recent = checkpoint.get("recent", [])

    def _checkpoint(self) -> Checkpoint:
        return {
            "format": CHECKPOINT_FORMAT,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "optimizer_name": self.optimizer_name,
            "updates": self.updates,
            "epoch": self.epoch,
            "cursor": self.cursor,
            "seconds": self.seconds,
            **random_states(),
            **({} if self.guard is None else {"recent": [list(one) for one in self.guard.recent]}),
        }

    def _train_on_batch(self) -> str:
        """One update; what is wrong with the batch, empty when nothing is: model and position are then as before."""
        started = self.clock()
        at = self.progress()
        if self.is_scheduled:
            apply_options(self.optimizer, self.optimizer_name, self.order.hyperparameters, at)
        size = self._batch_size(at)
        chosen = self.row_order[self.cursor : self.cursor + size]  # (B,)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.recipe.loss(self.model, tuple(tensor[chosen] for tensor in self.data))
        trouble = self._descend(loss, _scalar(loss))
        if not trouble:
            self._move_on(size)
        self.seconds += self.clock() - started
        return trouble

    def _descend(self, loss: Tensor, value: float) -> str:
        """The update for a batch's loss, made unless something is wrong, which comes back in words."""
        guard = self.guard
        if guard is not None and not guard.is_loss_sound(value):
            return guard.found
        if not math.isfinite(value):
            return f"loss is {value}"
        loss.backward()  # type: ignore[no-untyped-call]
        if guard is not None and not guard.is_gradient_sound(value, self.model.parameters()):
            return guard.found
        self.optimizer.step()
        return ""

    def _move_on(self, size: int, is_update: bool = True) -> None:
        self.updates += is_update
        self.cursor += size
        left = self.rows - self.cursor
        if left <= 0 or (self.recipe.drop_last and left < size):
            self.epoch, self.cursor = self.epoch + 1, 0
            self.row_order = self._draw_row_order()

    def _draw_row_order(self) -> Tensor:
        """The order of the rows in this epoch, (rows,), from seed and epoch alone: nothing else that draws random
        numbers can shift it, and a resumed leg needs no memory of it."""
        name = blake2b(f"{self.order.seed}/epoch/{self.epoch}".encode(), digest_size=7).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(name, "big"))
        return torch.randperm(self.rows, generator=generator)

    def _evaluate(self) -> dict[str, float]:
        """Metrics by name; draws on no random state of the training, so the cadence cannot change the result."""
        self.model.eval()
        with own_random_state(), torch.no_grad():
            metrics = self.recipe.metrics(self.model, self.evaluation_data)
        self.model.train()
        if not isinstance(metrics, Mapping):
            raise InputError(
                f"metrics returned a {type(metrics).__name__}", "a dict of numbers by name", "correct the recipe"
            )
        self.metric_names.update(metrics)
        training_loss = None if self.guard is None else self.guard.mean_loss()
        told = {} if training_loss is None else {"guard_loss": training_loss}
        return {**{str(name): float(value) for name, value in metrics.items()}, **told}

    def _setting(self, name: str) -> Any:  # noqa: ANN401 (a hyperparameter is any value)
        """The hyperparameter of that name, else the recipe's attribute."""
        return self.order.hyperparameters.get(name, getattr(self.recipe, name))

    def _batch_size(self, at: float) -> int:
        size = value_at(self._setting("batch_size"), at)
        if not size >= 1:
            raise InputError(f"batch_size {size}", "a whole number from 1", "correct [hyperparameters.batch_size]")
        return min(int(size), self.rows)


def _checked_data(data: object, split: str) -> tuple[Tensor, ...]:
    """The recipe's tensors, or an InputError that says what is wrong with them."""
    tensors = (data,) if isinstance(data, Tensor) else data
    if not isinstance(tensors, (tuple, list)) or not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise InputError(
            f"data({split!r}) returned a {type(data).__name__}", "a tuple of tensors", "correct the recipe"
        )
    lengths = [len(tensor) for tensor in tensors]
    if not lengths or min(lengths) < 1 or len(set(lengths)) > 1:
        raise InputError(
            f"data({split!r}) returned tensors with {lengths} rows", "the same number, at least 1", "correct the recipe"
        )
    return tuple(tensors)


def _scalar(loss: object) -> float:
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        raise InputError(f"loss returned {found}", "a scalar tensor", "take its mean in the recipe")
    return float(loss.detach())


def _next_multiple(progress: float, every: float) -> float:
    """The first multiple of `every` that lies after `progress`."""
    return math.inf if math.isinf(every) else (math.floor(progress / every + _ROUNDING) + 1) * every
