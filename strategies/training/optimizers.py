"""A torch optimiser from hyperparameters by name, and its options after a checkpoint or along a schedule.

Standard library and torch only, Python 3.10 and up.
"""

import inspect
import math
from typing import Any

import torch
from torch import nn

from ..errors import InputError
from ..recipe import Hyperparameters

OPTIMIZERS = ("sgd", "adamw")


def _without_compiler(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """An optimiser of torch with its methods as they are written. Decorated as they come, the first call loads torch's
    compiler, which nothing here uses: a second of each training process's start."""
    names = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    return type(kind.__name__, (kind,), methods | {"step": torch.no_grad()(inspect.unwrap(kind.step))})


SGD, AdamW = _without_compiler(torch.optim.SGD), _without_compiler(torch.optim.AdamW)


def make_optimizer(name: str, model: nn.Module, hyperparameters: Hyperparameters) -> torch.optim.Optimizer:
    """SGD or AdamW over the parameters that require gradients, with the options at step 0."""
    if name not in OPTIMIZERS:
        raise InputError(f"optimizer {name!r}", f"allowed: {', '.join(OPTIMIZERS)}", "correct the recipe")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters:
        raise InputError(
            "a model without parameters to train", "at least one that requires gradients", "correct model()"
        )
    options = options_at(name, hyperparameters, 0.0)
    return SGD(parameters, **options) if name == "sgd" else AdamW(parameters, **options)


def options_at(name: str, hyperparameters: Hyperparameters, at: float) -> dict[str, Any]:
    """torch's options by name with their values at a step; missing hyperparameters get torch's defaults.

    Raises InputError for a missing lr and for values that torch would refuse.
    """
    if "lr" not in hyperparameters:
        raise InputError(
            "no hyperparameter lr", f"{name} needs one", "add [hyperparameters.lr] with a value to the model file"
        )
    lr = _number("lr", value_at(hyperparameters["lr"], at))
    if name == "sgd":
        momentum = _number("momentum", value_at(hyperparameters.get("momentum", 0.0), at), below=1.0)
        decay = _number("weight_decay", value_at(hyperparameters.get("weight_decay", 0.0), at))
        # torch refuses nesterov without momentum, where it has no meaning; a search over both may propose it.
        nesterov = bool(value_at(hyperparameters.get("nesterov", False), at)) and momentum > 0
        return {"lr": lr, "momentum": momentum, "weight_decay": decay, "nesterov": nesterov}
    beta1 = _number("beta1", value_at(hyperparameters.get("beta1", 0.9), at), below=1.0)
    beta2 = _number("beta2", value_at(hyperparameters.get("beta2", 0.999), at), below=1.0)
    decay = _number("weight_decay", value_at(hyperparameters.get("weight_decay", 0.01), at))
    return {"lr": lr, "betas": (beta1, beta2), "weight_decay": decay}


def apply_options(optimizer: torch.optim.Optimizer, name: str, hyperparameters: Hyperparameters, at: float) -> None:
    """Set the options at a step in every parameter group.

    Also called after restoring an optimiser's state, because that state holds the previous leg's values: the new
    ones would silently not apply. Raises RuntimeError if they were not set.
    """
    options = options_at(name, hyperparameters, at)
    for group in optimizer.param_groups:
        group.update(options)
    for group in optimizer.param_groups:
        if any(group[option] != value for option, value in options.items()):
            raise RuntimeError(f"the optimiser did not keep {options}")


def clip_at(hyperparameters: Hyperparameters, at: float) -> float:
    """The largest norm of the whole gradient at a step; infinite without a `clip_norm`."""
    if "clip_norm" not in hyperparameters:
        return math.inf
    norm = _number("clip_norm", value_at(hyperparameters["clip_norm"], at))
    return norm if norm > 0 else math.inf


def clip_gradients(model: nn.Module, hyperparameters: Hyperparameters, at: float) -> None:
    """Scale the gradient down to the current `clip_norm` where it is longer."""
    norm = clip_at(hyperparameters, at)
    if math.isfinite(norm):
        nn.utils.clip_grad_norm_(model.parameters(), norm)


def value_at(value: Any, at: float) -> Any:  # noqa: ANN401 (a hyperparameter is any value)
    """A hyperparameter's value at a step in the budget's unit: a schedule is constant between its points."""
    if not isinstance(value, (list, tuple)):
        return value
    if not value or value[0][0] > 0:
        raise InputError(f"schedule {value!r}", "a list of [step, value] that starts at step 0", "correct its value")
    # The last point at or before `at`; a sum of fractions of an epoch may fall short by rounding.
    return [point[1] for point in value if point[0] <= at + 1e-9][-1]


def _number(name: str, value: object, below: float = math.inf) -> float:
    """The value as a float, or an InputError that names the hyperparameter."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= float(value) < below:  # type: ignore[arg-type]
        allowed = "a finite number from 0" if math.isinf(below) else f"a number from 0 to below {below:g}"
        raise InputError(f"hyperparameter {name} = {value!r}", allowed, f"correct [hyperparameters.{name}]")
    return float(value)  # type: ignore[arg-type]
