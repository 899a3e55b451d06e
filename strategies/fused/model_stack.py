"""Many models of one shape as one stack: a single tensor of all parameters, and a tensor per buffer.

Standard library and torch only, Python 3.10 and up.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CannotFuse

PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device)


def shape_of(model: nn.Module) -> tuple[object, ...]:
    """What two models must have in common to be trained in one batch: every module, its attributes and its tensors.

    Only dropout rates may differ. What cannot be compared by value, for instance a function made for this model, is
    equal only to itself: an unnoticed difference would train one model as another.
    """
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    first: dict[int, int] = {}
    shared = tuple(first.setdefault(id(tensor), number) for number, (_, tensor) in enumerate(tensors))
    described = tuple(
        (name, tuple(tensor.shape), tensor.dtype, tensor.device, tensor.requires_grad) for name, tensor in tensors
    )
    modules = tuple((name, type(module), _attributes(module)) for name, module in model.named_modules())
    return (modules, described, shared)


def _attributes(module: nn.Module) -> object:
    own = {name: value for name, value in vars(module).items() if name not in ("_parameters", "_buffers", "_modules")}
    if type(module) is nn.Dropout:
        del own["p"]
    return _comparable(own)


def _comparable(value: object) -> object:
    """A hashable value that is equal where the given values are."""
    if isinstance(value, PLAIN):
        return (type(value), value)
    if isinstance(value, Mapping):
        return (type(value), tuple((key, _comparable(entry)) for key, entry in value.items()))
    if isinstance(value, (tuple, list)):
        return (type(value), tuple(_comparable(entry) for entry in value))
    if isinstance(value, (set, frozenset)):
        return (type(value), frozenset(_comparable(entry) for entry in value))
    return (type(value), id(value))


class Stack:
    """K models of one shape. Their tensors become views of the stack, so that each model keeps its own values."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        self.models = tuple(models)
        first = tuple(models[0].named_parameters())
        trained = [(name, parameter) for name, parameter in first if parameter.requires_grad]
        kinds = {(parameter.dtype, parameter.device) for _, parameter in trained}
        if len(kinds) != 1:
            raise CannotFuse(f"its parameters have {len(kinds)} different types or devices")
        self.names = tuple(name for name, _ in trained)
        self.shapes = tuple(parameter.shape for _, parameter in trained)
        tensors: list[dict[str, Tensor]] = [
            {**dict(model.named_parameters()), **dict(model.named_buffers())} for model in models
        ]
        self.parameters = torch.stack(
            [self._flat([of_model[name].detach() for name in self.names]) for of_model in tensors]
        )  # (K, P)
        others = [name for name in tensors[0] if name not in self.names]
        self.buffers = {
            name: torch.stack([of_model[name].detach() for of_model in tensors]) for name in others
        }  # each (K, ...)
        self._show()

    def views(self, flat: Tensor) -> tuple[Tensor, ...]:
        """A tensor of all parameters, (K, P), as one view per parameter, (K, *shape)."""
        sizes = [shape.numel() for shape in self.shapes]
        parts = torch.split(flat, sizes, dim=1)
        return tuple(part.view(len(flat), *shape) for part, shape in zip(parts, self.shapes, strict=True))

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `views`: one tensor per parameter, (K, *shape), as (K, P)."""
        return torch.cat([part.reshape(len(part), -1) for part in parts], dim=1)

    def flat(self, parts: Mapping[str, Tensor | None]) -> Tensor:
        """One model's tensors by parameter name as a row, (P,); zeros for None."""
        like = self.parameters
        pairs = zip((parts[name] for name in self.names), self.shapes, strict=True)
        return self._flat([like.new_zeros(shape.numel()) if part is None else part.to(like) for part, shape in pairs])

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all models but these; the dropped ones keep their values."""
        for number in set(range(len(self.models))) - set(rows):
            self.release(number)
        self.models = tuple(self.models[row] for row in rows)
        index = torch.tensor(rows, device=self.parameters.device)
        self.parameters = self.parameters.index_select(0, index)
        self.buffers = {name: buffer.index_select(0, index) for name, buffer in self.buffers.items()}
        self._show()

    def release(self, number: int) -> None:
        """Give a model its own tensors again."""
        for tensor in (*self.models[number].parameters(), *self.models[number].buffers()):
            tensor.data = tensor.data.clone()

    def _show(self) -> None:
        views = dict(zip(self.names, self.views(self.parameters), strict=True)) | self.buffers
        for number, model in enumerate(self.models):
            for name, tensor in (*model.named_parameters(), *model.named_buffers()):
                tensor.data = views[name][number]

    @staticmethod
    def _flat(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part.reshape(-1) for part in parts])


class MaskedDropout(nn.Module):
    """Replaces a dropout; its mask is set from outside."""

    mask: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mask", torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        """The inputs times the mask."""
        return inputs * self.mask


def skeleton_of(model: nn.Module) -> nn.Module:
    """A copy of the model to run with other tensors and with dropout masks from outside."""
    copied = copied_model(model)
    for name, _ in dropouts_of(copied):
        parent, _, attribute = name.rpartition(".")
        setattr(copied.get_submodule(parent), attribute, MaskedDropout())
    return copied


def copied_model(model: nn.Module) -> nn.Module:
    """A deep copy of the model. Raises CannotFuse where it cannot be copied."""
    try:
        return copy.deepcopy(model)
    except Exception as error:  # a user's module may raise anything when it is copied
        raise CannotFuse(f"the model cannot be copied ({type(error).__name__}: {error})") from None


def dropouts_of(model: nn.Module) -> tuple[tuple[str, Any], ...]:
    """The plain dropouts of a model by name, in the order of its modules."""
    return tuple((name, module) for name, module in model.named_modules() if type(module) is nn.Dropout)
