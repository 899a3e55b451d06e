"""SGD and AdamW for K trials at once: parameters (K, P), hyperparameters as vectors (K, 1).

Source: torch.optim.SGD and torch.optim.AdamW, from whose states they start and to which they return. The order of a few
products differs, so results agree to rounding. Standard library and torch only, Python 3.10 and up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..recipe import Hyperparameters
from ..training.optimizers import clip_at, options_at
from ..training.trial_run import TrialRun
from .model_stack import Stack

EPSILON = 1e-8  # torch's default for AdamW


class BatchSGD:
    """Momentum b <- m b + g; then p <- p - lr b, or - lr (g + m b) with Nesterov, or - lr g without momentum.

    As in torch, momentum 0 leaves a trial's b unchanged; `touched` marks the trials that ever had momentum.
    """

    def __init__(self, runs: Sequence[TrialRun], stack: Stack) -> None:
        options = [options_at("sgd", run.order.hyperparameters, at) for run in runs for at in points_of(run)]
        self.has_momentum = any(option["momentum"] > 0 for option in options)
        self.has_direct = any(option["momentum"] == 0 or option["nesterov"] for option in options)
        buffers = [_state_of(run, "momentum_buffer") for run in runs]
        self.touched = [any(buffer is not None for buffer in of_run.values()) for of_run in buffers]
        self.states = {"momentum_buffer": torch.stack([stack.flat(of_run) for of_run in buffers])}
        self.vectors = _vectors(stack, ("decay", "keep", "active", "by_buffer", "by_gradient", "clip"))

    def set_options(self, hyperparameters: Sequence[Hyperparameters], at: float) -> None:
        """Set the vectors to the hyperparameters at a step."""
        options = [options_at("sgd", values, at) for values in hyperparameters]
        rates = [option["lr"] for option in options]
        momenta = [option["momentum"] for option in options]
        nesterovs = [option["nesterov"] for option in options]
        through = [
            (0.0 if m == 0 else m if is_nesterov else 1.0) for is_nesterov, m in zip(nesterovs, momenta, strict=True)
        ]
        direct = [float(m == 0 or is_nesterov) for is_nesterov, m in zip(nesterovs, momenta, strict=True)]
        self.touched = [was_touched or m > 0 for was_touched, m in zip(self.touched, momenta, strict=True)]
        _fill(self.vectors["decay"], [option["weight_decay"] for option in options])
        _fill(self.vectors["keep"], [m if m > 0 else 1.0 for m in momenta])
        _fill(self.vectors["active"], [float(m > 0) for m in momenta])
        _fill(self.vectors["by_buffer"], [-rate * share for rate, share in zip(rates, through, strict=True)])
        _fill(self.vectors["by_gradient"], [-rate * share for rate, share in zip(rates, direct, strict=True)])
        _fill(self.vectors["clip"], [clip_at(values, at) for values in hyperparameters])

    def step(
        self, parameters: Tensor, gradient: Tensor, states: Mapping[str, Tensor], vectors: Mapping[str, Tensor]
    ) -> None:
        """Update parameters and states in place; the gradient (K, P) may be overwritten."""
        gradient.addcmul_(parameters, vectors["decay"])
        if self.has_momentum:
            buffer = states["momentum_buffer"]
            buffer.mul_(vectors["keep"])
            buffer.addcmul_(gradient, vectors["active"]) if self.has_direct else buffer.add_(gradient)
            parameters.addcmul_(buffer, vectors["by_buffer"])
        if self.has_direct:
            parameters.addcmul_(gradient, vectors["by_gradient"])

    def state_of(self, row: int, stack: Stack) -> list[dict[str, Any]]:
        """torch's state of one trial, parameter by parameter."""
        parts = stack.views(self.states["momentum_buffer"])
        return [{"momentum_buffer": part[row].clone() if self.touched[row] else None} for part in parts]


class BatchAdamW:
    """Source: Loshchilov & Hutter, arXiv 1711.05101, in torch's form: decay first, then m / (sqrt(v) + eps)."""

    def __init__(self, runs: Sequence[TrialRun], stack: Stack) -> None:
        self.touched = [True] * len(runs)
        self.states = {
            name: torch.stack([stack.flat(_state_of(run, name)) for run in runs]) for name in ("exp_avg", "exp_avg_sq")
        }
        steps = [next(iter(_state_of(run, "step").values())) for run in runs]
        self.states["step"] = _vectors(stack, ("step",), torch.float64)["step"]
        _fill(self.states["step"], [0.0 if step is None else float(step) for step in steps])
        self.vectors = _vectors(stack, ("lr", "beta1", "beta2", "decay"), torch.float64) | _vectors(stack, ("clip",))

    def set_options(self, hyperparameters: Sequence[Hyperparameters], at: float) -> None:
        """Set the vectors to the hyperparameters at a step."""
        options = [options_at("adamw", values, at) for values in hyperparameters]
        _fill(self.vectors["lr"], [option["lr"] for option in options])
        _fill(self.vectors["beta1"], [option["betas"][0] for option in options])
        _fill(self.vectors["beta2"], [option["betas"][1] for option in options])
        _fill(self.vectors["decay"], [1 - option["lr"] * option["weight_decay"] for option in options])
        _fill(self.vectors["clip"], [clip_at(values, at) for values in hyperparameters])

    def step(
        self, parameters: Tensor, gradient: Tensor, states: Mapping[str, Tensor], vectors: Mapping[str, Tensor]
    ) -> None:
        """Update parameters and states in place; the gradient (K, P) may be overwritten."""
        kind, step = parameters.dtype, states["step"].add_(1.0)
        beta1, beta2 = vectors["beta1"], vectors["beta2"]
        rate = (vectors["lr"] / (1 - beta1**step)).to(kind)  # (K, 1)
        root = (1 - beta2**step).sqrt().to(kind)
        states["exp_avg"].lerp_(gradient, (1 - beta1).to(kind))
        states["exp_avg_sq"].mul_(beta2.to(kind)).addcmul_(gradient * gradient, (1 - beta2).to(kind))
        denominator = (states["exp_avg_sq"].sqrt() / root).add_(EPSILON)
        parameters.mul_(vectors["decay"].to(kind)).sub_(states["exp_avg"] / denominator * rate)

    def state_of(self, row: int, stack: Stack) -> list[dict[str, Any]]:
        """torch's state of one trial, parameter by parameter."""
        step = float(self.states["step"][row])
        averages, squares = stack.views(self.states["exp_avg"]), stack.views(self.states["exp_avg_sq"])
        return [
            {"step": torch.tensor(step), "exp_avg": average[row].clone(), "exp_avg_sq": square[row].clone()}
            for average, square in zip(averages, squares, strict=True)
        ]


BatchOptimizer = BatchSGD | BatchAdamW


def batch_optimizer(runs: Sequence[TrialRun], stack: Stack) -> BatchOptimizer:
    """The optimiser of these runs, which all use the same kind, in the state of their own optimisers."""
    return BatchSGD(runs, stack) if runs[0].optimizer_name == "sgd" else BatchAdamW(runs, stack)


def clipped(gradient: Tensor, clip: Tensor) -> Tensor:
    """Gradients, (K, P), no longer than `clip`, (K, 1). Source: torch.nn.utils.clip_grad_norm_."""
    norm = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
    return gradient.mul_((clip / (norm + 1e-6)).clamp(max=1.0))


def keep_rows(optimizer: BatchOptimizer, rows: Sequence[int]) -> None:
    """Drop the states of all trials but these."""
    index = torch.tensor(rows, device=next(iter(optimizer.states.values())).device)
    optimizer.states = {name: state.index_select(0, index) for name, state in optimizer.states.items()}
    optimizer.vectors = {name: vector.index_select(0, index) for name, vector in optimizer.vectors.items()}
    optimizer.touched = [optimizer.touched[row] for row in rows]


def points_of(run: TrialRun) -> tuple[float, ...]:
    """The steps at which a hyperparameter of the run changes, including 0."""
    schedules = (value for value in run.order.hyperparameters.values() if isinstance(value, (list, tuple)))
    return tuple(sorted({0.0, *(float(point[0]) for schedule in schedules for point in schedule)}))


def hand_back(run: TrialRun, states: Sequence[dict[str, Any]]) -> None:
    """Set the state of a trial's own optimiser, as if that had made the steps."""
    trained = [parameter for parameter in run.model.parameters() if parameter.requires_grad]
    for parameter, state in zip(trained, states, strict=True):
        run.optimizer.state[parameter] = state


def _state_of(run: TrialRun, name: str) -> dict[str, Any]:
    """One entry of the state of a run's optimiser by parameter name; None where there is none yet."""
    state = run.optimizer.state
    return {
        parameter_name: state[parameter].get(name) if parameter in state else None
        for parameter_name, parameter in run.model.named_parameters()
        if parameter.requires_grad
    }


def _vectors(stack: Stack, names: Sequence[str], kind: torch.dtype | None = None) -> dict[str, Tensor]:
    like = stack.parameters
    return {name: torch.zeros(len(like), 1, dtype=kind or like.dtype, device=like.device) for name in names}


def _fill(vector: Tensor, values: Sequence[float]) -> None:
    vector.copy_(torch.tensor(values, dtype=torch.float64).unsqueeze(1))
