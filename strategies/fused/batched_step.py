"""One update of K trials at once, as a function of tensors at fixed addresses.

Recorded at its first use and compiled at its third; on a GPU captured as a CUDA graph. Standard library and torch only,
Python 3.10 and up.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import CannotFuse, RetunedError
from ..recipe import Recipe
from ..training.precision import computed_in
from .batched_optimizers import BatchOptimizer, clipped
from .model_stack import Stack
from .operation_recording import Recording, record

REASONS = {  # short forms of torch.func's messages
    ".item() on a Tensor": "its loss decides by the values of a tensor",
    "data-dependent control flow": "its loss decides by the values of a tensor",
    "called random operation": "it draws random numbers other than through nn.Dropout",
    "autograd.Function": "it has a gradient of its own (autograd.Function) without a rule for batches",
    "expected scalar type BFloat16": "a layer of it mixes bf16 and float32, for which torch has no gradient in a batch",
}
COMPILED_FROM = 40  # uses left: compiling costs about as much as it saves in these


class Loss(nn.Module):
    """The recipe's loss on a skeleton model, as a module whose tensors can be replaced."""

    def __init__(self, recipe: Recipe, skeleton: nn.Module, precision: str) -> None:
        super().__init__()
        self.model = skeleton
        self.recipe = recipe
        self.precision, self.device = precision, next(skeleton.parameters()).device.type

    def forward(self, *batch: Tensor) -> Tensor:
        """The loss on a batch of one trial, a scalar tensor of shape ()."""
        with computed_in(self.precision, self.device):
            loss = self.recipe.loss(self.model, batch)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise CannotFuse("its loss is not a scalar")
        return loss.reshape(())


class BatchedStep:
    """The update on batches of one size. The caller fills `rows` and `masks` before each `run`.

    `is_shared`: all trials take the same rows, (B,); otherwise each its own, (K, B), as indices into all data
    concatenated.
    """

    def __init__(
        self,
        loss: Loss,
        stack: Stack,
        optimizer: BatchOptimizer,
        data: Sequence[Tensor],
        rows: Tensor,
        masks: Mapping[str, Tensor],
        *,
        is_shared: bool,
        has_clip: bool,
    ) -> None:
        self.rows, self.masks = rows, dict(masks)
        self._loss, self._stack, self._optimizer = loss, stack, optimizer
        self._is_shared, self._has_clip = is_shared, has_clip
        self._groups: tuple[Mapping[str, Tensor], ...] = (
            optimizer.states, optimizer.vectors, stack.buffers, self.masks
        )  # fmt: skip
        self._inputs = (stack.parameters, rows, *data, *(tensor for group in self._groups for tensor in group.values()))
        self._data = len(data)
        self._recording: Recording | None = None
        self._fast: Callable[..., Sequence[Tensor]] | None = None
        self._uses = 0

    @property
    def fresh_bytes(self) -> int:
        """The memory in bytes that one use allocates and frees."""
        return 0 if self._recording is None else self._recording.fresh_bytes

    def run(self, uses_left: int) -> Tensor:
        """Make the update; returns the losses before it, (K,). May raise CannotFuse at the first two uses."""
        self._uses += 1
        if self._fast is not None:
            return self._fast(*self._inputs)[0]
        if self._uses <= 2:
            results, recording = record(self._update, self._inputs)
            if self._recording is not None and not recording.is_like(self._recording):
                raise CannotFuse("its loss computes something else from step to step")
            self._recording = recording
            return results[0]
        assert self._recording is not None
        if uses_left < COMPILED_FROM:
            return self._recording.replay(*self._inputs)[0]
        self._fast = self._made_fast(self._recording)
        return self._fast(*self._inputs)[0]

    def losses_and_gradient(self) -> tuple[Tensor, Tensor, Mapping[str, Tensor]]:
        """Losses (K,), gradients (K, P) and the updated buffers, without changing any state."""
        inputs = [tensor.clone() for tensor in self._inputs]
        _, _, buffers, _ = self._grouped(inputs)
        losses, gradient = self._differentiate(inputs)
        return losses, gradient, buffers

    def _update(self, *inputs: Tensor) -> Sequence[Tensor]:
        states, vectors, _, _ = self._grouped(inputs)
        losses, gradient = self._differentiate(inputs)
        if self._has_clip:
            gradient = clipped(gradient, vectors["clip"])
        self._optimizer.step(inputs[0], gradient, states, vectors)
        return (losses,)

    def _differentiate(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        _, _, buffers, masks = self._grouped(inputs)
        parameters = dict(zip(self._stack.names, self._stack.views(inputs[0]), strict=True))
        batch = self._gather(inputs[1], inputs[2 : 2 + self._data])
        axes = (0, 0, 0, *((None if self._is_shared else 0,) * len(batch)))
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in parameters.items()}
        # no trial's loss depends on another's parameters, so the gradient of the sum is each trial's own. torch.func's
        # grad does the same, and loads torch's compiler for it: a second of each training process's start
        with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the only attention kernel that is batched
            losses = vmap(self._loss_of, in_dims=axes)(leaves, buffers, masks, *batch)
            gradients = torch.autograd.grad(losses.sum(), list(leaves.values()), materialize_grads=True)
        return losses.detach(), self._stack.joined(gradients)

    def _loss_of(
        self,
        parameters: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        masks: Mapping[str, Tensor],
        *batch: Tensor,
    ) -> Tensor:
        """One trial's loss on its batch."""
        tensors = {f"model.{name}": tensor for name, tensor in (*parameters.items(), *buffers.items(), *masks.items())}
        loss: Tensor = functional_call(self._loss, tensors, batch)
        return loss

    def _gather(self, rows: Tensor, data: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The batch: each tensor (B, ...) where it is shared, otherwise (K, B, ...)."""
        if self._is_shared:
            return tuple(tensor.index_select(0, rows) for tensor in data)
        flat = rows.reshape(-1)
        return tuple(tensor.index_select(0, flat).view(*rows.shape, *tensor.shape[1:]) for tensor in data)

    def _grouped(self, inputs: Sequence[Tensor]) -> tuple[dict[str, Tensor], ...]:
        groups, start = [], 2 + self._data
        for group in self._groups:
            groups.append(dict(zip(group, inputs[start : start + len(group)], strict=True)))
            start += len(group)
        return tuple(groups)

    def _made_fast(self, recording: Recording) -> Callable[..., Sequence[Tensor]]:
        if self._stack.parameters.is_cuda:
            return _captured(recording, self._inputs)
        return recording.compiled(*self._inputs)


def _captured(recording: Recording, inputs: Sequence[Tensor]) -> Callable[..., Sequence[Tensor]]:
    """The recording as a CUDA graph on these inputs: one launch per step. Capturing executes nothing."""
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            results = recording.replay(*inputs)
    except RuntimeError:  # an operation that synchronises with the processor
        return recording.replay

    def launch(*_: Tensor) -> Sequence[Tensor]:
        graph.replay()
        return results

    return launch


def reason_of(error: BaseException) -> str:
    """Why a failed step cannot be fused, on one line. A recipe that is itself wrong fails again when run alone."""
    text = str(error).strip()
    short = next((reason for words, reason in REASONS.items() if words in text), None)
    if short is not None:
        return short
    first = text.split("\n")[0][:200]
    return first if isinstance(error, RetunedError) else f"{type(error).__name__}: {first}"
