"""Whether a batch of trials computes what each trial computes alone, compared on the first batch before any update.

A recipe is the user's code: its loss may keep a value on the recipe, read an attribute that differs between trials or
change its model in a way that a batch cannot reproduce. Standard library and torch only, Python 3.10 and up.
"""

import math
import random

import torch
from torch import Tensor

from ..errors import CannotFuse
from ..training.precision import BF16
from ..training.random_states import own_random_state
from ..training.trial_run import TrialRun
from .batched_run import BatchedRun
from .model_stack import copied_model, shape_of

TOLERANCE = {torch.float64: 1e-8}
COARSE = 2e-3  # of a gradient's norm, for types below double precision: sums are in another order
OF_BF16 = 2.0**-6  # four times its spacing: intermediate values may round to either side


def check_twins(batch: BatchedRun) -> None:
    """Raise CannotFuse where a trial's loss, gradient or buffers in the batch differ from those alone."""
    states = batch.random_states()
    size = batch.runs[0].batch_size(batch.position.progress())
    step = batch.next_step(size)
    losses, gradient, buffers = step.losses_and_gradient()
    batch.masks.rewind([torch_state for torch_state, _ in states])
    draws_elsewhere = gradient.is_cuda and bool(step.masks)
    for row, (number, (torch_state, python_state)) in enumerate(zip(batch.alive, states, strict=True)):
        run = batch.runs[number]
        with own_random_state():
            torch.set_rng_state(torch_state)
            random.setstate(python_state)  # type: ignore[arg-type]
            loss, alone, buffers_alone = _alone(run, size, batch)
            if random.getstate() != python_state:
                raise CannotFuse("it draws from Python's random numbers while it trains")
        if draws_elsewhere or not math.isfinite(loss):
            continue
        coarse = OF_BF16 if run.order.precision == BF16 else COARSE
        tolerance = TOLERANCE.get(gradient.dtype, coarse)
        _compare("loss", losses[row], torch.tensor(loss, dtype=torch.float64), tolerance)
        _compare("gradient", gradient[row], alone, tolerance)
        for name, tensor in buffers_alone.items():
            _compare(f"buffer {name}", buffers[name][row], tensor, tolerance)


def _alone(run: TrialRun, size: int, batch: BatchedRun) -> tuple[float, Tensor, dict[str, Tensor]]:
    """Loss, gradient (P,) and updated buffers of a copy of one trial's model on its first batch."""
    model = copied_model(run.model)
    before = shape_of(model)
    chosen = run.row_order[run.position.cursor : run.position.cursor + size]
    rows = tuple(tensor[chosen] for tensor in run.data)
    with run.in_precision():
        loss = run.recipe.loss(model, rows)
    loss.backward()  # type: ignore[no-untyped-call]
    if shape_of(model) != before:
        raise CannotFuse("its model changes its own attributes while it trains")
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.requires_grad}
    idle = [name for name, gradient in gradients.items() if gradient is None]
    if idle:
        raise CannotFuse(f"its loss does not depend on the parameter {idle[0]}")
    return float(loss.detach()), batch.stack.flat(gradients), dict(model.named_buffers())


def _compare(what: str, ours: Tensor, alone: Tensor, tolerance: float) -> None:
    ours, alone = ours.detach().double().cpu(), alone.detach().double().cpu()
    distance = float((ours - alone).norm())
    if not distance <= tolerance * (float(alone.norm()) + 1e-3):
        raise CannotFuse(f"its {what} in a batch differs from that alone (by {distance:.3g})")
