"""A tensor function recorded as a flat list of torch operations, to be replayed without the Python code around them.

A batched step runs through torch.func, autograd and the user's modules; for small models that costs more than the
arithmetic. The operations are the same at each step, so they are recorded once, below all of that. A number that Python
read from a tensor or drew itself is invisible to a recording and would be frozen into it: reads are detected and
refused, draws are detected by comparing two recordings. Standard library and torch only, Python 3.10 and up.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from ..errors import CannotFuse

SHORT = 32  # below this many values torch's softmax on a processor is several times slower than necessary
READS_A_VALUE = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2")


@dataclass(frozen=True, slots=True)
class Slot:
    """A tensor's place in the values of a replay."""

    number: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a torch operation: its arguments, tensors replaced by slots, and the slots that it fills."""

    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    fills: tuple[int, ...]
    has_many: bool

    @property
    def changes_its_input(self) -> bool:
        """Whether it works in place."""
        return bool(self.call._schema.is_mutable)  # type: ignore[attr-defined]

    def reads(self) -> set[int]:
        """The numbers of the slots that it reads."""
        return {leaf.number for leaf in tree_flatten((self.arguments, self.named))[0] if isinstance(leaf, Slot)}


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the torch operations of its block while they run."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self.constants: dict[int, Tensor] = {}
        self.fresh_bytes = 0
        self._slots: dict[tuple[Any, ...], int] = {}
        self._alive: list[Tensor] = []  # no memory may be reused: a tensor's place in memory is its identity
        self.inputs = tuple(self._add(tensor) for tensor in inputs)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 (torch's own signature)
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (torch's own signature)
        """Execute the operation and record it."""
        if func.__name__.partition(".")[0] in READS_A_VALUE:
            raise CannotFuse("its loss decides by the values of a tensor")
        if func in FASTER and _is_short(args[0], args[-2]):
            with self:
                return FASTER[func](*args)
        arguments, named = tree_map(self._slot, (args, dict(kwargs or {})))
        result = func(*args, **(kwargs or {}))
        results = [leaf for leaf in tree_flatten(result)[0] if isinstance(leaf, Tensor)]
        is_known = all(_place(tensor) in self._slots for tensor in results)
        if not is_known or func._schema.is_mutable:  # an operation that only returns known tensors need not be repeated
            fills = tuple(self.slot_of(tensor) for tensor in results)
            self.operations.append(Operation(func, arguments, named, fills, isinstance(result, (tuple, list))))
        return result

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Otherwise torch loads its compiler to keep it from compiling this, which nothing here asks it to."""
        return False

    @property
    def slots(self) -> int:
        """The number of slots."""
        return len(self._alive)

    def slot_of(self, tensor: Tensor) -> int:
        """The number of the tensor's slot, a new one for an unknown tensor."""
        number = self._slots.get(_place(tensor))
        return self._add(tensor) if number is None else number

    def _slot(self, argument: object) -> object:
        if not isinstance(argument, Tensor):
            return argument
        if _place(argument) not in self._slots:
            self.constants[self._add(argument)] = argument
        return Slot(self._slots[_place(argument)])

    def _add(self, tensor: Tensor) -> int:
        number = self._slots[_place(tensor)] = len(self._alive)
        self._alive.append(tensor)
        self.fresh_bytes += tensor.numel() * tensor.element_size()
        return number


def _is_short(values: Tensor, dim: int) -> bool:
    """Whether a softmax along the dimension is over few contiguous values, on a processor."""
    return values.dim() > 1 and values.size(dim) < SHORT and values.stride(dim) == 1 and values.device.type == "cpu"


def _log_softmax(values: Tensor, dim: int, is_half: bool) -> Tensor:
    """The same log-softmax with its values moved to another dimension, where torch computes many in parallel."""
    other = 0 if dim % values.dim() else 1
    turned = values.transpose(dim, other).contiguous()
    return torch._log_softmax(turned, other, is_half).transpose(dim, other)


def _log_softmax_backward(gradient: Tensor, output: Tensor, dim: int, kind: torch.dtype) -> Tensor:
    return (gradient - output.exp() * gradient.sum(dim, keepdim=True)).to(kind)


def _softmax(values: Tensor, dim: int, is_half: bool) -> Tensor:
    other = 0 if dim % values.dim() else 1
    turned = values.transpose(dim, other).contiguous()
    return torch._softmax(turned, other, is_half).transpose(dim, other)


def _softmax_backward(gradient: Tensor, output: Tensor, dim: int, kind: torch.dtype) -> Tensor:
    return (output * (gradient - (gradient * output).sum(dim, keepdim=True))).to(kind)


FASTER: Mapping[Any, Callable[..., Tensor]] = {
    torch.ops.aten._log_softmax.default: _log_softmax,
    torch.ops.aten._log_softmax_backward_data.default: _log_softmax_backward,
    torch.ops.aten._softmax.default: _softmax,
    torch.ops.aten._softmax_backward_data.default: _softmax_backward,
}
"""Operations that are replaced by faster ones with the same result up to rounding."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The operations of one run of a function of tensors, to be replayed on other values of the same shapes."""

    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: Mapping[int, Tensor]
    slots: int
    fresh_bytes: int

    def replay(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The function's results, and its changes to its inputs, for these inputs."""
        values: list[Any] = [None] * self.slots
        for number, tensor in (*self.constants.items(), *zip(self.inputs, inputs, strict=True)):
            values[number] = tensor
        for operation in self.operations:
            arguments, named = tree_map(
                lambda leaf: values[leaf.number] if isinstance(leaf, Slot) else leaf,
                (operation.arguments, dict(operation.named)),
            )
            result = operation.call(*arguments, **named)
            results = (
                [value for value in tree_flatten(result)[0] if isinstance(value, Tensor)]
                if operation.has_many
                else [result]
            )
            for number, value in zip(operation.fills, results, strict=True):
                values[number] = value
        return tuple(values[number] for number in self.outputs)

    def is_like(self, other: "Recording") -> bool:
        """Whether both compute the same, so that neither depends on the values it was recorded with."""
        mine, theirs = self.constants, other.constants
        return (
            _written(self) == _written(other)
            and mine.keys() == theirs.keys()
            and all(torch.equal(mine[number], theirs[number]) for number in mine)
        )

    def compiled(self, *inputs: Tensor) -> Callable[..., Sequence[Tensor]]:
        """`replay` as a TorchScript function, without Python between the operations; `replay` itself where that fails.

        Tracing runs the operations, so it runs them on copies of the inputs.
        """
        copies = tuple(tensor.clone() for tensor in inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                traced: Callable[..., Sequence[Tensor]] = torch.jit.trace(  # type: ignore[no-untyped-call]
                    self.replay, copies, check_trace=False
                )
            except Exception:  # whatever this version of torch rejects; the replay is equivalent
                return self.replay
        return traced


def record(function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> tuple[Sequence[Tensor], Recording]:
    """The function's results and their recording. Raises CannotFuse where a replay might give other results."""
    recorder = Recorder(inputs)
    with recorder:
        results = function(*inputs)
    outputs = tuple(recorder.slot_of(tensor) for tensor in results)
    return results, Recording(
        operations=_needed(recorder.operations, outputs),
        inputs=recorder.inputs,
        outputs=outputs,
        constants=recorder.constants,
        slots=recorder.slots,
        fresh_bytes=recorder.fresh_bytes,
    )


def _needed(operations: Sequence[Operation], outputs: Sequence[int]) -> tuple[Operation, ...]:
    """The operations without those whose results are never used."""
    live, needed = set(outputs), []
    for operation in reversed(operations):
        if operation.changes_its_input or live & set(operation.fills):
            needed.append(operation)
            live |= operation.reads()
    return tuple(reversed(needed))


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """What identifies a tensor among all that are alive: the memory of its values, and their layout."""
    storage = tensor.untyped_storage()
    return (storage.data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _written(recording: Recording) -> list[tuple[object, ...]]:
    return [
        (
            str(operation.call),
            repr(operation.arguments),
            repr(sorted(operation.named.items(), key=lambda named: named[0])),
            operation.fills,
        )
        for operation in recording.operations
    ]
