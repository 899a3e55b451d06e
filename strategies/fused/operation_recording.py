"""A tensor function written down as the flat list of torch operations that it comes to, to be replayed without Python.

A batched step runs through torch.func, autograd and the user's modules; for small models that costs more than the
arithmetic. The operations are the same at each step, so they are recorded once, below all of that. What a recording
cannot see, a number that Python read from a tensor or drew itself, would be frozen into it: the first is noticed and
refused, against the second two recordings are compared. Standard library and torch only, Python 3.10 and up.
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

SHORT = 32  # along so few values torch's softmax on a processor is several times slower than it must be
READS_A_VALUE = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a replay keeps a tensor."""

    number: int


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of a torch operation: its arguments, with slots for tensors, and the slots that it fills."""

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
        """The slots that it needs."""
        return {one.number for one in tree_flatten((self.arguments, self.named))[0] if isinstance(one, Slot)}


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs what happens in its block, and writes it down."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: list[Operation] = []
        self.constants: dict[int, Tensor] = {}
        self.fresh_bytes = 0
        self._slots: dict[tuple[Any, ...], int] = {}
        self._alive: list[Tensor] = []  # no tensor's memory may be given to another while its place is its name
        self.inputs = tuple(self._add(one) for one in inputs)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 (torch's own signature)
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (torch's own signature)
        """Carry the operation out and note it."""
        if func.__name__.partition(".")[0] in READS_A_VALUE:
            raise CannotFuse("its loss decides by the values of a tensor")
        if func in FASTER and _is_short(args[0], args[-2]):
            with self:
                return FASTER[func](*args)
        arguments, named = tree_map(self._slot, (args, dict(kwargs or {})))
        result = func(*args, **(kwargs or {}))
        made = [one for one in tree_flatten(result)[0] if isinstance(one, Tensor)]
        is_known = all(_place(one) in self._slots for one in made)
        if not is_known or func._schema.is_mutable:  # what only looks at a known tensor as it is need not be repeated
            fills = tuple(self.slot_of(one) for one in made)
            self.operations.append(Operation(func, arguments, named, fills, isinstance(result, (tuple, list))))
        return result

    @property
    def slots(self) -> int:
        """How many there are."""
        return len(self._alive)

    def slot_of(self, tensor: Tensor) -> int:
        """The tensor's slot, a new one if it is not known."""
        known = self._slots.get(_place(tensor))
        return self._add(tensor) if known is None else known

    def _slot(self, one: object) -> object:
        if not isinstance(one, Tensor):
            return one
        if _place(one) not in self._slots:
            self.constants[self._add(one)] = one
        return Slot(self._slots[_place(one)])

    def _add(self, tensor: Tensor) -> int:
        number = self._slots[_place(tensor)] = len(self._alive)
        self._alive.append(tensor)
        self.fresh_bytes += tensor.numel() * tensor.element_size()
        return number


def _is_short(values: Tensor, dim: int) -> bool:
    """Whether a softmax along a dimension is one of few values that lie side by side, on a processor."""
    return values.dim() > 1 and values.size(dim) < SHORT and values.stride(dim) == 1 and values.device.type == "cpu"


def _log_softmax(values: Tensor, dim: int, is_half: bool) -> Tensor:
    """The same with the values along another dimension, where torch computes many softmaxes side by side."""
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
"""Operations that are recorded as others with the same result but for rounding."""


@dataclass(frozen=True, slots=True)
class Recording:
    """The operations of one run of a function of tensors, ready to be repeated on other values of the same shapes."""

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
        for one in self.operations:
            arguments, named = tree_map(
                lambda each: values[each.number] if isinstance(each, Slot) else each, (one.arguments, dict(one.named))
            )
            result = one.call(*arguments, **named)
            made = (
                [value for value in tree_flatten(result)[0] if isinstance(value, Tensor)] if one.has_many else [result]
            )
            for number, value in zip(one.fills, made, strict=True):
                values[number] = value
        return tuple(values[number] for number in self.outputs)

    def is_like(self, other: "Recording") -> bool:
        """Whether both would do the same: nothing in them depends on the values that they were recorded with."""
        mine, theirs = self.constants, other.constants
        return (
            _written(self) == _written(other)
            and mine.keys() == theirs.keys()
            and all(torch.equal(mine[number], theirs[number]) for number in mine)
        )

    def compiled(self, *inputs: Tensor) -> Callable[..., Sequence[Tensor]]:
        """`replay` as a TorchScript function, without Python between the operations; itself where that fails.

        Tracing runs it, so it is given copies.
        """
        copies = tuple(one.clone() for one in inputs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found: Callable[..., Sequence[Tensor]] = torch.jit.trace(  # type: ignore[no-untyped-call]
                    self.replay, copies, check_trace=False
                )
            except Exception:  # whatever this version of torch has against an operation; the replay is as good
                return self.replay
        return found


def record(function: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor]) -> tuple[Sequence[Tensor], Recording]:
    """The function's results, and how they came about. Raises CannotFuse when a replay might give others."""
    recorder = Recorder(inputs)
    with recorder:
        results = function(*inputs)
    outputs = tuple(recorder.slot_of(one) for one in results)
    return results, Recording(
        operations=_needed(recorder.operations, outputs),
        inputs=recorder.inputs,
        outputs=outputs,
        constants=recorder.constants,
        slots=recorder.slots,
        fresh_bytes=recorder.fresh_bytes,
    )


def _needed(operations: Sequence[Operation], outputs: Sequence[int]) -> tuple[Operation, ...]:
    """The operations without those that nothing comes of."""
    live, needed = set(outputs), []
    for one in reversed(operations):
        if one.changes_its_input or live & set(one.fills):
            needed.append(one)
            live |= one.reads()
    return tuple(reversed(needed))


def _place(tensor: Tensor) -> tuple[Any, ...]:
    """What tells a tensor from all others that are alive: where its values lie, and how they are read."""
    storage = tensor.untyped_storage()
    return (storage.data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype)


def _written(recording: Recording) -> list[tuple[object, ...]]:
    return [
        (str(one.call), repr(one.arguments), repr(sorted(one.named.items(), key=lambda each: each[0])), one.fills)
        for one in recording.operations
    ]
