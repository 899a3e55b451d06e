"""The torch loop behind a recipe: one leg of one trial, the same result for the same seeds.

Resuming from a checkpoint gives bit for bit what the uninterrupted run gives, in the middle of an epoch too. It uses
neither disk nor clock: checkpoints are values, reports go to a callback, time comes from a callable.
Standard library and torch only, Python 3.10 and up.
"""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from ..recipe import Recipe
from .optimizers import make_optimizer
from .random_states import own_random_state
from .trial_run import Checkpoint, LegOrder, LegOutcome, TrialRun, check_order


def run_leg(
    recipe: Recipe,
    order: LegOrder,
    report: Callable[[float, Mapping[str, float]], None],
    clock: Callable[[], float],
    checkpoint: Checkpoint | None = None,
) -> LegOutcome:
    """Train from the initialisation or the checkpoint to `to_step`, calling `report(step, metrics)` at each evaluation.

    `clock` gives seconds from any origin; only training counts against a budget in seconds, not evaluation.
    Raises InputError when the recipe, the hyperparameters or the checkpoint cannot be used.
    """
    check_order(order, checkpoint)
    with own_random_state():
        run = TrialRun(recipe, order, clock)
        if checkpoint is not None:
            run.restore(checkpoint)
        return run.carry_out(report)


def warm_up() -> None:
    """Take one step with a throw-away model: torch spends about a second loading modules at an optimiser's first step,
    which should not count against a budget in seconds or the recorded cost."""
    with own_random_state():
        model = nn.Linear(1, 1)
        optimizer = make_optimizer("sgd", model, {"lr": 0.1})
        nn.functional.mse_loss(model(torch.ones(1, 1)), torch.zeros(1, 1)).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
